//! What an answer means, who is shown which token, and how much the spool holds.

use super::*;
use proptest::prelude::*;

#[test]
fn only_a_server_that_counts_them_has_taken_the_events() {
    let later = |status: u16| Posted::Later(format!("the server answers HTTP {status}"));
    let never = |status: u16| Posted::Never(format!("the server refuses them: HTTP {status}"));
    let cases = [
        (200, r#"{"status":"ok","accepted":2}"#, Posted::Taken),
        (200, r#"{"status":"ok","accepted":1}"#, later(200)),
        (200, "<html>", later(200)),
        (204, "", later(204)),
        (302, "", later(302)),
        (400, "", never(400)),
        (401, "", later(401)),
        (403, "", later(403)),
        (404, "", later(404)),
        (413, "", never(413)),
        (422, "", never(422)),
        (429, "", later(429)),
        (500, "", later(500)),
        (501, "", later(501)),
        (503, "", later(503)),
    ];
    for (status, reply, want) in cases {
        assert_eq!(judge(status, reply.as_bytes(), 2), want, "{status} {reply}");
    }
}

#[test]
fn the_server_s_own_token_is_shown_to_this_machine_only_and_a_configured_one_wins() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    let server = |url: &str, token: Option<&str>| Server { url: url.to_owned(), token: token.map(Secret::new) };
    let shown = |server: &Server| token(server, &store).map(|token| token.expose().to_owned());
    assert_eq!(shown(&server("http://127.0.0.1:8000", None)), None, "no file");
    store.write_secret(layout::OPS_TOKEN, b"made-by-the-server\n").expect("written");
    let cases = [
        ("http://127.0.0.1:8000", None, Some("made-by-the-server")),
        ("http://127.9.9.9", None, Some("made-by-the-server")),
        ("http://localhost:8000", None, Some("made-by-the-server")),
        ("http://[::1]:8000", None, Some("made-by-the-server")),
        ("http://127.0.0.1:8000", Some("configured"), Some("configured")),
        ("http://10.0.0.1:8000", Some("configured"), Some("configured")),
        ("http://10.0.0.1:8000", None, None),
        ("http://127.0.0.1@elsewhere.example", None, None),
        ("http://127.0.0.1.elsewhere.example", None, None),
        ("http://localhost.elsewhere.example", None, None),
        ("not an address", None, None),
    ];
    for (url, configured, want) in cases {
        assert_eq!(shown(&server(url, configured)).as_deref(), want, "{url}");
    }
    store.write_secret(layout::OPS_TOKEN, b"two\nlines").expect("written");
    assert_eq!(shown(&server("http://127.0.0.1", None)), None, "no header could hold it");
    store.write(layout::OPS_TOKEN, b"open-to-everybody").expect("written");
    assert_eq!(shown(&server("http://127.0.0.1", None)), None, "open to others");
}

#[test]
fn a_spool_without_room_keeps_the_first_ones_and_says_how_many_are_lost() {
    let dir = tempfile::tempdir().expect("a directory");
    let store = Store::new(dir.path());
    let before = usize::try_from(spool::ROOM).expect("fits") - 25;
    store.write(layout::EVENT_SPOOL, &[b"x".repeat(before), b"\n".to_vec()].concat()).expect("written");
    let lines: Vec<String> = (0..4).map(|n| format!("{{\"n\":{n}}}")).collect();
    let mut told = Told::default();
    keep(&mut told, &store, &lines);
    assert_eq!((told.spooled, told.lost), (3, 1));
    assert_eq!(told.cause.as_deref(), Some("metrics/spool.jsonl holds 4 MiB already"));
    let bytes = store.read(layout::EVENT_SPOOL).expect("readable").expect("a file");
    assert!(bytes.ends_with(b"x\n{\"n\":0}\n{\"n\":1}\n{\"n\":2}\n") && bytes.len() as u64 <= spool::ROOM);
}

proptest! {
    // Each case writes 4 MiB.
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn prop_the_spool_never_outgrows_its_room_and_loses_none_silently(
        free in 0_usize..400,
        lengths in prop::collection::vec(1_usize..120, 0..12),
    ) {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let before = usize::try_from(spool::ROOM).expect("fits") - free;
        store.write(layout::EVENT_SPOOL, &[b"x".repeat(before - 1), b"\n".to_vec()].concat()).expect("written");
        let lines: Vec<String> = lengths.iter().map(|length| "y".repeat(*length)).collect();
        let mut told = Told::default();
        keep(&mut told, &store, &lines);
        let bytes = store.read(layout::EVENT_SPOOL).expect("readable").expect("a file");
        prop_assert!(bytes.len() as u64 <= spool::ROOM);
        prop_assert_eq!(told.spooled + told.lost, lines.len());
        let kept = bytes[before..].iter().filter(|byte| **byte == b'\n').count();
        prop_assert_eq!(kept, told.spooled);
        prop_assert_eq!(told.cause.is_some(), told.lost > 0);
    }
}
