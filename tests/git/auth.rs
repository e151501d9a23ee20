//! Credentials: asked where the user keeps them, never where the repository says, and a few times only.

use std::io::Read;
use std::io::Write;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::time::Duration;

use daily_ops::sync::GitDetail;
use git2::Repository;

use crate::server::listener;
use crate::server::pulled_within;
use crate::site::Site;
use crate::site::remote;
use crate::site::write;

/// A server that wants a password, and the number of requests it has seen.
fn unwilling() -> (u16, Sender<()>, Arc<AtomicUsize>) {
    let seen = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&seen);
    let (port, alive) = listener(move |mut stream, _| {
        let mut request = [0; 8192];
        while stream.read(&mut request).is_ok_and(|read| read > 0) {
            count.fetch_add(1, Ordering::SeqCst);
            let answer =
                b"HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\nContent-Length: 0\r\n\r\n";
            drop(stream.write_all(answer));
        }
    });
    (port, alive, seen)
}

#[test]
fn a_remote_that_refuses_every_password_is_asked_a_few_times_only() {
    let (port, _alive, seen) = unwilling();
    for user in ["", "me:hunter2@", "hunter2token@"] {
        seen.store(0, Ordering::SeqCst);
        let site = Site::new();
        site.point_host_at(&format!("http://{user}127.0.0.1:{port}/a.git"));
        let (pulled, _) = pulled_within(&site, Duration::from_secs(20));
        assert_eq!(pulled.detail, Some(GitDetail::Auth), "{user}: {}", pulled.message);
        assert!(!pulled.message.contains("hunter2"), "{}", pulled.message);
        assert!(seen.load(Ordering::SeqCst) <= 4, "{user}: {} requests", seen.load(Ordering::SeqCst));
    }
}

#[cfg(unix)]
#[test]
fn a_credential_helper_of_the_repository_itself_is_not_run() {
    let (port, _alive, _) = unwilling();
    let site = Site::new();
    let mark = site.dir.path().join("mark");
    let url = format!("http://localhost:{port}/a.git");
    site.point_host_at(&url);
    let mut config = Repository::open(&site.host).unwrap().config().unwrap();
    let command = format!("!touch '{}';", mark.display());
    config.set_str("credential.helper", &command).unwrap();
    config.set_str(&format!("credential.{url}.helper"), &command).unwrap();
    config.set_str("core.askPass", &format!("touch '{}'", mark.display())).unwrap();
    let (pulled, _) = pulled_within(&site, Duration::from_secs(20));
    assert_eq!(pulled.detail, Some(GitDetail::Auth), "{}", pulled.message);
    assert!(!mark.exists());
}

const CHILD: &str = "DAILY_OPS_TEST_CREDENTIAL_HELPER";

/// The home directory is the process's own, so the pull runs in a child with another one.
#[cfg(unix)]
#[test]
fn a_credential_helper_of_the_user_is_run() {
    if let Some(root) = std::env::var_os(CHILD) {
        let pulled = remote(&PathBuf::from(root)).pull();
        // Past the door the server has no repository to give.
        assert_eq!(pulled.detail, Some(GitDetail::Network), "{}", pulled.message);
        assert!(!pulled.message.contains("hunter2"), "{}", pulled.message);
        return;
    }
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let (port, _alive) = listener(move |mut stream, _| {
        let mut request = [0; 8192];
        while let Ok(read @ 1..) = stream.read(&mut request) {
            // "me:hunter2" in Base64.
            let knows = String::from_utf8_lossy(&request[..read]).contains("Basic bWU6aHVudGVyMg==");
            count.fetch_add(usize::from(knows), Ordering::SeqCst);
            let door = if knows { "404 Not Found" } else { "401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"" };
            drop(stream.write_all(format!("HTTP/1.1 {door}\r\nContent-Length: 0\r\n\r\n").as_bytes()));
        }
    });
    let site = Site::new();
    site.point_host_at(&format!("http://localhost:{port}/a.git"));
    let home = site.dir.path().join("home");
    let helper = "!f() { echo username=me; echo password=hunter2; }; f";
    write(&home, ".gitconfig", &format!("[credential]\n\thelper = \"{helper}\"\n"));
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["auth::a_credential_helper_of_the_user_is_run", "--exact"]).stdout(Stdio::null());
    child.env(CHILD, &site.host).env("HOME", &home).env_remove("XDG_CONFIG_HOME");
    assert!(child.status().unwrap().success());
    assert!(opened.load(Ordering::SeqCst) > 0);
}
