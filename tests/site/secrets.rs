//! No secret that the program was given appears in anything that it says or writes.

use std::os::unix::fs::PermissionsExt as _;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Publisher;
use crate::fixture::Ran;
use crate::fixture::Reply;

const ENV_KEY: &str = "planted-env-key-0123456789abcdef";
const FILE_KEY: &str = "planted-file-key-0123456789abcdef";
const USER: &str = "planteduser";
const TOKEN: &str = "plantedtoken5f0d";

fn clean(name: &str, text: &str) {
    for secret in [ENV_KEY, FILE_KEY, USER, TOKEN] {
        assert!(!text.contains(secret), "{name} shows {secret}: {text}");
    }
}

#[test]
fn a_planted_key_and_the_user_of_a_remote_appear_nowhere() {
    let (publisher, first) = Publisher::new();
    let host = &publisher.host;
    let refusing = Fake::new();
    refusing.on("GET /x.git/info/refs", &[Reply::Text(401, "no")]);
    let url = refusing.url().replace("http://", &format!("http://{USER}:{TOKEN}@"));
    let config = host.read(".git/config");
    let shared = publisher.shared.to_str().expect("text");
    host.write(".git/config", &config.replace(shared, &format!("{url}/x.git")));
    host.write("state/secrets/bundle_hmac.key", FILE_KEY);
    let mode = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(host.root().join("state/secrets/bundle_hmac.key"), mode).expect("a mode");
    let fake = Fake::new();
    let ask = |args: &[&str], key: Option<&str>| -> Ran {
        let mut command = host.command(args);
        command.env("KRX_API_URL", fake.url());
        key.map(|key| command.env("STRATEGY_BUNDLE_HMAC_KEY", key));
        site::finished(command.output().expect("started"))
    };
    let with_file = "bundle.hmac_key_file=state/secrets/bundle_hmac.key";
    let commands: [&[&str]; 16] = [
        &["run"],
        &["run", "--json"],
        &["run", "--set", "pipeline.git_policy=strict"],
        &["run", "--set", with_file],
        &["run", "--set", "output.log_format=json"],
        &["check"],
        &["check", "--json"],
        &["config", "show"],
        &["config", "show", "--json", "--set", with_file],
        &["runs", "show"],
        &["runs", "show", "--json"],
        &["runs", "list", "--json"],
        &["explain"],
        &["rollback", "list"],
        &["rollback", "to", &first.revision, "--reason", "x"],
        &["schedule", "print"],
    ];
    for args in commands {
        for key in [Some(ENV_KEY), None] {
            let ran = ask(args, key);
            clean(&format!("{args:?}"), &ran.all());
        }
    }
    assert!(host.read("logs/daily_ops.log").contains("GIT_PULL_FAILED"), "the remote was asked and refused");
    // Too short a key: the fault names the variable, not its value.
    let short = ask(&["run"], Some("plantedtoken5"));
    assert!(short.code == Some(64) && !short.all().contains("plantedtoken5"), "{short:?}");
    let on_disk = host.picture();
    for (path, (_, bytes)) in &on_disk {
        let inside = path.strip_prefix(host.root()).expect("inside");
        if inside.starts_with("state/secrets") || inside == std::path::Path::new(".git/config") {
            continue;
        }
        clean(&path.display().to_string(), &String::from_utf8_lossy(bytes));
    }
    for head in fake.heads() {
        clean("a request to the backend", &head);
    }
}
