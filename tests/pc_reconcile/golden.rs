//! Whole results: the shared pairs to the byte, and a small pair that a clone carries.

use std::path::Path;
use std::path::PathBuf;

use crate::site::AT;
use crate::site::Bar;
use crate::site::Site;
use crate::site::bars;
use crate::site::day;
use crate::site::json;
use crate::site::ledger;
use crate::site::program;
use daily_ops::pc::reconcile::CalendarMode;
use daily_ops::pc::reconcile::OUTPUT_NAMES;
use daily_ops::pc::reconcile::Outputs;
use daily_ops::pc::reconcile::reconcile;
use daily_ops::time::Stamp;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pc_reconcile/golden");

/// The document with the fields that differ from run to run put to what the goldens have.
fn masked(text: &str, source: &str) -> String {
    let mask = |line: &str| {
        let key = line.trim_start().split_once(':').map_or("", |(key, _)| key.trim_matches('"'));
        let comma = if line.ends_with(',') { "," } else { "" };
        let indent = &line[..line.len() - line.trim_start().len()];
        let put = |value: &str| format!("{indent}\"{key}\": {value}{comma}");
        match key {
            "generated_at" => put("\"<generated_at>\""),
            "asof" => put("\"<asof>\""),
            "mtime_iso" => put("null"),
            "source" => put(&format!("\"{source}\"")),
            _ => line.to_owned(),
        }
    };
    let lines: Vec<String> = text.split('\n').map(mask).collect();
    lines.join("\n")
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(&path).unwrap_or_else(|fault| panic!("{}: {fault}", path.display()))
}

#[test]
fn the_shared_pairs_are_reproduced_to_the_byte() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/reconcile");
    if !root.exists() {
        return;
    }
    for (name, days) in [("reference_weekday", 523), ("product_krx", 486)] {
        let out = tempfile::tempdir().expect("a directory");
        let case = root.join(name).join("case.json");
        let run = program()
            .args(["--json", "pc", "reconcile", "--verify", "--case"])
            .arg(&case)
            .arg("--out")
            .arg(out.path())
            .output()
            .expect("started");
        assert_eq!(run.status.code(), Some(0), "{name}: {}", String::from_utf8_lossy(&run.stderr));
        let told = json(&String::from_utf8(run.stdout).expect("text"));
        assert_eq!((told["rows"].as_u64(), told["verified"].as_bool()), (Some(days), Some(true)), "{name}");
        for file in OUTPUT_NAMES {
            let want = read(root.join(name).join("expected").join(file));
            let got = masked(&read(out.path().join(file)), "generate_reports.py");
            assert!(got == want, "{name}/{file} differs");
        }
    }
}

/// A year with what makes the two calendars differ: a trade on a closed day and on a weekend, a row on a closed day, a day
/// twice, a halted day, a jump, a wrong high, a missing session.
fn spoiled() -> Site {
    let site = Site::new();
    let mut rows: Vec<Bar> = bars();
    let index = |rows: &[Bar], date: &str| rows.iter().position(|(other, _)| *other == day(date)).expect("a bar");
    let at = index(&rows, "2024-07-10");
    rows.remove(at);
    let at = index(&rows, "2024-07-22");
    rows[at].1[1] = rows[at].1[3] - 100.0;
    let at = index(&rows, "2024-07-23");
    rows[at].1[0] = 0.0;
    let at = index(&rows, "2024-09-02");
    for value in &mut rows[at].1[..4] {
        *value *= 1.5;
    }
    let at = index(&rows, "2024-07-05");
    let twin = rows[at];
    rows.push((twin.0, twin.1.map(|value| value - 1.0)));
    rows.push((day("2024-06-06"), twin.1));
    site.evidence(&rows);
    site.write(
        "ledger.jsonl",
        &ledger(&[
            ("2024-03-29", 1),
            ("2024-07-10", 2),
            ("2024-08-05", 3),
            ("2024-08-10", 1),
            ("2024-08-15", 2),
            ("2024-09-03", 1),
        ]),
    );
    site
}

#[test]
fn the_small_pair_is_what_it_was() {
    for calendar in [CalendarMode::Krx, CalendarMode::Weekday] {
        let site = spoiled();
        let mut request = site.request(calendar);
        request.from = Some(day("2024-06-17"));
        request.to = Some(day("2024-12-06"));
        let made_at = Stamp::from(AT);
        let result = reconcile(&request, &made_at);
        assert_eq!(result.refusal, None);
        let outputs = Outputs::of(&result, &made_at).expect("rendered");
        let store = daily_ops::store::Store::new(site.path("out"));
        outputs.replace(&store, "").expect("written");
        for file in OUTPUT_NAMES {
            let path = Path::new(GOLDEN).join(calendar.as_str()).join(file);
            let mut got = masked(&site.read(&format!("out/{file}")), "daily_ops report");
            // The bytes of a price file depend on the version of the library that wrote it.
            if let Some(source) = result.summary.provenance.as_ref().and_then(|provenance| provenance.sources.get(1)) {
                got = got
                    .replace(&format!("\"size_bytes\": {}", source.size_bytes.unwrap_or_default()), "\"size_bytes\": 0")
                    .replace(source.sha256.as_deref().unwrap_or("none"), "<sha256>");
            }
            // Set when a decision changed the documents; what changed is read in the diff.
            if std::env::var_os("WRITE_GOLDEN").is_some() {
                std::fs::create_dir_all(path.parent().expect("a directory")).expect("made");
                std::fs::write(&path, &got).expect("written");
            }
            assert!(got == read(path), "{}/{file} differs", calendar.as_str());
        }
    }
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let made_at = Stamp::from(AT);
    let (a, b) = (spoiled(), spoiled());
    let bytes = |site: &Site| Outputs::of(&site.krx(), &made_at).expect("rendered");
    let again = bytes(&a);
    assert_eq!(bytes(&a), again);
    // Another directory and another time of the files, and nothing else.
    let times = |mut result: daily_ops::pc::reconcile::Reconciled| {
        result.summary.provenance.iter_mut().flat_map(|p| &mut p.sources).for_each(|source| source.mtime_iso = None);
        result
    };
    assert_eq!(times(a.krx()), times(b.krx()));
}
