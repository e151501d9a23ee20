//! `daily_ops pc backtest --sweep` as its user calls it.

use daily_ops::contracts::Document as _;
use daily_ops::contracts::sweep::SweepResult;
use daily_ops::store::layout;
use serde_json::Value;

use crate::command::run;
use crate::command::text;
use crate::command::workspace;

const BASE: [&str; 6] = ["--strategy", "ma_cross", "--ticker", "069500", "--prices", layout::PRICES];
const AXES: [&str; 4] = ["--sweep", "fast=3..6", "--sweep", "slow=6..14:4"];

#[test]
fn every_cell_of_a_sweep_shows_the_figures_of_the_single_run() {
    let dir = workspace();
    let told = run(dir.path(), &[&BASE[..], &AXES, &["--json"]].concat());
    assert_eq!(told.status.code(), Some(0), "{}", text(&told.stderr));
    let shown: Value = serde_json::from_slice(&told.stdout).expect("JSON");
    assert!(shown["compute_ms"].is_f64() && shown["bars_x_cells_per_second"].is_f64(), "{shown}");
    let sweep = SweepResult::parse(&told.stdout).expect("a sweep");
    assert_eq!((sweep.cells.len(), sweep.skipped), (12, 1));
    for cell in &sweep.cells {
        let params = ["fast", "slow"].map(|name| format!("{name}={}", cell.params[name]));
        let single = run(dir.path(), &[&BASE[..], &["--param", &params[0], "--param", &params[1], "--json"]].concat());
        let single: Value = serde_json::from_slice(&single.stdout).expect("JSON");
        let Some(metrics) = &cell.metrics else {
            assert_eq!(cell.skipped.as_deref(), Some("fast (6) is not below slow (6)"));
            continue;
        };
        let metrics = serde_json::to_value(metrics).expect("an object");
        assert_eq!(metrics, single["metrics"], "{params:?}");
    }
}

#[test]
fn a_sweep_writes_the_same_bytes_whatever_the_threads() {
    let dir = workspace();
    let bytes = ["1", "2", "5"].map(|threads| {
        let told = run(dir.path(), &[&BASE[..], &AXES, &["--threads", threads, "--out", "sweep.json"]].concat());
        assert_eq!(told.status.code(), Some(0), "{}", text(&told.stderr));
        assert_eq!(text(&told.stderr), "", "no bar where nobody watches");
        let screen = text(&told.stdout);
        for part in ["12 cells (1 skipped: fast (6)", "best by sharpe", "all cells: sharpe from", "written: sweep.json"]
        {
            assert!(screen.contains(part), "{part} in {screen}");
        }
        std::fs::read(dir.path().join("sweep.json")).expect("written")
    });
    assert!(bytes.iter().all(|other| *other == bytes[0]));
    assert!(SweepResult::parse(&bytes[0]).is_ok());
}

#[test]
fn the_best_cells_are_sorted_as_asked() {
    let dir = workspace();
    for (sort, field, column) in [("return", "total_return", 4), ("mdd", "mdd", 6), ("calmar", "calmar", 7)] {
        let told = run(dir.path(), &[&BASE[..], &AXES, &["--sort", sort, "--top", "4"]].concat());
        let screen = text(&told.stdout);
        let rows = screen.lines().skip_while(|line| *line != format!("best by {field}")).skip(2).take(4);
        let values: Vec<f64> = rows
            .map(|row| row.split_whitespace().nth(column).and_then(|value| value.parse().ok()).expect("a number"))
            .collect();
        assert_eq!(values.len(), 4, "{screen}");
        let ascending = sort == "mdd";
        assert!(values.windows(2).all(|pair| if ascending { pair[0] <= pair[1] } else { pair[0] >= pair[1] }));
    }
}

#[test]
fn a_wrong_sweep_is_wrong_usage_and_names_the_rule() {
    let dir = workspace();
    let cases: [(&[&str], &str); 7] = [
        (&["--sweep", "fats=2..4"], "no parameter fats; there are fast, slow"),
        (&["--sweep", "fast=4..2"], "must not end before it starts"),
        (&["--sweep", "fast"], "must be KEY=A..B"),
        (&["--sweep", "fast=1..2000", "--sweep", "slow=1..2000"], "4000000 cells are too many: at most 1000000"),
        (&["--sweep", "fast=30..40"], "fast (30) is not below slow (20)"),
        (&["--param", "fast=3", "--sweep", "fast=2..4"], "also given as a fixed parameter"),
        (&["--sweep", "fast=2..4", "--threads", "0"], "--threads"),
    ];
    for (more, want) in cases {
        let told = run(dir.path(), &[&BASE[..], more].concat());
        assert_eq!(told.status.code(), Some(64), "{more:?}: {}", text(&told.stderr));
        assert!(text(&told.stderr).contains(want), "{more:?}: {}", text(&told.stderr));
    }
}
