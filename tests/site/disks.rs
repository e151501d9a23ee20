//! A disk that cannot be written, or is full, at any moment of a run. Needs the right to mount; says so without it.

use std::io::Write as _;
use std::path::Path;
use std::path::PathBuf;
use std::process::Command;

use daily_ops::store::Durability;

use crate::fixture as site;
use crate::fixture::Fake;
use crate::fixture::Host;

/// A small disk of its own, taken away with the test.
struct Disk {
    at: PathBuf,
}

impl Disk {
    /// `None` where mounting is not allowed.
    fn new(at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).expect("a directory");
        let made = mount(&["-t", "tmpfs", "-o", "size=512k", "tmpfs"], at);
        if !made {
            println!("mounting is not possible here: the disk tests are left out");
        }
        made.then(|| Self { at: at.to_owned() })
    }

    fn read_only(&self, on: bool) {
        assert!(mount(&["-o", if on { "remount,ro" } else { "remount,rw" }], &self.at));
    }

    /// Fills the disk and gives back `pages` of 4 KiB.
    fn leave(&self, pages: u64) {
        let ballast = self.at.join("ballast");
        let mut file = std::fs::File::create(&ballast).expect("a file");
        let mut written = 0;
        while file.write_all(&[1; 4096]).is_ok() {
            written += 4096;
        }
        file.set_len(written - (pages * 4096).min(written)).expect("cut");
    }

    fn make_room(&self) {
        std::fs::remove_file(self.at.join("ballast")).expect("removed");
        // The system counts freed pages for each processor and adds the counts up a little later.
        let probe = self.at.join("probe");
        site::until("room on the disk", || {
            std::fs::File::create(&probe).and_then(|mut f| f.write_all(&[1; 65_536])).is_ok()
        });
        std::fs::remove_file(&probe).expect("removed");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // What is left mounted goes with the machine's own cleaning.
        Command::new("umount").arg("-l").arg(&self.at).status().ok();
    }
}

fn mount(args: &[&str], at: &Path) -> bool {
    Command::new("mount").args(args).arg(at).output().is_ok_and(|done| done.status.success())
}

/// A host on a disk of its own. The disk goes first.
fn small_host() -> Option<(Disk, Host)> {
    let dir = tempfile::tempdir().expect("a directory");
    let root = dir.path().join("site");
    let disk = Disk::new(&root)?;
    Some((disk, Host::with(dir, root)))
}

#[test]
fn a_disk_that_cannot_be_written_is_a_fault_that_is_said_and_nothing_acts() {
    let Some((disk, host)) = small_host() else { return };
    let fake = Fake::new();
    disk.read_only(true);
    let before = host.picture();
    for args in [&[][..], &["--json"], &["--quiet"]] {
        let ran = host.daily(&fake, args);
        assert_eq!(ran.code, Some(3), "{ran:?}");
        assert!(ran.stdout.contains("STORE_FAILED"), "{ran:?}");
        assert_eq!(ran.stdout.matches("DAILY_SUMMARY ").count(), 1, "{ran:?}");
    }
    assert_eq!(fake.asked(site::RUN_CYCLE) + fake.asked(site::REGENERATE), 0);
    assert!(host.picture() == before);
    disk.read_only(false);
    host.proves("writable again", &host.daily(&fake, &[]), 0, "OK");
}

#[test]
fn a_disk_that_fills_at_any_moment_is_a_fault_and_the_next_run_is_whole() {
    let mut cycles = Vec::new();
    for pages in 0..60 {
        let Some((disk, host)) = small_host() else { return };
        let name = format!("{pages} pages left");
        host.proves(&name, &host.daily(&Fake::new(), &[]), 0, "OK");
        let fake = Fake::new();
        disk.leave(pages);
        let ran = host.daily(&fake, &[]);
        if ran.code == Some(0) {
            host.proves(&name, &ran, 0, "OK");
            assert!(pages > 0, "a run needs some room");
            assert!(cycles.contains(&0), "a run that had no room for its first record");
            return;
        }
        assert_eq!(ran.code, Some(3), "{name}: {ran:?}");
        assert!(ran.summary_line(&name).contains(" Reason=STORE_FAILED "), "{name}: {ran:?}");
        assert!(fake.asked(site::RUN_CYCLE) <= 1, "{name}");
        cycles.push(fake.asked(site::RUN_CYCLE));
        disk.make_room();
        let record = host.proves(&name, &host.daily(&Fake::new(), &[]), 0, "OK");
        assert!(record["chain"]["seq"].as_u64().is_some_and(|seq| seq == 2 || seq == 3), "{name}: {record}");
    }
    panic!("a run of more than 60 pages")
}

#[test]
fn an_appended_line_that_does_not_fit_leaves_no_half_line() {
    let Some((disk, host)) = small_host() else { return };
    let store = host.store();
    let first = format!("{{\"text\": \"{}\"}}", "x".repeat(4000));
    store.append("state/lines.jsonl", &first, Durability::Durable).expect("appended");
    disk.leave(0);
    let second = format!("{{\"text\": \"{}\"}}", "y".repeat(200));
    store.append("state/lines.jsonl", &second, Durability::Durable).expect_err("the disk is full");
    assert!(host.read("state/lines.jsonl") == format!("{first}\n"), "half a line was left");
    disk.make_room();
    store.append("state/lines.jsonl", &second, Durability::Durable).expect("appended");
    assert!(host.read("state/lines.jsonl") == format!("{first}\n{second}\n"));
}
