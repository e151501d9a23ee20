//! Korean time: stamps in documents, in file names and in log lines.

use std::fmt;

use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use chrono::NaiveDateTime;
use chrono::Offset;
use chrono::TimeZone;
use serde::Deserialize;
use serde::Serialize;

/// An instant shown in Korean time.
pub type KstTime = DateTime<FixedOffset>;
/// A calendar day in Korea, the day a session belongs to.
pub type TradingDate = NaiveDate;

/// The offset of Korea: nine hours east, without daylight saving since 1988.
#[must_use]
#[expect(clippy::expect_used, reason = "a constant within the range of offsets")]
pub fn kst() -> FixedOffset {
    FixedOffset::east_opt(9 * 3600).expect("nine hours is a valid offset")
}

/// The stamp of a snapshot's name: `YYYYMMDD_HHMMSS` in Korean time.
#[must_use]
pub fn file_stamp(at: KstTime) -> String {
    at.with_timezone(&kst()).format("%Y%m%d_%H%M%S").to_string()
}

/// Reads the first `YYYYMMDD_HHMMSS` inside a file name.
#[must_use]
pub fn parse_file_stamp(name: &str) -> Option<NaiveDateTime> {
    (0..name.len().saturating_sub(14))
        .filter_map(|i| name.get(i..i + 15))
        .filter(|part| part.bytes().all(|b| b.is_ascii_digit() || b == b'_'))
        .find_map(|part| NaiveDateTime::parse_from_str(part, "%Y%m%d_%H%M%S").ok())
}

/// The stamp of a log line: `YYYY-MM-DD HH:MM:SS` in Korean time.
#[must_use]
pub fn line_stamp(at: KstTime) -> String {
    at.with_timezone(&kst()).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// A time as a document states it. The text is kept as written, because signatures and hashes cover it.
///
/// ```
/// use daily_ops::time::Stamp;
/// let ours = Stamp::from("2026-01-24T19:00:04+09:00");
/// let bare = Stamp::from("2026-01-24T19:00:04");
/// assert_eq!(ours.instant(), bare.instant());
/// assert!(ours.has_offset() && !bare.has_offset());
/// assert_eq!(Stamp::from("yesterday").instant(), None);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stamp(String);

impl Stamp {
    /// Writes an instant as RFC 3339 with microseconds and `+09:00`.
    #[must_use]
    pub fn of(at: KstTime) -> Self {
        Self(at.with_timezone(&kst()).format("%Y-%m-%dT%H:%M:%S%.6f%:z").to_string())
    }

    /// The text as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The instant; a stamp without offset means Korean time, a `Z` is believed. `None` when it is no time at all.
    #[must_use]
    pub fn instant(&self) -> Option<KstTime> {
        let text = self.0.trim();
        if let Ok(at) = DateTime::parse_from_rfc3339(text) {
            return Some(at.with_timezone(&kst()));
        }
        let bare = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f"]
            .iter()
            .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())?;
        kst().from_local_datetime(&bare).single()
    }

    /// Whether the text names its zone. Without one, the age of a foreign host's stamp cannot be judged.
    #[must_use]
    pub fn has_offset(&self) -> bool {
        DateTime::parse_from_rfc3339(self.0.trim()).is_ok()
    }
}

impl From<&str> for Stamp {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The zone in which this host's scheduler reads its times.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostZone {
    /// The IANA name, or the name of the offset when the host does not say.
    pub name: String,
    /// 09:05 in Korea as this host's clock shows it: hour and minute.
    pub run_at: (u32, u32),
    /// How far the host's clock is ahead of UTC at that moment, in minutes.
    pub offset_minutes: i32,
    /// Whether the local time of the run moves during the year, because the zone has daylight saving.
    pub shifts: bool,
}

/// Works out what 09:05 in Korea is called in the zone `name` around `now`; an unknown name counts as UTC.
#[must_use]
pub fn host_zone(name: &str, now: KstTime) -> HostZone {
    use chrono::Timelike;
    let zone: chrono_tz::Tz = name.parse().unwrap_or(chrono_tz::UTC);
    let at = |day: NaiveDate| {
        let run = kst().from_local_datetime(&day.and_hms_opt(9, 5, 0)?).single()?;
        let local = run.with_timezone(&zone);
        Some(((local.hour(), local.minute()), local.offset().fix()))
    };
    let today = now.with_timezone(&kst()).date_naive();
    let year: Vec<_> = (0..12).filter_map(|m| at(today + chrono::Days::new(30 * m))).collect();
    let run_at = year.first().map_or((0, 5), |first| first.0);
    let offset_minutes = year.first().map_or(0, |first| first.1.local_minus_utc() / 60);
    let shifts = year.iter().any(|other| other.0 != run_at);
    HostZone { name: zone.name().to_owned(), run_at, offset_minutes, shifts }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_is_read_with_and_without_offset() {
        let cases = [
            ("korean offset", "2026-01-25T00:15:09.123456+09:00", Some("2026-01-25T00:15:09.123456+09:00"), true),
            ("utc is believed", "2026-01-24T15:15:09Z", Some("2026-01-25T00:15:09.000000+09:00"), true),
            ("bare means korea", "2026-01-25T00:15:09.123456", Some("2026-01-25T00:15:09.123456+09:00"), false),
            ("bare with blank", "2026-01-25 00:15:09", Some("2026-01-25T00:15:09.000000+09:00"), false),
            ("empty", "", None, false),
            ("date only", "2026-01-25", None, false),
            ("impossible", "2026-13-25T00:15:09", None, false),
        ];
        for (name, text, want, offset) in cases {
            let stamp = Stamp::from(text);
            assert_eq!(stamp.instant().map(Stamp::of), want.map(Stamp::from), "{name}");
            assert_eq!(stamp.has_offset(), offset, "{name}");
        }
    }

    #[test]
    fn a_file_stamp_is_found_inside_a_name() {
        let cases = [
            ("ops_summary_20260111_173224.json", true),
            ("ops_run_b_fail_20260111_155032.json", true),
            ("live_cycle_20260111_173224_2.json", true),
            ("ops_report_20260112.json", false),
            ("x_99999999_999999.json", false),
            ("한글", false),
        ];
        for (name, found) in cases {
            assert_eq!(parse_file_stamp(name).is_some(), found, "{name}");
        }
    }

    #[test]
    fn the_run_time_is_named_in_the_zone_of_the_host() {
        let now = Stamp::from("2026-11-21T09:05:00+09:00").instant().expect("a time");
        let cases = [
            ("UTC", (0, 5), 0, false),
            ("Asia/Seoul", (9, 5), 540, false),
            ("America/New_York", (19, 5), -300, true),
            ("Asia/Kathmandu", (5, 50), 345, false),
            ("Nowhere/Else", (0, 5), 0, false),
        ];
        for (zone, run_at, offset, shifts) in cases {
            let host = host_zone(zone, now);
            assert_eq!((host.run_at, host.offset_minutes, host.shifts), (run_at, offset, shifts), "{zone}");
        }
    }
}
