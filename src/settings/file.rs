//! Reads `daily_ops.toml` into entries that know their line.

use std::io::ErrorKind;
use std::path::Path;

use toml::Spanned;
use toml::de::DeTable;
use toml::de::DeValue;

use super::SETTINGS_FILE;
use super::fault::Place;
use super::fault::SettingFault;
use super::table::knobs;
use super::value::Raw;

/// One line of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The full key, such as `pipeline.branch`.
    pub(super) key: String,
    /// The line, counted from one.
    pub(super) line: usize,
    /// The value.
    pub(super) raw: Raw,
}

/// The entries of the file in `root`, by line; none when there is no file.
pub(super) fn entries(root: &Path) -> Result<Vec<Entry>, Vec<SettingFault>> {
    let whole = |rule: String| vec![SettingFault::new(Place::File { line: None, key: None }, rule)];
    let bytes = match std::fs::read(root.join(SETTINGS_FILE)) {
        Ok(bytes) => bytes,
        Err(why) if why.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(why) => return Err(whole(format!("cannot be read: {why}"))),
    };
    let text = String::from_utf8(bytes).map_err(|why| {
        let line = line_at(why.as_bytes(), why.utf8_error().valid_up_to());
        vec![SettingFault::new(Place::File { line: Some(line), key: None }, "must be UTF-8")]
    })?;
    parse(text.strip_prefix('\u{feff}').unwrap_or(&text))
}

fn parse(text: &str) -> Result<Vec<Entry>, Vec<SettingFault>> {
    let (table, faults) = DeTable::parse_recoverable(text);
    if !faults.is_empty() {
        // Only the message is repeated: the line itself may hold a secret that was put there by mistake.
        let fault = |why: &toml::de::Error| {
            let line = why.span().map(|span| line_at(text.as_bytes(), span.start));
            SettingFault::new(Place::File { line, key: None }, format!("is not TOML: {}", one_line(why.message())))
        };
        return Err(faults.iter().map(fault).collect());
    }
    let mut found = Vec::new();
    flatten(text, "", table.get_ref(), &mut found);
    found.sort_by_key(|entry| entry.line);
    Ok(found)
}

fn flatten(text: &str, section: &str, table: &DeTable<'_>, found: &mut Vec<Entry>) {
    for (name, value) in table {
        let dot = if section.is_empty() { "" } else { "." };
        let key = format!("{section}{dot}{}", name.get_ref());
        match value.get_ref().as_table() {
            Some(inner) if is_section(&key) => flatten(text, &key, inner, found),
            _ => {
                let line = line_at(text.as_bytes(), name.span().start);
                found.push(Entry { key, line, raw: raw(value.get_ref()) });
            }
        }
    }
}

/// Whether knobs live under this name.
pub(super) fn is_section(name: &str) -> bool {
    knobs().iter().any(|knob| knob.key.split_once('.').is_some_and(|(section, _)| section == name))
}

fn raw(value: &DeValue<'_>) -> Raw {
    match value {
        DeValue::String(text) => Raw::Text(text.to_string()),
        DeValue::Boolean(value) => Raw::Bool(*value),
        DeValue::Integer(number) => {
            i64::from_str_radix(number.as_str(), number.radix()).map_or(Raw::Other("very large number"), Raw::Integer)
        }
        DeValue::Array(items) => {
            let texts = items.iter().map(|item: &Spanned<DeValue<'_>>| item.get_ref().as_str().map(str::to_owned));
            texts.collect::<Option<Vec<_>>>().map_or(Raw::Other("list of other things than texts"), Raw::List)
        }
        DeValue::Float(_) => Raw::Other("number with a point"),
        DeValue::Datetime(_) => Raw::Other("date"),
        DeValue::Table(_) => Raw::Other("table"),
    }
}

fn line_at(text: &[u8], offset: usize) -> usize {
    text.iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
