//! A day on which everything is fine, from the PC's prices to the host's receipt.

use daily_ops::store::layout;
use serde_json::Value;

use crate::site::RUN;
use crate::site::STAGES;
use crate::site::Site;
use crate::site::Stage;
use crate::site::head;
use crate::site::json;
use crate::site::message;
use crate::site::of_stages;
use crate::site::read;
use crate::site::remote;
use crate::site::write;

/// Checks everything that a day's work leaves behind on the PC, and gives its document.
fn proves_pc(name: &str, site: &Site, told: Value) -> Value {
    assert_eq!((&told["schema"], &told["result"]), (&"PC_RUN_V1".into(), &"DONE".into()), "{name}: {told:#}");
    assert_eq!((&told["exit_code"], &told["failed_stage"]), (&0.into(), &Value::Null), "{name}");
    assert_eq!(of_stages(&told, "stage"), STAGES, "{name}");
    assert_eq!(of_stages(&told, "end"), ["DONE"; 7], "{name}");
    assert_eq!(of_stages(&told, "exit_code"), [0; 7], "{name}");
    for stage in told["stages"].as_array().expect("a list") {
        assert!(stage["summary"].as_str().is_some_and(|text| !text.is_empty()), "{name}: {stage}");
    }
    assert_eq!(site.kept(), told, "{name}: what is stored is what was said");
    assert_eq!(remote(&site.pc).changed_paths().expect("readable"), [""; 0], "{name}: a clean tree");
    assert_eq!(head(&site.pc), site.main(), "{name}: pushed");
    let run_id = told["run_id"].as_str().unwrap_or_else(|| panic!("{name}: no run id"));
    assert!(message(&site.pc).contains(&format!("\nDaily-Ops-Run: {run_id}\n")), "{name}: {}", message(&site.pc));
    told
}

/// Runs the host and checks that it did what the PC had just published.
fn proves_host(name: &str, site: &Site, told: &Value) -> Value {
    let record = site.host_ends(name, 0);
    assert_eq!(record["trace_id"], told["run_id"], "{name}: the host continues the publish");
    assert_eq!(record["host_rev_after"], site.main().to_string(), "{name}");
    assert_eq!((&record["bundle"]["decision"], &record["bundle"]["stale"]), (&"PASS".into(), &false.into()), "{name}");
    assert_eq!(record["bundle"]["signature_verified"], true, "{name}");
    assert_eq!(record["bundle"]["bundle_id"], json(&site.pc, layout::BUNDLE.latest)["bundle_id"], "{name}");
    assert_eq!(record["cycle"]["decision"], "COMPLETED", "{name}: {record:#}");
    assert_eq!(record["cycle"]["delivery_actual"], "CONSOLE_SIMULATED", "{name}");
    assert_eq!(record["warnings"], Value::Array(Vec::new()), "{name}");
    let receipt = json(&site.host, layout::CYCLE.latest);
    assert_eq!(receipt["trace_id"], told["run_id"], "{name}");
    assert_eq!(remote(&site.host).changed_paths().expect("readable"), [""; 0], "{name}: the host's tree is clean");
    record
}

#[test]
fn the_work_of_each_run_reaches_the_host_under_its_run_id() {
    let site = Site::at(Stage::Made);
    assert!(site.pc.to_string_lossy().contains("한글 폴더/연구 PC"), "the paths are the hard ones");
    let first = proves_pc("first", &site, site.kept());
    proves_host("first", &site, &first);
    let before = site.main();
    let second = proves_pc("the same day again", &site, site.pc(RUN).ends("again", 0).json());
    assert_ne!((second["run_id"].clone(), site.main()), (first["run_id"].clone(), before), "published again");
    let record = proves_host("the same day again", &site, &second);
    assert_eq!(record["git"]["code"], "GIT_PULL_UPDATED");
    assert_eq!(record["host_rev_before"], before.to_string(), "a fast-forward");
}

#[test]
fn a_shared_key_does_as_well_as_a_pair() {
    let site = Site::at(Stage::Fresh);
    let file = "state/secrets/bundle_hmac.key";
    let settings = format!("[bundle]\nhmac_key_file = \"{file}\"\n");
    site.pc(&["pc", "bundle", "keygen", "--algorithm", "HMAC-SHA256"]).ends("keygen", 0);
    write(&site.pc, "daily_ops.toml", &settings);
    let ran = site.pc(RUN).ends("run", 0);
    let told = proves_pc("HMAC", &site, ran.json());
    let secret = read(&site.pc, file);
    assert!(!ran.all().contains(secret.trim()), "the key is in no output");
    assert_eq!(json(&site.pc, layout::BUNDLE.latest)["integrity"]["algorithm"], "HMAC-SHA256");
    site.new_host();
    std::fs::create_dir_all(site.host.join("state/secrets")).expect("a directory");
    std::fs::copy(site.pc.join(file), site.host.join(file)).expect("copied with its mode");
    write(&site.host, "daily_ops.toml", &settings);
    proves_host("HMAC", &site, &told);
}

#[test]
fn people_read_a_line_a_stage_and_how_it_ended() {
    let site = Site::at(Stage::Made);
    let ran = site.pc(&["pc", "run", "--synthetic", "7"]).ends("run", 0);
    let run_id = site.kept()["run_id"].as_str().expect("an id").to_owned();
    assert_eq!(ran.stdout.lines().count(), 1, "{}", ran.stdout);
    assert!(ran.stdout.starts_with("done in ") && ran.stdout.trim_end().ends_with(&run_id), "{}", ran.stdout);
    let done: Vec<_> = ran.stderr.lines().filter_map(|line| line.strip_prefix("✓ ")?.split(' ').next()).collect();
    assert_eq!(done, STAGES, "{}", ran.stderr);
    assert!(ran.stderr.contains("SYNTHETIC_PRICES"), "generated prices are never taken for real ones: {}", ran.stderr);
    let quiet = site.pc(&["-q", "pc", "run", "--synthetic", "7"]).ends("quiet", 0);
    assert!(!quiet.stderr.contains('✓') && quiet.stdout.starts_with("done in "), "{}", quiet.all());
}

#[test]
fn what_a_day_made_proves_itself_on_both_machines() {
    let site = Site::at(Stage::Made);
    type Machine = fn(&Site, &[&str]) -> crate::site::Ran;
    let (pc, host): (Machine, Machine) = (Site::pc, Site::on_host);
    let rows: [(&str, Machine, &[&str]); 6] = [
        ("the pair on the PC", pc, &["pc", "report", "--verify"]),
        ("the pair on the host", host, &["pc", "report", "--verify"]),
        ("the bundle on the PC", pc, &["pc", "bundle", "verify"]),
        ("the bundle on the host", host, &["pc", "bundle", "verify"]),
        ("the reconciliation, twice", pc, &["pc", "reconcile", "--verify"]),
        ("the pair again", pc, &["pc", "report", "--verify"]),
    ];
    for (name, machine, args) in rows {
        machine(&site, args).ends(name, 0);
    }
    let told = site.on_host(&["--json", "pc", "bundle", "verify"]).json();
    assert_eq!((&told["usable"], &told["validation"]["signature_verified"]), (&true.into(), &true.into()));
    let pair = read(&site.host, layout::REPORT_HUMAN);
    write(&site.host, layout::REPORT_HUMAN, &pair.replacen("GREEN", "YELLOW", 1));
    let changed = site.on_host(&["pc", "report", "--verify"]);
    assert!(changed.code != Some(0), "a changed report proves nothing: {}", changed.all());
}
