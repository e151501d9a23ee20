//! When the market watchers look: every five minutes of a session's hours, hourly for freshness, and at boot.
//!
//! The hours are 09:00 to 15:59 in Korea on weekdays; whether the exchange is open is the watchers' own business. The
//! hourly look comes two minutes past the hour, so that it never meets one of the others.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use super::install::Install;
use super::units;
use super::units::Unit;
use crate::time::HostZone;

/// The minutes of a day and of a week.
const DAY: i32 = 24 * 60;
const WEEK: i32 = 7 * DAY;
/// 09:00 in Korea is midnight in UTC, 15:55 is the last look of a day.
const LOOKS: std::ops::RangeInclusive<i32> = 0..=6 * 60 + 55;
const STEP: usize = 5;

/// The times of the looks in the fields of a crontab, on a host of this zone.
pub(super) fn cron_times(zone: &HostZone) -> Vec<String> {
    // Weekday, hour, minutes as the host's clock shows them; Sunday is day 0.
    let mut hours: BTreeMap<(i32, i32), BTreeSet<i32>> = BTreeMap::new();
    for weekday in 1..=5 {
        for minute in LOOKS.step_by(STEP) {
            let at = (weekday * DAY + minute + zone.offset_minutes).rem_euclid(WEEK);
            hours.entry((at / DAY, at % DAY / 60)).or_default().insert(at % 60);
        }
    }
    // The days of an hour that share its minutes, then the hours that share minutes and days.
    let mut days: BTreeMap<(i32, Vec<i32>), Vec<i32>> = BTreeMap::new();
    for ((day, hour), minutes) in hours {
        days.entry((hour, minutes.into_iter().collect())).or_default().push(day);
    }
    let mut lines: BTreeMap<(String, String), Vec<i32>> = BTreeMap::new();
    for ((hour, minutes), days) in days {
        lines.entry((minute_field(&minutes), spans(&days))).or_default().push(hour);
    }
    let times = lines.into_iter().map(|((minutes, days), hours)| format!("{minutes} {} * * {days}", spans(&hours)));
    times.chain(["2 * * * *".to_owned(), "@reboot".to_owned()]).collect()
}

fn minute_field(minutes: &[i32]) -> String {
    let all: Vec<i32> = (0..60).step_by(STEP).collect();
    if minutes == all {
        return "*/5".to_owned();
    }
    minutes.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

/// Numbers in order as spans: `0-6`, `19-23`, `0,5`.
fn spans(numbers: &[i32]) -> String {
    let mut spans: Vec<(i32, i32)> = Vec::new();
    for number in numbers {
        match spans.last_mut() {
            Some((_, end)) if *end + 1 == *number => *end = *number,
            _ => spans.push((*number, *number)),
        }
    }
    let text = |(start, end): (i32, i32)| if start == end { start.to_string() } else { format!("{start}-{end}") };
    spans.into_iter().map(text).collect::<Vec<_>>().join(",")
}

/// The units of the watchers; they are only installed when a vendor of prices is configured.
#[must_use]
pub fn systemd_watch_units(install: &Install) -> Vec<Unit> {
    vec![
        Unit { name: "daily-ops-watch.service", text: units::job("the market watchers", "watch all", install) },
        Unit { name: "daily-ops-watch.timer", text: timer() },
    ]
}

/// A look that was missed is not made up: the next one is minutes away.
fn timer() -> String {
    format!(
        "{}\
[Unit]
Description=daily_ops: the market watchers, every five minutes of a session's hours

[Timer]
OnCalendar=Mon..Fri *-*-* 09..15:00/5:00 Asia/Seoul
OnCalendar=*-*-* *:02:00
OnBootSec=1min
AccuracySec=1s
Unit=daily-ops-watch.service

[Install]
WantedBy=timers.target
",
        units::HEADER
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Stamp;
    use crate::time::host_zone;

    #[test]
    fn the_looks_stand_in_the_fields_of_the_hosts_zone() {
        let cases: [(&str, &[&str]); 5] = [
            ("Asia/Seoul", &["*/5 9-15 * * 1-5"]),
            ("UTC", &["*/5 0-6 * * 1-5"]),
            ("America/New_York", &["*/5 0-1 * * 1-5", "*/5 19-23 * * 0-4"]),
            ("Asia/Kolkata", &["*/5 6-11 * * 1-5", "0,5,10,15,20,25 12 * * 1-5", "30,35,40,45,50,55 5 * * 1-5"]),
            ("Pacific/Honolulu", &["*/5 14-20 * * 0-4"]),
        ];
        for (name, want) in cases {
            let zone = host_zone(name, Stamp::from("2026-11-21T09:05:00+09:00").instant().expect("a time"));
            let times = cron_times(&zone);
            let (looks, rest) = times.split_at(times.len() - 2);
            let mut looks = looks.to_vec();
            let mut want: Vec<String> = want.iter().map(|text| (*text).to_owned()).collect();
            looks.sort();
            want.sort();
            assert_eq!(looks, want, "{name}");
            assert_eq!(rest, ["2 * * * *", "@reboot"], "{name}");
        }
    }

    #[test]
    fn the_units_say_when_and_what() {
        let install = Install::new("/srv/ops".as_ref(), "/bin/daily_ops".as_ref(), "ubuntu").expect("valid");
        let units = systemd_watch_units(&install);
        let lines = |at: usize| units[at].text.lines().collect::<Vec<_>>();
        for line in ["Type=oneshot", "ExecStart=/bin/daily_ops watch all", "WorkingDirectory=/srv/ops"] {
            assert!(lines(0).contains(&line), "{line}: {}", units[0].text);
        }
        assert!(!units[0].text.contains("[Install]"));
        for line in
            ["OnCalendar=Mon..Fri *-*-* 09..15:00/5:00 Asia/Seoul", "OnCalendar=*-*-* *:02:00", "OnBootSec=1min"]
        {
            assert!(lines(1).contains(&line), "{line}: {}", units[1].text);
        }
        assert!(!units[1].text.contains("Persistent=true"));
    }
}
