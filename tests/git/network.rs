//! Pull and publish over sockets: refused, silent, slow, unwilling and broken remotes.

use std::io::ErrorKind;
use std::io::Read;
use std::io::Write;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;
use std::process::Stdio;
use std::sync::mpsc::Sender;
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use daily_ops::sync::GitDetail;
use daily_ops::sync::PublishFault;
use daily_ops::sync::PullOutcome;
use daily_ops::sync::Remote;
use git2::Repository;

use crate::server::listener;
use crate::server::pulled_within;
use crate::site::Site;
use crate::site::write;

const SHORT: Duration = Duration::from_millis(400);
const SCHEMES: [&str; 4] = ["git", "http", "https", "ssh"];

#[test]
fn a_remote_that_never_answers_is_given_up_at_the_limit() {
    let (port, _alive) = listener(|mut stream, _| drop(stream.read_to_end(&mut Vec::new())));
    for scheme in SCHEMES {
        let site = Site::new();
        site.point_host_at(&format!("{scheme}://me@127.0.0.1:{port}/a.git"));
        let (pulled, took) = pulled_within(&site, SHORT);
        assert_eq!(pulled.detail, Some(GitDetail::Timeout), "{scheme}: {}", pulled.message);
        assert!(took >= SHORT && took < SHORT * 10, "{scheme}: took {took:?}");
        assert!(pulled.message.contains(&format!("{scheme}://127.0.0.1:{port}/a.git")), "{}", pulled.message);
    }
}

#[test]
fn a_remote_that_drips_is_given_up_at_the_limit() {
    let drip: [(&str, &[u8]); 4] = [
        ("git", b"0100"),
        ("http", b"HTTP/1.1 200 OK\r\nContent-Type: application/x-git-upload-pack-advertisement\r\nX: "),
        ("https", b"\x16\x03\x03\x3f\xff\x02"),
        ("ssh", b"SSH-2.0-"),
    ];
    for (scheme, start) in drip {
        let (port, _alive) = listener(move |mut stream, gone| {
            drop(stream.write_all(start));
            while stream.write_all(b"a").is_ok() && !gone.within(Duration::from_millis(30)) {}
        });
        let site = Site::new();
        site.point_host_at(&format!("{scheme}://127.0.0.1:{port}/a.git"));
        let (pulled, took) = pulled_within(&site, SHORT);
        assert_eq!(pulled.detail, Some(GitDetail::Timeout), "{scheme}: {}", pulled.message);
        assert!(took < SHORT * 10, "{scheme}: took {took:?}");
    }
}

#[test]
fn a_port_that_is_closed_and_a_host_that_has_no_address_are_network_faults() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for scheme in SCHEMES {
        for url in [format!("{scheme}://127.0.0.1:{closed}/a.git"), format!("{scheme}://no-such-host.invalid/a.git")] {
            let site = Site::new();
            site.point_host_at(&url);
            let (pulled, _) = pulled_within(&site, Duration::from_secs(20));
            assert_eq!(pulled.detail, Some(GitDetail::Network), "{url}: {}", pulled.message);
        }
    }
}

#[test]
fn a_remote_that_does_not_talk_git_is_a_network_fault() {
    let answers: [(&str, &[u8]); 7] = [
        ("http", b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"),
        ("http", b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"),
        ("http", b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nok"),
        ("http", b""),
        ("git", b""),
        ("https", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("ssh", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
    ];
    for (scheme, answer) in answers {
        let (port, _alive) = listener(move |mut stream, _| {
            drop(stream.read(&mut [0; 4096]));
            drop(stream.write_all(answer));
        });
        let site = Site::new();
        site.point_host_at(&format!("{scheme}://127.0.0.1:{port}/a.git"));
        let (pulled, _) = pulled_within(&site, Duration::from_secs(20));
        let shown = String::from_utf8_lossy(answer);
        assert_eq!(pulled.detail, Some(GitDetail::Network), "{scheme} {shown:?}: {}", pulled.message);
    }
}

/// Serves a repository over git:// with the upload-pack of the machine's git; after `cut` bytes it falls silent.
fn git_server(bare: PathBuf, cut: Option<usize>) -> (u16, Sender<()>) {
    listener(move |mut stream, gone| {
        let mut length = [0; 4];
        stream.read_exact(&mut length).unwrap();
        let length = usize::from_str_radix(std::str::from_utf8(&length).unwrap(), 16).unwrap();
        stream.read_exact(&mut vec![0; length - 4]).unwrap();
        let mut pack = Command::new("git");
        pack.arg("upload-pack").arg(&bare).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = pack.spawn().unwrap();
        let (mut from, mut to) = (stream.try_clone().unwrap(), child.stdin.take().unwrap());
        thread::spawn(move || relay(&mut from, &mut to, usize::MAX));
        let mut answer = child.stdout.take().unwrap();
        match cut {
            None => {
                relay(&mut answer, &mut stream, usize::MAX);
                drop(stream.shutdown(std::net::Shutdown::Both));
            }
            Some(cut) => {
                relay(&mut answer, &mut stream, cut);
                while !gone.within(Duration::from_secs(1)) {}
            }
        }
        drop(child.kill());
        drop(child.wait());
    })
}

/// Passes on at most `most` bytes, each piece as soon as it comes.
fn relay(from: &mut impl Read, to: &mut impl Write, most: usize) {
    let (mut piece, mut left) = ([0; 4096], most);
    while left > 0 {
        let room = left.min(piece.len());
        let Ok(read @ 1..) = from.read(&mut piece[..room]) else { return };
        if to.write_all(&piece[..read]).and_then(|()| to.flush()).is_err() {
            return;
        }
        left -= read;
    }
}

fn there_is_git() -> bool {
    let found = Command::new("git").arg("--version").stdout(Stdio::null()).status();
    !found.is_err_and(|e| e.kind() == ErrorKind::NotFound)
}

#[test]
fn a_pull_over_a_socket_brings_the_branch_and_nothing_else() {
    if !there_is_git() {
        return;
    }
    let site = Site::new();
    let bare = Repository::open(&site.bare).unwrap();
    let commit = bare.head().unwrap().peel_to_commit().unwrap();
    let author = git2::Signature::now("x", "x@example.invalid").unwrap();
    let tree = commit.tree().unwrap();
    let other = bare.commit(Some("refs/heads/other"), &author, &author, "other", &tree, &[&commit]).unwrap();
    bare.tag_lightweight("v1", &bare.find_object(other, None).unwrap(), false).unwrap();
    let next = site.publish("second", &[("a.json", "a2")]);
    let (port, _alive) = git_server(site.bare.clone(), None);
    site.point_host_at(&format!("git://127.0.0.1:{port}/shared.git"));
    site.updated("git", &next, &[]);
    assert!(Repository::open(&site.host).unwrap().find_commit(other).is_err());
    assert_eq!(site.host().pull().outcome, PullOutcome::NoChanges);
}

#[test]
fn a_transfer_that_stops_in_the_middle_is_given_up_and_the_next_one_ends_well() {
    if !there_is_git() {
        return;
    }
    let site = Site::new();
    let noise: String = (0..40_000_u64).map(|n| format!("{:x}\n", n.wrapping_mul(0x9e37_79b9_7f4a_7c15))).collect();
    let next = site.publish("big", &[("big.json", &noise)]);
    for cut in [10, 300, 700, 20_000] {
        let (port, _alive) = git_server(site.bare.clone(), Some(cut));
        site.point_host_at(&format!("git://127.0.0.1:{port}/shared.git"));
        let (pulled, took) = pulled_within(&site, SHORT);
        assert_eq!(pulled.detail, Some(GitDetail::Timeout), "{cut}: {}", pulled.message);
        assert!(took < SHORT * 10, "{cut}: took {took:?}");
    }
    let (port, _alive) = git_server(site.bare.clone(), None);
    site.point_host_at(&format!("git://127.0.0.1:{port}/shared.git"));
    site.updated("next", &next, &[]);
}

#[test]
fn a_failed_push_keeps_the_commit_and_the_next_publish_pushes_it() {
    let (port, _alive) = listener(|mut stream, _| drop(stream.read_to_end(&mut Vec::new())));
    let site = Site::new();
    let pc = Repository::open(&site.pc).unwrap();
    pc.remote_set_pushurl("origin", Some(&format!("http://me:hunter2@127.0.0.1:{port}/a.git"))).unwrap();
    write(&site.pc, "a.json", "a2");
    let silent = Remote { limit: SHORT, ..site.pc() };
    let fault = silent.publish(&["a.json".to_owned()], "second").unwrap_err();
    let head = site.pc().revision().unwrap().unwrap();
    assert!(!fault.line().contains("hunter2"), "{fault}");
    let PublishFault::Push { revision, fault } = fault else { panic!("{fault}") };
    assert_eq!((revision.as_str(), fault.detail), (head.as_str(), GitDetail::Timeout));
    pc.remote_set_pushurl("origin", None).unwrap();
    let published = site.pc().publish(&["a.json".to_owned()], "second").unwrap();
    assert_eq!((published.commit, published.pushed, published.revision), (None, true, head.clone()));
    site.updated("later", &head, &[]);
}

const CHILD: &str = "DAILY_OPS_TEST_SILENT_REMOTE";

#[test]
fn a_transfer_left_behind_does_not_keep_the_process_alive() {
    if let Some(root) = std::env::var_os(CHILD) {
        let root = PathBuf::from(root);
        let remote = Remote { limit: SHORT, ..crate::site::remote(&root) };
        assert_eq!(remote.pull().detail, Some(GitDetail::Timeout));
        return;
    }
    let (port, _alive) = listener(|mut stream, _| drop(stream.read_to_end(&mut Vec::new())));
    let site = Site::new();
    site.point_host_at(&format!("https://127.0.0.1:{port}/a.git"));
    let name = "network::a_transfer_left_behind_does_not_keep_the_process_alive";
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([name, "--exact"]).env(CHILD, &site.host).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = child.spawn().unwrap();
    let (ended, end) = channel();
    thread::spawn(move || ended.send(child.wait().unwrap().success()));
    assert_eq!(end.recv_timeout(Duration::from_secs(30)), Ok(true));
}
