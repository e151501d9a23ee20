//! Crontab entries, and how they get into a crontab that also belongs to others.

use super::install::Install;
use super::watch::cron_times;
use crate::time::HostZone;

/// What marks the lines of the daily run; the marker comes first on a comment and last on a command.
const RUN_MARK: &str = "# daily_ops: daily run";
/// What marks the lines of the hourly ops cycle.
const CYCLE_MARK: &str = "# daily_ops: hourly ops cycle";
/// What marks the lines of the weekly cleanup.
const PRUNE_MARK: &str = "# daily_ops: weekly cleanup";
/// What marks the lines of the market watchers.
const WATCH_MARK: &str = "# daily_ops: market watchers";
/// Every mark.
const MARKS: [&str; 4] = [RUN_MARK, CYCLE_MARK, PRUNE_MARK, WATCH_MARK];
/// Sunday 01:10 in Korea, in minutes from the start of the week in UTC: Saturday 16:10.
const PRUNE_UTC_MINUTE: i32 = 6 * DAY + 16 * 60 + 10;
/// The minute of the ops cycle in Korea and in every zone that is whole hours away: ten minutes before the daily run, which
/// then finds the evidence checked.
const CYCLE_MINUTE: i32 = 55;
/// The minutes of a day.
const DAY: i32 = 24 * 60;

/// The crontab entry of the daily run: comments and one command, every line marked as ours.
#[must_use]
pub fn cron_line(zone: &HostZone, install: &Install) -> String {
    let (hour, minute) = zone.run_at;
    let due = format!("09:05 Asia/Seoul is {hour:02}:{minute:02} in {}", zone.name);
    entry(RUN_MARK, zone, &due, &format!("{minute} {hour} * * * {}", command(install, "run")))
}

/// The crontab entry of the hourly ops cycle.
#[must_use]
pub fn cron_cycle_line(zone: &HostZone, install: &Install) -> String {
    let minute = (CYCLE_MINUTE + zone.offset_minutes).rem_euclid(60);
    let due = format!("each hour at :{CYCLE_MINUTE} Asia/Seoul is :{minute:02} in {}", zone.name);
    entry(CYCLE_MARK, zone, &due, &format!("{minute} * * * * {}", command(install, "check ops-cycle")))
}

/// The crontab entry of the weekly cleanup.
#[must_use]
pub fn cron_prune_line(zone: &HostZone, install: &Install) -> String {
    const NAMES: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
    let at = (PRUNE_UTC_MINUTE + zone.offset_minutes).rem_euclid(7 * DAY);
    let (day, hour, minute) = (at / DAY, at % DAY / 60, at % 60);
    let name = NAMES.get(usize::try_from(day).unwrap_or_default()).unwrap_or(&"Sunday");
    let due = format!("Sunday 01:10 Asia/Seoul is {name} {hour:02}:{minute:02} in {}", zone.name);
    entry(PRUNE_MARK, zone, &due, &format!("{minute} {hour} * * {day} {}", command(install, "store prune")))
}

/// The crontab entries of the market watchers.
#[must_use]
pub fn cron_watch_lines(zone: &HostZone, install: &Install) -> String {
    let command = command(install, "watch all");
    let mut text = format!(
        "{WATCH_MARK}\n{WATCH_MARK}: every five minutes 09:00 to 15:59 Asia/Seoul on weekdays as {} shows it, hourly, at boot.\n",
        zone.name
    );
    if zone.shifts {
        text.push_str(&format!(
            "{WATCH_MARK}: WARNING: {} has daylight saving: print it again at each change.\n",
            zone.name
        ));
    }
    for time in cron_times(zone) {
        text.push_str(&format!("{time} {command} {WATCH_MARK}\n"));
    }
    text
}

/// The crontab with our entries in place, or `None` when they already are. Lines of others stay as they are, byte for
/// byte; marked lines that differ are replaced where they stand; lines of `entry` without a mark are not taken.
#[must_use]
pub fn merged_crontab(old: &str, entry: &str) -> Option<String> {
    let merged = MARKS.into_iter().fold(old.to_owned(), |text, mark| {
        let ours: String = entry.split_inclusive('\n').filter(|line| is_marked(line, mark)).collect();
        // The watchers can be switched off again; the other two belong to every installation.
        if ours.is_empty() && mark != WATCH_MARK { text } else { with_entry(&text, mark, &ours) }
    });
    (merged != old).then_some(merged)
}

/// What in a crontab may double or move our jobs: unmarked lines that start the program, and lines that set a zone.
#[must_use]
pub fn crontab_concerns(old: &str) -> Vec<String> {
    let concern = |(index, line): (usize, &str)| {
        let is_ours = MARKS.iter().any(|mark| is_marked(line, mark));
        let text = line.trim();
        let number = index + 1;
        if is_ours || text.starts_with('#') {
            None
        } else if text.starts_with("TZ") || text.starts_with("CRON_TZ") {
            Some(format!("line {number} sets a zone, so the entries below it may be due at another hour: {text}"))
        } else if text.contains("daily_ops") {
            Some(format!("line {number} starts the program too and is not managed here: remove it by hand"))
        } else {
            None
        }
    };
    old.lines().enumerate().filter_map(concern).collect()
}

/// What in a crontab belongs to another workspace and goes when the entry of `install` comes: one host has one schedule.
#[must_use]
pub fn crontab_foreign(old: &str, install: &Install) -> Vec<String> {
    let own = format!("cd {} ", quoted(install.root())).replace('%', "\\%");
    let is_foreign =
        |line: &&str| MARKS.iter().any(|mark| is_marked(line, mark)) && line.contains(" cd ") && !line.contains(&own);
    let lines = old.lines().filter(|line| !line.trim_start().starts_with('#')).filter(is_foreign);
    lines.map(|line| format!("the entry of another workspace is replaced: {}", line.trim())).collect()
}

fn entry(mark: &str, zone: &HostZone, due: &str, schedule: &str) -> String {
    let mut text = format!("{mark}\n{mark}: {due}, the zone that cron is assumed to use on this host.\n");
    text.push_str(&format!("{mark}: print it again when that zone changes; a zone line here would not move it.\n"));
    if zone.shifts {
        text.push_str(&format!(
            "{mark}: WARNING: {} has daylight saving, so for a part of the year this is due an hour off. \
             Use the systemd timer, or print it again at each change.\n",
            zone.name
        ));
    }
    text.push_str(&format!(
        "{mark}: the program writes its own log; logs/cron.log keeps what fails before it starts.\n"
    ));
    text.push_str(&format!("{schedule} {mark}\n"));
    text
}

/// The command of an entry. The folder of the log is made first: a redirect into a missing one would lose the run.
fn command(install: &Install, arguments: &str) -> String {
    let (root, binary) = (quoted(install.root()), quoted(install.binary()));
    let line =
        format!("cd {root} && mkdir -p logs && DAILY_OPS_TRIGGER=cron {binary} {arguments} >>logs/cron.log 2>&1");
    // To cron an unescaped percent sign is the end of the command, also inside quotes.
    line.replace('%', "\\%")
}

/// A text as one word of a POSIX shell.
fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:,@".contains(c);
    if text.chars().all(is_plain) { text.to_owned() } else { format!("'{}'", text.replace('\'', "'\\''")) }
}

fn is_marked(line: &str, mark: &str) -> bool {
    let line = line.trim();
    let is_comment = line.strip_prefix(mark).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
    is_comment || line.strip_suffix(mark).is_some_and(|command| command.ends_with(' '))
}

fn with_entry(old: &str, mark: &str, entry: &str) -> String {
    let present: String = old.split_inclusive('\n').filter(|line| is_marked(line, mark)).collect();
    if present == entry {
        return old.to_owned();
    }
    let mut text = String::new();
    let mut is_placed = false;
    for line in old.split_inclusive('\n') {
        if !is_marked(line, mark) {
            text.push_str(line);
        } else if !is_placed {
            text.push_str(entry);
            is_placed = true;
        }
    }
    if !is_placed {
        // A last line without its end would swallow the first of ours.
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(entry);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Stamp;
    use crate::time::host_zone;

    fn zone(name: &str) -> HostZone {
        host_zone(name, Stamp::from("2026-11-21T09:05:00+09:00").instant().expect("a time"))
    }

    fn install() -> Install {
        Install::new("/home/ubuntu/daily-ops".as_ref(), "/usr/local/bin/daily_ops".as_ref(), "ubuntu").expect("valid")
    }

    fn commands(text: &str) -> Vec<&str> {
        text.lines().filter(|line| !line.starts_with('#')).collect()
    }

    #[test]
    fn an_entry_is_due_at_the_hour_that_the_zone_of_the_host_gives_it() {
        let cases = [
            ("UTC", "5 0 * * * ", "10 16 * * 6 ", "is 00:05 in UTC", "is Saturday 16:10 in UTC", false),
            ("Asia/Seoul", "5 9 * * * ", "10 1 * * 0 ", "is 09:05 in Asia/Seoul", "is Sunday 01:10 in", false),
            ("America/New_York", "5 19 * * * ", "10 11 * * 6 ", "is 19:05 in", "is Saturday 11:10 in", true),
            ("Asia/Kolkata", "35 5 * * * ", "40 21 * * 6 ", "is 05:35 in", "is Saturday 21:40 in", false),
            ("Pacific/Kiritimati", "5 14 * * * ", "10 6 * * 0 ", "is 14:05 in", "is Sunday 06:10 in", false),
            ("Pacific/Honolulu", "5 14 * * * ", "10 6 * * 6 ", "is 14:05 in", "is Saturday 06:10 in", false),
        ];
        for (name, run, prune, run_comment, prune_comment, shifts) in cases {
            let zone = zone(name);
            for (text, start, comment) in [
                (cron_line(&zone, &install()), run, run_comment),
                (cron_prune_line(&zone, &install()), prune, prune_comment),
            ] {
                assert_eq!(commands(&text).len(), 1, "{name}");
                assert!(commands(&text)[0].starts_with(start), "{name}: {text}");
                assert!(text.contains(comment), "{name}: {text}");
                assert_eq!(text.contains("daylight saving"), shifts, "{name}");
                assert!(!text.contains("TZ"), "{name}: {text}");
            }
        }
    }

    #[test]
    fn the_ops_cycle_is_due_ten_minutes_before_the_daily_run_in_every_zone() {
        let cases = [("UTC", "55 * * * * "), ("Asia/Seoul", "55 * * * * "), ("Asia/Kolkata", "25 * * * * ")];
        for (name, start) in cases {
            let zone = zone(name);
            let text = cron_cycle_line(&zone, &install());
            let line = commands(&text)[0];
            assert!(line.starts_with(start) && line.contains("daily_ops check ops-cycle "), "{name}: {text}");
            let (_, run) = zone.run_at;
            let minute: i32 = line.split(' ').next().and_then(|text| text.parse().ok()).expect("a minute");
            assert_eq!((minute + 10) % 60, i32::try_from(run).expect("a minute"), "{name}");
            let all = format!("{}{text}", cron_line(&zone, &install()));
            let merged = merged_crontab("", &all).expect("new");
            assert_eq!((merged.as_str(), merged_crontab(&merged, &all)), (all.as_str(), None), "{name}");
        }
    }

    #[test]
    fn the_command_makes_the_folder_of_its_log_first() {
        let want = "5 0 * * * cd /home/ubuntu/daily-ops && mkdir -p logs && DAILY_OPS_TRIGGER=cron \
                    /usr/local/bin/daily_ops run >>logs/cron.log 2>&1 # daily_ops: daily run";
        assert_eq!(commands(&cron_line(&zone("UTC"), &install())), [want]);
    }

    #[test]
    fn a_path_is_quoted_for_the_shell_and_escaped_for_cron() {
        let cases = [
            ("/a b", "cd '/a b' && "),
            ("/it's", "cd '/it'\\''s' && "),
            ("/100%", "cd '/100\\%' && "),
            ("/운영", "cd '/운영' && "),
            ("/a;b&c|d", "cd '/a;b&c|d' && "),
            ("/a#b", "cd '/a#b' && "),
            ("/~x", "cd '/~x' && "),
        ];
        for (root, want) in cases {
            let install = Install::new(root.as_ref(), "/bin/daily_ops".as_ref(), "ubuntu").expect(root);
            let text = cron_line(&zone("UTC"), &install);
            assert!(commands(&text)[0].contains(want), "{root}: {text}");
        }
    }

    #[test]
    fn an_entry_is_put_into_a_crontab_once() {
        let entry = cron_line(&zone("UTC"), &install());
        let moved = cron_line(&zone("Asia/Seoul"), &install());
        let both = format!("{entry}{}", cron_prune_line(&zone("UTC"), &install()));
        let cases = [
            ("empty", String::new(), &entry, Some(entry.clone())),
            (
                "others before",
                "MAILTO=me\n0 1 * * * x\n".to_owned(),
                &entry,
                Some(format!("MAILTO=me\n0 1 * * * x\n{entry}")),
            ),
            ("no end of line", "0 1 * * * x".to_owned(), &entry, Some(format!("0 1 * * * x\n{entry}"))),
            ("already there", format!("a\n{entry}\r\n  b"), &entry, None),
            ("other hour", format!("a\r\n{moved}\n\tb"), &entry, Some(format!("a\r\n{entry}\n\tb"))),
            ("twice", format!("{entry}a\n{entry}b\n"), &entry, Some(format!("{entry}a\nb\n"))),
            (
                "only the comments left",
                "# daily_ops: daily run\n0 1 * * * x\n".to_owned(),
                &entry,
                Some(format!("{entry}0 1 * * * x\n")),
            ),
            ("second job", format!("{entry}a\n"), &both, Some(format!("{entry}a\n{}", &both[entry.len()..]))),
            ("both there", format!("{both}a\n"), &entry, None),
            ("nothing of ours", "a\n".to_owned(), &"0 1 * * * x\n".to_owned(), None),
        ];
        for (name, old, entry, want) in cases {
            let merged = merged_crontab(&old, entry);
            assert_eq!(merged, want, "{name}");
            let settled = merged.unwrap_or(old);
            assert_eq!(merged_crontab(&settled, entry), None, "{name}: the second call changes nothing");
        }
    }

    #[test]
    fn the_watchers_come_and_go_with_their_setting() {
        let run = cron_line(&zone("UTC"), &install());
        let watch = cron_watch_lines(&zone("UTC"), &install());
        let on = merged_crontab("0 1 * * * x\n", &format!("{run}{watch}")).expect("changed");
        assert_eq!(on, format!("0 1 * * * x\n{run}{watch}"));
        assert_eq!(merged_crontab(&on, &format!("{run}{watch}")), None);
        assert_eq!(merged_crontab(&on, &run), Some(format!("0 1 * * * x\n{run}")));
        let want = "*/5 0-6 * * 1-5 cd /home/ubuntu/daily-ops && mkdir -p logs && DAILY_OPS_TRIGGER=cron \
                    /usr/local/bin/daily_ops watch all >>logs/cron.log 2>&1 # daily_ops: market watchers";
        assert_eq!(commands(&watch)[0], want);
        assert_eq!(commands(&watch).len(), 3);
        assert!(crontab_concerns(&on).is_empty());
    }

    #[test]
    fn a_line_that_only_resembles_ours_belongs_to_others() {
        let old =
            "# daily_ops: daily runs of mine\n# see daily_ops: daily run\n0 1 * * * echo x# daily_ops: daily run\n";
        let entry = cron_line(&zone("UTC"), &install());
        assert_eq!(merged_crontab(old, &entry), Some(format!("{old}{entry}")));
    }

    #[test]
    fn what_may_double_or_move_the_job_is_said() {
        let entry = cron_line(&zone("UTC"), &install());
        let old =
            format!("CRON_TZ=America/New_York\n# TZ=Asia/Seoul\n5 9 * * * cd /x && daily_ops run\n{entry}MAILTO=me\n");
        let concerns = crontab_concerns(&old);
        assert_eq!(concerns.len(), 2, "{concerns:?}");
        assert!(concerns[0].starts_with("line 1 sets a zone") && concerns[1].starts_with("line 3 starts the program"));
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        #[test]
        fn the_entry_of_another_workspace_is_named_before_it_goes() {
            let here =
                Install::new("/srv/desk".as_ref(), "/usr/bin/daily_ops".as_ref(), "ops").expect("an installation");
            let there =
                Install::new("/srv/other".as_ref(), "/usr/bin/daily_ops".as_ref(), "ops").expect("an installation");
            let zone = zone("UTC");
            let old =
                format!("0 1 * * * cd /srv/x && y\n{}{}", cron_line(&zone, &there), cron_prune_line(&zone, &here));
            let named = crontab_foreign(&old, &here);
            assert!(named.len() == 1 && named[0].contains("cd /srv/other "), "{named:?}");
            assert_eq!(crontab_foreign(&old, &there).len(), 1);
            assert!(crontab_foreign(&cron_line(&zone, &here), &here).is_empty());
        }

        proptest! {
            #[test]
            fn prop_lines_of_others_survive_and_a_second_call_changes_nothing(old in "([a-z#*: \t%]{0,12}(\n|\r\n)?){0,6}") {
                let entry = cron_line(&zone("UTC"), &install());
                let merged = merged_crontab(&old, &entry).expect("ours was not there");
                prop_assert!(merged.starts_with(&old) && merged.ends_with(&entry));
                prop_assert_eq!(merged_crontab(&merged, &entry), None);
            }
        }
    }
}
