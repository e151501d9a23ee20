//! The observation log as a reader of the workspace sees it.

use serde_json::Value;

use crate::store::Store;

/// How far back the log is read.
const REACH: u64 = 4 << 20;

/// The rows of events of one trace.
pub(super) fn rows_of(store: &Store, log: &str, trace_id: &str) -> Result<Vec<Value>, String> {
    let rows = rows(store, log)?.into_iter();
    Ok(rows.filter(|row| row["trace_id"] == *trace_id && row["id"].is_u64()).collect())
}

/// The rows at the end of the log; lines that are no JSON are left out.
pub(super) fn rows(store: &Store, log: &str) -> Result<Vec<Value>, String> {
    let lines = lines(store, log)?;
    Ok(lines.iter().filter_map(|line| serde_json::from_str(line).ok()).collect())
}

/// The last `count` lines as they are.
pub(super) fn tail(store: &Store, log: &str, count: usize) -> Result<String, String> {
    let lines = lines(store, log)?;
    let from = lines.len().saturating_sub(count);
    Ok(lines[from..].iter().map(|line| format!("{line}\n")).collect())
}

fn lines(store: &Store, log: &str) -> Result<Vec<String>, String> {
    let read = store.read_end(log, REACH).map_err(|fault| fault.to_string())?;
    let Some((bytes, is_whole)) = read else {
        return Err(format!("there is no {log} in the workspace {}", store.root().display()));
    };
    let text = String::from_utf8_lossy(&bytes);
    // Without its beginning the first line is a part of one.
    Ok(text.lines().skip(usize::from(!is_whole)).filter(|line| !line.is_empty()).map(str::to_owned).collect())
}
