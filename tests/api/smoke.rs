//! Every route is called: well, without what it needs, with what it cannot use, and over workspaces of every kind.

use std::path::Path;
use std::process::Command;

use daily_ops::backend::Member;
use daily_ops::backend::ROUTES;
use daily_ops::backend::Route;
use daily_ops::backend::Verb;
use serde_json::Map;
use serde_json::Value;
use serde_json::json;

use super::asking::address;
use super::asking::body_of;
use super::asking::name;
use super::asking::usual;
use super::asking::written;
use super::asking::wrong;
use super::client::Answer;
use super::client::Site;
use super::schemas::Schemas;
use super::schemas::documents;
use super::schemas::files;
use super::schemas::stated;

/// A value that the member takes, whatever the route.
fn good(member: &Member) -> Value {
    match member.name {
        "mode" => json!("MOCK_ONLY"),
        "kind" => json!("OPS_FAILED"),
        "status" => json!("DONE"),
        "request_type" => json!("ACKNOWLEDGE"),
        "payload" => json!({"message_id": "m1"}),
        "ref" => json!("state/emergency_stop.json"),
        "ttl_seconds" => json!(60),
        "updated_by" => json!("api"),
        "spike" | "holding" => json!({"enabled": false}),
        _ => usual(member.kind),
    }
}

fn path_of(route: &Route) -> String {
    let value = |member: &Member| if member.name == "mode" { json!("test") } else { good(member) };
    let asked = route.query.iter().filter(|member| member.name != "status");
    let confirm = route.confirm.map(|_| ("confirm", json!(true)));
    let pairs: Vec<_> = asked.map(|member| (member.name, value(member))).chain(confirm).collect();
    address(&route.path.replace("{id}", "ops_run_20260101_000000.json"), &pairs)
}

fn call(site: &Site, route: &Route, body: &Map<String, Value>) -> Answer {
    site.call(route.verb.as_str(), &path_of(route), written(route, body).as_deref(), &[])
}

/// The reply is one that the route promises: a known status, a JSON object, and for reads the four members.
fn check(route: &Route, answer: &Answer, place: &str) {
    let (name, said) = (name(route), &answer.text);
    let known = answer.status == 200 || answer.status == 422 || route.refusals.contains(&answer.status);
    assert!(known, "{place}: {name} answers {} {said}", answer.status);
    let body = answer.json();
    assert!(body.is_object(), "{place}: {name} {said}");
    if route.verb == Verb::Get && answer.status == 200 && route.path != "/api/openapi.json" {
        for member in ["status", "schema", "asof", "error"] {
            assert!(body.get(member).is_some(), "{place}: {name} lacks {member}: {said}");
        }
    }
}

fn all(site: &Site, place: &str) {
    for route in ROUTES {
        check(route, &call(site, route, &body_of(route, good)), place);
    }
}

#[test]
fn every_route_answers_over_an_empty_workspace_and_over_what_it_made_itself() {
    let site = Site::new();
    all(&site, "empty");
    all(&site, "second time");
    let schemas = Schemas::load();
    let mut checked = 0;
    for path in files(site.dir.path()) {
        for document in documents(&path) {
            let name = stated(&document).unwrap_or_else(|| panic!("{} names no schema", path.display()));
            let faults = schemas.faults(name, &document).unwrap_or_else(|| panic!("{name} has no page in contracts/"));
            assert!(faults.is_empty(), "{}: {faults:?}", path.display());
            checked += 1;
        }
    }
    assert!(checked > 60, "only {checked} documents were written");
}

#[test]
fn every_route_answers_over_a_workspace_of_damaged_files() {
    for (kind, bytes) in
        [("no JSON", &b"{half"[..]), ("a list", b"[1]"), ("nothing", b""), ("other encoding", b"\xff\xfe{")]
    {
        let site = Site::new();
        all(&site, "preparing");
        for (file, _) in contents(site.dir.path()) {
            site.store.write(&file, bytes).expect("written");
        }
        for route in ROUTES {
            let answer = call(&site, route, &body_of(route, good));
            // A damaged workspace may stop a change; it may not stop a read, and nothing may break down.
            let is_refusal = route.verb == Verb::Post && (400..=503).contains(&answer.status) && answer.status != 501;
            if !is_refusal {
                check(route, &answer, kind);
            }
            assert!(answer.json().is_object(), "{kind}: {}", name(route));
        }
    }
}

/// Every file of a folder, named from there with forward slashes, with its bytes.
fn contents(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let name = |path: &Path| path.strip_prefix(folder).expect("inside").to_string_lossy().replace('\\', "/");
    files(folder).iter().map(|path| (name(path), std::fs::read(path).expect("read"))).collect()
}

#[test]
fn every_route_answers_over_the_recorded_workspace() {
    let data = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/oci"));
    if !data.is_dir() {
        return;
    }
    let site = Site::new();
    for (file, bytes) in contents(data) {
        if file.starts_with("reports/") || file.starts_with("state/") {
            site.store.write(&file, &bytes).expect("written");
        }
    }
    all(&site, "recorded");
}

/// What git would add.
fn untracked(folder: &Path) -> Vec<String> {
    let repository = git2::Repository::open(folder).expect("a repository");
    let mut options = git2::StatusOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true);
    let statuses = repository.statuses(Some(&mut options)).expect("statuses");
    statuses.iter().map(|entry| entry.path().expect("a text").to_owned()).collect()
}

#[test]
fn nothing_that_a_route_writes_is_offered_to_git() {
    let site = Site::new();
    git2::Repository::init(site.dir.path()).expect("a repository");
    let made = Command::new(env!("CARGO_BIN_EXE_daily_ops")).arg("init").arg(site.dir.path()).output().expect("run");
    assert!(made.status.success(), "{made:?}");
    let before = untracked(site.dir.path());
    all(&site, "a work tree");
    assert_eq!(untracked(site.dir.path()), before);
}

#[test]
fn what_a_route_needs_is_asked_for_by_name() {
    let site = Site::new();
    for route in ROUTES {
        let whole = body_of(route, good);
        for member in route.body.iter().filter(|member| member.needed) {
            let mut body = whole.clone();
            body.remove(member.name);
            // An object without members would be no body at all.
            body.insert("confirm".to_owned(), json!(true));
            let answer = call(&site, route, &body);
            let told = matches!(answer.status, 400 | 422) && answer.text.contains(&format!("\"{}\"", member.name));
            assert!(told, "{} without {}: {} {}", name(route), member.name, answer.status, answer.text);
        }
        for member in route.body {
            let mut body = whole.clone();
            body.insert(member.name.to_owned(), wrong(member));
            let answer = call(&site, route, &body);
            let told = matches!(answer.status, 400 | 422) && answer.text.contains(member.name);
            assert!(told, "{} with a wrong {}: {} {}", name(route), member.name, answer.status, answer.text);
        }
    }
}

#[test]
fn nothing_that_wants_a_confirmation_happens_without_one() {
    let site = Site::new();
    for route in ROUTES.iter().filter(|route| route.confirm.is_some()) {
        let path = path_of(route).replace("confirm=true", "confirm=false");
        let body = Value::Object(body_of(route, good)).to_string();
        let answer = site.post(&path, Some(&body));
        assert_eq!(answer.status, 400, "{} {}", name(route), answer.text);
        assert_eq!(answer.json()["result"], "BLOCKED", "{}", name(route));
    }
    let made: Vec<_> = std::fs::read_dir(site.dir.path()).expect("listed").collect();
    assert!(made.is_empty(), "{made:?}");
}
