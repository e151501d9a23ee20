//! A directory with inputs, made bar by bar.

use std::fs;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;
use std::process::Output;
use std::sync::Arc;

use daily_ops::contracts::recon::ReconDaily;
use daily_ops::contracts::recon::ReconSummary;
use daily_ops::pc::reconcile::CalendarMode;
use daily_ops::pc::reconcile::InputFiles;
use daily_ops::pc::reconcile::Reconciled;
use daily_ops::pc::reconcile::Request;
use daily_ops::pc::reconcile::reconcile;
use daily_ops::time::Calendar;
use daily_ops::time::Stamp;
use daily_ops::time::TradingDate;
use parquet::data_type::DoubleType;
use parquet::data_type::Int32Type;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use serde_json::Value;
use tempfile::TempDir;

/// A bar: day, and open, high, low, close, volume.
pub(crate) type Bar = (TradingDate, [f64; 5]);

pub(crate) const AT: &str = "2025-01-02T18:00:00.000000+09:00";

pub(crate) struct Site {
    pub(crate) dir: TempDir,
}

pub(crate) fn day(text: &str) -> TradingDate {
    text.parse().expect("a date")
}

/// Sessions of the exchange, both ends included.
pub(crate) fn sessions(from: &str, to: &str) -> Vec<TradingDate> {
    let to = day(to);
    let days = day(from).iter_days().take_while(move |date| *date <= to);
    days.filter(|date| Calendar::krx().session(*date).expect("covered").is_some()).collect()
}

/// Bars that rise for half of the time, lie flat with noise, and fall: every reason of the gate occurs.
pub(crate) fn bars() -> Vec<Bar> {
    let bar = |(i, date): (usize, TradingDate)| {
        let step = i32::try_from(i).expect("small");
        let trend = match step {
            0..150 => 30_000 + 40 * step,
            150..200 => 36_000 + 60 * ((step * 7) % 5 - 2),
            _ => 36_000 - 150 * (step - 200),
        };
        let close = f64::from(trend + (step * 37) % 23);
        let (high, low) = (close + f64::from(20 + step % 7), close - f64::from(15 + step % 5));
        (date, [close - 5.0, high, low, close, f64::from(1_000 + step)])
    };
    sessions("2024-01-02", "2024-12-30").into_iter().enumerate().map(bar).collect()
}

/// Writes bars as a price file.
pub(crate) fn write_bars(path: &Path, bars: &[Bar]) {
    let schema = "message bars { required int32 date (DATE); required double open; required double high;
        required double low; required double close; required double volume; }";
    let schema = Arc::new(parse_message_type(schema).expect("a schema"));
    fs::create_dir_all(path.parent().expect("a directory")).expect("made");
    let file = fs::File::create(path).expect("created");
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::new())).expect("a writer");
    let mut group = writer.next_row_group().expect("a group");
    let epoch = day("1970-01-01");
    let dates: Vec<i32> =
        bars.iter().map(|(date, _)| i32::try_from((*date - epoch).num_days()).expect("small")).collect();
    let mut column = group.next_column().expect("readable").expect("a column");
    column.typed::<Int32Type>().write_batch(&dates, None, None).expect("written");
    column.close().expect("closed");
    for at in 0..5 {
        let values: Vec<f64> = bars.iter().map(|(_, values)| values[at]).collect();
        let mut column = group.next_column().expect("readable").expect("a column");
        column.typed::<DoubleType>().write_batch(&values, None, None).expect("written");
        column.close().expect("closed");
    }
    group.close().expect("closed");
    writer.close().expect("closed");
}

/// Lines of a ledger: day and trades.
pub(crate) fn ledger(lines: &[(&str, u64)]) -> String {
    let line = |(date, trades): &(&str, u64)| {
        format!(
            "{{\"date\": \"{date}\", \"status\": \"OPEN\", \"regime\": \"bull\", \"is_chop\": false, \
             \"potential_signals\": 0, \"actual_trades\": {trades}, \"primary_reason\": \"NONE\"}}\n"
        )
    };
    lines.iter().map(line).collect()
}

impl Site {
    /// Sound inputs: a year of bars, trades on three days, as many in the validation, a baseline that is covered.
    pub(crate) fn new() -> Self {
        let site = Self { dir: TempDir::new().expect("a directory") };
        site.write(
            "ledger.jsonl",
            &ledger(&[("2024-07-01", 0), ("2024-08-05", 2), ("2024-08-12", 1), ("2024-11-29", 1)]),
        );
        site.write("oos.json", r#"{"years": {"2024": {"summary": {"trades": 4}}}}"#);
        site.write("baseline.json", &baseline("2024-01-02", "2024-12-30"));
        site.evidence(&bars());
        site
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a directory")).expect("made");
        fs::write(path, text).expect("written");
    }

    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|fault| panic!("{name}: {fault}"))
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.path(name)).expect("removed");
    }

    pub(crate) fn evidence(&self, bars: &[Bar]) {
        write_bars(&self.path("069500.parquet"), bars);
    }

    pub(crate) fn request(&self, calendar: CalendarMode) -> Request<'_> {
        Request {
            calendar,
            from: Some(day("2024-07-01")),
            to: Some(day("2024-12-30")),
            files: InputFiles {
                ledger: self.path("ledger.jsonl"),
                validation: self.path("oos.json"),
                evidence: self.path("069500.parquet"),
                baseline: Some(self.path("baseline.json")),
            },
            root: self.dir.path(),
        }
    }

    pub(crate) fn krx(&self) -> Reconciled {
        reconcile(&self.request(CalendarMode::Krx), &Stamp::from(AT))
    }

    pub(crate) fn weekday(&self) -> Reconciled {
        reconcile(&self.request(CalendarMode::Weekday), &Stamp::from(AT))
    }

    /// The command on the site's files, with the result in `out`.
    pub(crate) fn run(&self, more: &[&str]) -> Output {
        let file = |name: &str| self.path(name).to_string_lossy().into_owned();
        let flags = [
            ("--ledger", file("ledger.jsonl")),
            ("--validation", file("oos.json")),
            ("--evidence", file("069500.parquet")),
            ("--baseline", file("baseline.json")),
            ("--out", file("out")),
        ];
        let mut command = program();
        command.args(["--root", &file(""), "pc", "reconcile", "--from", "2024-07-01", "--to", "2024-12-30"]);
        for (flag, value) in flags {
            command.args([flag, &value]);
        }
        command.args(more).output().expect("started")
    }
}

pub(crate) fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daily_ops"));
    command.env_remove("DAILY_OPS_ROOT");
    command
}

pub(crate) fn baseline(from: &str, to: &str) -> String {
    format!(
        r#"{{"evidence": {{"symbol": "069500", "min_date": "{from}", "max_date": "{to}"}}, "policy_id": "COVERAGE_BASELINE_V1"}}"#
    )
}

pub(crate) fn code_of(result: &Reconciled) -> Option<&str> {
    result.refusal.as_ref().map(|refusal| refusal.code.as_str())
}

pub(crate) fn row<'a>(result: &'a Reconciled, date: &str) -> &'a ReconDaily {
    result.daily.iter().find(|row| row.trade_date == date).unwrap_or_else(|| panic!("no row of {date}"))
}

pub(crate) fn codes<'a>(result: &'a Reconciled, date: &str) -> Vec<&'a str> {
    row(result, date).integrity.codes.iter().map(String::as_str).collect()
}

pub(crate) fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|fault| panic!("{fault}: {text}"))
}

pub(crate) fn error_of(summary: &ReconSummary) -> (&str, &str) {
    let error = summary.error.as_ref().expect("an error form");
    (&error.code, &error.message_ko)
}
