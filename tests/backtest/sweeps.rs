//! `daily_ops pc backtest --sweep` as its user calls it: every cell is the single run.

use std::path::Path;
use std::process::Command;

use daily_ops::store::layout;
use serde_json::Value;

use crate::command::workspace;

/// What a call prints as JSON, and its standard error.
fn json(dir: &Path, args: &[&str]) -> (Value, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_daily_ops"));
    command.env_clear().current_dir(dir).args(["pc", "backtest", "--json", "--prices", layout::PRICES]).args(args);
    let told = command.output().expect("started");
    let said = String::from_utf8_lossy(&told.stderr).into_owned();
    assert_eq!(told.status.code(), Some(0), "{args:?}: {said}");
    (serde_json::from_slice(&told.stdout).expect("JSON"), said)
}

/// Every figure that a cell and a single run both have must be the same.
fn assert_equal(cell: &Value, single: &Value, name: &str) {
    let cell = cell["metrics"].as_object().expect(name);
    let mut compared = 0;
    for (field, value) in single["metrics"].as_object().expect(name) {
        if let Some(found) = cell.get(field) {
            assert_eq!(found, value, "{name}: {field}");
            compared += 1;
        }
    }
    assert!(compared >= 15, "{name}: {compared} figures compared");
}

#[test]
fn every_cell_of_a_sweep_is_the_single_run_with_its_parameters() {
    let dir = workspace();
    let cross = ["--strategy", "ma_cross", "--ticker", "069500"];
    let ranks = ["--strategy", "krx_momentum_v1", "--ticker", "069500", "--ticker", "114800"];
    let gated = [&ranks[..], &["--param", "gate=true"]].concat();
    let low_entry = [&ranks[..], &["--param", "entry_threshold=-0.2"]].concat();
    let cases: [(&str, &[&str], &[&str], usize); 7] = [
        ("one axis", &cross, &["fast=2..5"], 4),
        ("one axis of the slow mean", &cross, &["slow=15..40:5"], 6),
        ("two axes", &cross, &["fast=2..4", "slow=10..20:5"], 9),
        ("the ranking", &ranks, &["momentum_period=10..30:10"], 3),
        ("the ranking, fractions", &ranks, &["entry_threshold=0.01..0.03:0.01"], 3),
        ("the gate by the bundle's name", &gated, &["adx_filter_min=10..40:10"], 4),
        ("an entry that only the axis permits", &low_entry, &["exit_threshold=-0.5..-0.3:0.1"], 3),
    ];
    for (name, base, axes, count) in cases {
        let sweeps: Vec<&str> = axes.iter().flat_map(|axis| ["--sweep", axis]).collect();
        let (swept, _) = json(dir.path(), &[base, &sweeps[..]].concat());
        let cells = swept["cells"].as_array().expect(name);
        assert_eq!(cells.len(), count, "{name}");
        let mut different = Vec::new();
        for cell in cells {
            let params = cell["params"].as_object().expect(name);
            assert_eq!(params.len(), axes.len(), "{name}");
            let pairs: Vec<String> = params.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let params: Vec<&str> = pairs.iter().flat_map(|pair| ["--param", pair.as_str()]).collect();
            let (single, _) = json(dir.path(), &[base, &params[..]].concat());
            assert_equal(cell, &single, &format!("{name} {pairs:?}"));
            different.push(cell["metrics"].to_string());
        }
        different.sort();
        different.dedup();
        let said = swept["warnings"].to_string();
        assert_eq!(different.len() == 1, said.contains("no effect here"), "{name}: {said}");
    }
}

#[test]
fn an_axis_without_effect_is_named_and_so_are_parameters_of_a_gate_that_is_off() {
    let dir = workspace();
    let base = ["--strategy", "krx_momentum_v1", "--ticker", "069500"];
    type Words<'a> = &'a [&'a str];
    let cases: [(&str, Words<'_>, Words<'_>, Words<'_>); 5] = [
        ("an effect", &["--sweep", "momentum_period=10..30:10"], &[], &["no effect", "gate=true"]),
        ("off", &["--sweep", "adx_filter_min=10..12"], &["no effect here: adx_filter_min", "adx_filter_min does"], &[]),
        (
            "one of two",
            &["--sweep", "momentum_period=10..30:10", "--sweep", "volatility_period=5..6"],
            &["no effect here: volatility_period ("],
            &["gate=true"],
        ),
        (
            "only one cell makes sense",
            &["--strategy", "ma_cross", "--ticker", "069500", "--sweep", "fast=9..10", "--param", "slow=10"],
            &["[]"],
            &["effect"],
        ),
        ("fixed", &["--param", "ma_short=3", "--param", "ma_long=9"], &["ma_short, ma_long do nothing"], &["effect"]),
    ];
    for (name, args, wanted, unwanted) in cases {
        let base = if args.contains(&"--strategy") { &base[..0] } else { &base[..] };
        let (told, _) = json(dir.path(), &[base, args].concat());
        let said = told["warnings"].to_string();
        assert!(wanted.iter().all(|want| said.contains(want)), "{name}: {said}");
        assert!(!unwanted.iter().any(|want| said.contains(want)), "{name}: {said}");
    }
}
