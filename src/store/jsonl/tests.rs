//! Lines found by number and by place, and each appended line handed over once, whatever happens to the file.

use std::fs::File;
use std::io;
use std::io::Write as _;
use std::path::Path;

use super::places::NEAR;
use super::places::SHORT;
use super::tail::PROBE;
use super::*;

fn file_of(lines: u64) -> (tempfile::TempDir, std::path::PathBuf) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("x.jsonl");
    let mut file = File::create(&path).expect("a file");
    for n in 1..=lines {
        writeln!(file, "{{\"n\":{n}}}").expect("written");
    }
    (dir, path)
}

fn append(path: &Path, text: &str) {
    let mut file = std::fs::OpenOptions::new().append(true).open(path).expect("a file");
    file.write_all(text.as_bytes()).expect("written");
}

fn text(line: io::Result<Option<Vec<u8>>>) -> Option<String> {
    line.expect("readable").map(|bytes| String::from_utf8(bytes).expect("text"))
}

#[test]
fn a_line_is_found_by_its_number_also_after_the_file_grew() {
    let (_dir, path) = file_of(3000);
    let mut index = LineIndex::default();
    for n in [1, 2, 511, 512, 513, 1024, 1025, 2999, 3000] {
        assert_eq!(text(index.line(&path, n)).as_deref(), Some(format!("{{\"n\":{n}}}").as_str()), "{n}");
    }
    for n in [0, 3001, 9_999_999, u64::MAX] {
        assert_eq!(text(index.line(&path, n)), None, "{n}");
    }
    append(&path, "half");
    assert_eq!(text(index.line(&path, 3001)).as_deref(), Some("half"));
    append(&path, " whole\n\n");
    assert_eq!(text(index.line(&path, 3001)).as_deref(), Some("half whole"));
    assert_eq!(text(index.line(&path, 3002)).as_deref(), Some(""));
}

#[test]
fn a_replaced_file_is_read_anew() {
    let (dir, path) = file_of(3000);
    let mut index = LineIndex::default();
    assert!(text(index.line(&path, 3000)).is_some());
    let other = dir.path().join("other");
    std::fs::copy(&path, &other).expect("copied");
    append(&other, "last\n");
    std::fs::rename(&other, &path).expect("renamed");
    assert_eq!(text(index.line(&path, 3001)).as_deref(), Some("last"));
    File::create(&path).expect("truncated");
    assert_eq!(text(index.line(&path, 1)), None);
}

#[test]
fn a_tail_hands_over_each_line_once() {
    let (_dir, path) = file_of(3);
    let mut tail = Tail::default();
    let read = |tail: &mut Tail| {
        let mut seen = Vec::new();
        let mut restarts = 0;
        let rest = tail
            .read(&path, &mut || restarts += 1, &mut |at, line| {
                seen.push((at.number, String::from_utf8_lossy(line).into_owned()))
            })
            .expect("readable");
        (restarts, seen, String::from_utf8(rest).expect("text"))
    };
    assert_eq!(read(&mut tail).1.len(), 3);
    assert_eq!(read(&mut tail), (0, vec![], String::new()));
    append(&path, "{\"n\":4}\n{\"n\":");
    assert_eq!(read(&mut tail), (0, vec![(4, "{\"n\":4}".to_owned())], "{\"n\":".to_owned()));
    append(&path, "5}\n");
    assert_eq!(read(&mut tail), (0, vec![(5, "{\"n\":5}".to_owned())], String::new()));
    File::create(&path).expect("truncated");
    append(&path, "x\n");
    let (restarts, seen, _) = read(&mut tail);
    assert_eq!((restarts, seen.len()), (1, 1));
}

/// What a tail hands over and returns, by length when it is long.
fn told(tail: &mut Tail, path: &Path) -> (usize, Vec<(u64, String)>, usize) {
    let (mut restarts, mut seen) = (0, Vec::new());
    let rest = tail
        .read(path, &mut || restarts += 1, &mut |at, line| {
            let short = if line.len() > 100 { line.len().to_string() } else { String::from_utf8_lossy(line).into() };
            seen.push((at.number, short));
        })
        .expect("readable");
    (restarts, seen, rest.len())
}

#[test]
fn a_line_is_read_again_at_the_place_where_it_was_found() {
    let (_dir, path) = file_of(3);
    append(&path, &format!("{}\n{}\n", "x".repeat(SHORT * 3), "y".repeat(MAX_LINE + CHUNK * 2)));
    append(&path, "last");
    let (mut tail, mut places) = (Tail::default(), Vec::new());
    tail.read(&path, &mut || (), &mut |at, _| places.push(at.offset)).expect("readable");
    places.extend([tail.next().offset, 1 << 40]);
    let lines = lines_at(&path, &places, |line| Some(line.to_vec())).expect("readable");
    let told: Vec<_> = lines.iter().map(|line| line.as_ref().map(Vec::len)).collect();
    assert_eq!(told, [Some(7), Some(7), Some(7), Some(SHORT * 3), None, Some(4), None]);
    assert_eq!(lines[1].as_deref(), Some(b"{\"n\":2}".as_slice()));
    assert_eq!(tail.next().number, 6);
}

#[test]
fn lines_that_are_read_together_come_in_the_order_asked_for() {
    let (_dir, path) = file_of(0);
    let near = usize::try_from(NEAR).expect("small");
    let lengths = [0, 3, 200, 900, SHORT - 1, SHORT, near - 1, near, near * 2];
    let lines: Vec<String> = (0..400).map(|n| format!("{n:<width$}", width = lengths[n % lengths.len()])).collect();
    append(&path, &lines.iter().map(|line| format!("{line}\n")).collect::<String>());
    let mut places = Vec::new();
    Tail::default().read(&path, &mut || (), &mut |at, _| places.push(at.offset)).expect("readable");
    let all: Vec<usize> = (0..lines.len()).collect();
    let orders = [
        all.clone(),
        all.iter().rev().copied().collect(),
        all.iter().map(|n| n * 7 % 400).collect(),
        all.iter().copied().filter(|n| n % 5 == 0).collect(),
        vec![399, 0, 399, 1, 0],
        vec![],
    ];
    for order in orders {
        let asked: Vec<u64> = order.iter().map(|n| places[*n]).collect();
        let read = lines_at(&path, &asked, |line| Some(String::from_utf8_lossy(line).into_owned()));
        let read: Vec<String> = read.expect("readable").into_iter().flatten().collect();
        assert_eq!(read, order.iter().map(|n| lines[*n].clone()).collect::<Vec<_>>());
    }
}

#[test]
fn a_line_that_is_too_long_is_one_bad_line_and_takes_no_memory() {
    let too_long = || (String::from_utf8_lossy(TOO_LONG)).into_owned();
    let (_dir, path) = file_of(1);
    let mut tail = Tail::default();
    append(&path, &"x".repeat(MAX_LINE));
    assert_eq!(told(&mut tail, &path), (1, vec![(1, "{\"n\":1}".to_owned())], MAX_LINE));
    append(&path, "\n");
    assert_eq!(told(&mut tail, &path), (0, vec![(2, MAX_LINE.to_string())], 0));
    assert!(tail.partial.capacity() <= CHUNK);
    // Grown in steps, read after each; its end comes last.
    for _ in 0..3 {
        append(&path, &"y".repeat(MAX_LINE / 2));
        told(&mut tail, &path);
    }
    assert_eq!(told(&mut tail, &path), (0, vec![], 0));
    assert!(tail.partial.capacity() <= PROBE);
    append(&path, "y\nnext\n");
    assert_eq!(told(&mut tail, &path), (0, vec![(3, too_long()), (4, "next".to_owned())], 0));
    // The same in one reading.
    let seen = told(&mut Tail::default(), &path).1;
    assert_eq!(seen[2..], [(3, too_long()), (4, "next".to_owned())]);
    // A byte beyond the limit is too long.
    append(&path, &format!("{}\n", "z".repeat(MAX_LINE + 1)));
    assert_eq!(told(&mut tail, &path).1, [(5, too_long())]);
}

#[test]
fn an_unfinished_line_that_was_replaced_is_read_anew() {
    for kept in [0, 3, PROBE * 3] {
        let (_dir, path) = file_of(1);
        let mut tail = Tail::default();
        append(&path, &format!("{}half", "k".repeat(kept)));
        assert_eq!(told(&mut tail, &path).2, kept + 4, "{kept}");
        let file = std::fs::OpenOptions::new().write(true).open(&path).expect("a file");
        file.set_len(8).expect("cut");
        append(&path, &format!("{}whole and longer\n", "k".repeat(kept)));
        let (restarts, seen, rest) = told(&mut tail, &path);
        assert_eq!((restarts, seen.len(), rest), (0, 1, 0), "{kept}");
        let want = format!("{}whole and longer", "k".repeat(kept));
        assert!(seen[0].1 == want || seen[0].1 == want.len().to_string(), "{kept}: {seen:?}");
    }
}

#[test]
fn a_longer_file_in_the_same_place_is_another_file() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("f.jsonl");
    // Written in place, so that the inode stays; the old end of a line is one of the new file too.
    let put = |text: &[u8]| File::create(&path).and_then(|mut file| file.write_all(text)).expect("written");
    put(b"a\nb\n");
    let (mut tail, mut index) = (Tail::default(), LineIndex::default());
    let restarts = std::cell::Cell::new(0);
    let mut seen = Vec::new();
    let look = |tail: &mut Tail, seen: &mut Vec<Vec<u8>>| {
        let restart = &mut || restarts.set(restarts.get() + 1);
        tail.read(&path, restart, &mut |_, line| seen.push(line.to_vec())).expect("read");
    };
    look(&mut tail, &mut seen);
    assert_eq!(index.line(&path, 2).expect("read").as_deref(), Some(&b"b"[..]));
    put(b"c\nd\ne\n");
    let before = restarts.get();
    look(&mut tail, &mut seen);
    assert_eq!((restarts.get(), seen.len()), (before + 1, 5));
    assert_eq!(index.line(&path, 1).expect("read").as_deref(), Some(&b"c"[..]));
    assert_eq!(index.line(&path, 3).expect("read").as_deref(), Some(&b"e"[..]));
}
