//! From a raw value to the type of its field.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::knob::Kind;
use super::model::GitPolicy;
use super::model::Lang;
use super::model::LogFormat;
use super::model::QuoteVendor;
use super::model::SmtpTls;
use super::model::SnapshotPolicy;
use super::model::StalePolicy;
use super::rules;
use super::secret::Secret;
use crate::contracts::bundle::Algorithm;
use crate::contracts::bundle::Staleness;
use crate::contracts::run::Trigger;
use crate::time::TradingDate;

/// A value as its source wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Raw {
    /// From the table, the environment or a flag: one text for everything.
    Plain(String),
    /// A text of the file.
    Text(String),
    /// A boolean of the file.
    Bool(bool),
    /// A whole number of the file.
    Integer(i64),
    /// A list of texts of the file.
    List(Vec<String>),
    /// Something else of the file, by the name of its type.
    Other(&'static str),
}

/// A type that a field of the settings can have.
pub(super) trait Value: Sized {
    /// Checks and converts; the error is the rule that was broken.
    fn read(raw: &Raw, kind: &Kind) -> Result<Self, String>;

    /// The value as `config show` prints it.
    fn shown(&self, kind: &Kind) -> String;
}

/// Checks a value and stores it in its field.
pub(super) fn put<T: Value>(field: &mut T, raw: &Raw, kind: &Kind) -> Result<String, String> {
    let value = T::read(raw, kind)?;
    let shown = value.shown(kind);
    *field = value;
    Ok(shown)
}

impl Raw {
    /// The value as a fault shows it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Plain(text) | Self::Text(text) => text.clone(),
            Self::Bool(value) => value.to_string(),
            Self::Integer(value) => value.to_string(),
            Self::List(items) => items.join(", "),
            Self::Other(name) => format!("a {name}"),
        }
    }

    fn text(&self) -> Option<&str> {
        match self {
            Self::Plain(text) | Self::Text(text) => Some(text.trim()),
            Self::Bool(_) | Self::Integer(_) | Self::List(_) | Self::Other(_) => None,
        }
    }

    /// A whole number; a text of the file is none, also when it holds digits.
    fn count(&self) -> Option<u64> {
        match self {
            Self::Plain(text) => digits(text.trim()),
            Self::Integer(value) => u64::try_from(*value).ok(),
            Self::Text(_) | Self::Bool(_) | Self::List(_) | Self::Other(_) => None,
        }
    }

    fn items(&self) -> Option<Vec<String>> {
        match self {
            Self::Plain(text) | Self::Text(text) => Some(text.split(',').map(str::to_owned).collect()),
            Self::List(items) => Some(items.clone()),
            Self::Bool(_) | Self::Integer(_) | Self::Other(_) => None,
        }
        .map(|items| items.iter().map(|i| i.trim().to_owned()).filter(|i| !i.is_empty()).collect())
    }
}

fn must_be(kind: &Kind) -> String {
    format!("must be {kind}")
}

fn digits(text: &str) -> Option<u64> {
    (!text.is_empty() && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

impl Value for String {
    fn read(raw: &Raw, kind: &Kind) -> Result<Self, String> {
        let text = raw.text().ok_or_else(|| must_be(kind))?;
        if matches!(kind, Kind::Url) {
            rules::api_url(text)
        } else if matches!(kind, Kind::WebUrl) {
            rules::web_url(text)
        } else if matches!(kind, Kind::Remote) {
            rules::remote(text)
        } else if matches!(kind, Kind::ObservationLog) {
            rules::observation_log(text)
        } else {
            rules::branch(text)
        }
    }

    fn shown(&self, _kind: &Kind) -> String {
        self.clone()
    }
}

impl Value for TradingDate {
    fn read(raw: &Raw, kind: &Kind) -> Result<Self, String> {
        let day = raw.text().and_then(|text| Self::parse_from_str(text, "%Y-%m-%d").ok());
        day.ok_or_else(|| must_be(kind))
    }

    fn shown(&self, _kind: &Kind) -> String {
        self.to_string()
    }
}

impl Value for bool {
    fn read(raw: &Raw, kind: &Kind) -> Result<Self, String> {
        match (raw, kind) {
            (Raw::Bool(value), _) => Ok(*value),
            (Raw::Plain(text), Kind::OnlyOne) => Ok(text == "1"),
            (Raw::Plain(text), Kind::Switch) => match text.trim().to_ascii_lowercase().as_str() {
                "true" | "1" | "yes" | "on" | "t" | "y" => Ok(true),
                "false" | "0" | "no" | "off" | "f" | "n" => Ok(false),
                _ => Err(must_be(kind)),
            },
            (Raw::Text(_), _) => Err("must be true or false, without quotes".to_owned()),
            _ => Err("must be true or false".to_owned()),
        }
    }

    fn shown(&self, kind: &Kind) -> String {
        match (kind, self) {
            (Kind::OnlyOne, true) => "1".to_owned(),
            (Kind::OnlyOne, false) => "0".to_owned(),
            _ => self.to_string(),
        }
    }
}

fn count(raw: &Raw, kind: &Kind) -> Result<u64, String> {
    let in_range = |number: Option<u64>, min: u64, max: u64| number.filter(|n| (min..=max).contains(n));
    let number = if let Kind::Count { min, max } = *kind {
        in_range(raw.count(), min, max)
    } else if let Kind::Size { min, max } = *kind {
        in_range(raw.count().or_else(|| scaled(raw.text()?, &SIZE_UNITS)), min, max)
    } else {
        None
    };
    number.ok_or_else(|| must_be(kind))
}

macro_rules! whole_numbers {
    ($($number:ty),+) => {$(
        impl Value for $number {
            fn read(raw: &Raw, kind: &Kind) -> Result<Self, String> {
                let number = count(raw, kind)?;
                Self::try_from(number).map_err(|_too_large| must_be(kind))
            }

            fn shown(&self, kind: &Kind) -> String {
                let size = matches!(kind, Kind::Size { .. }).then(|| u64::try_from(*self).ok()).flatten();
                size.map_or_else(|| self.to_string(), shown_bytes)
            }
        }
    )+};
}

whole_numbers!(u8, u16, u32, u64, usize);

/// A number with a unit behind it.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let (_, factor) = units.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit.trim()))?;
    digits(number)?.checked_mul(*factor)
}

const SIZE_UNITS: [(&str, u64); 5] = [("", 1), ("b", 1), ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30)];
const TIME_UNITS: [(&str, u64); 6] =
    [("", 1000), ("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

/// A size with the largest unit that divides it.
pub(super) fn shown_bytes(size: u64) -> String {
    let unit = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let fits = unit.into_iter().find(|(_, factor)| size > 0 && size.is_multiple_of(*factor));
    fits.map_or_else(|| size.to_string(), |(name, factor)| format!("{}{name}", size / factor))
}

/// A time with the largest unit that divides it.
pub(super) fn shown_time(time: Duration) -> String {
    let ms = time.as_millis();
    let unit = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000)];
    let fits = unit.into_iter().find(|(_, factor)| ms > 0 && ms.is_multiple_of(*factor));
    match fits {
        Some((name, factor)) => format!("{}{name}", ms / factor),
        None if ms == 0 => "0s".to_owned(),
        None => format!("{ms}ms"),
    }
}

impl Value for Duration {
    fn read(raw: &Raw, kind: &Kind) -> Result<Self, String> {
        let seconds = raw.count().and_then(|seconds| seconds.checked_mul(1000));
        let ms = seconds.or_else(|| scaled(raw.text()?, &TIME_UNITS));
        let time = ms.map(Self::from_millis);
        let Kind::Time { min, max } = kind else { return Err(must_be(kind)) };
        time.filter(|t| (min..=max).contains(&t)).ok_or_else(|| must_be(kind))
    }

    fn shown(&self, _kind: &Kind) -> String {
        shown_time(*self)
    }
}

impl Value for SocketAddr {
    fn read(raw: &Raw, kind: &Kind) -> Result<Self, String> {
        raw.text().ok_or_else(|| must_be(kind)).and_then(rules::listener)
    }

    fn shown(&self, _kind: &Kind) -> String {
        self.to_string()
    }
}

impl Value for Vec<String> {
    fn read(raw: &Raw, kind: &Kind) -> Result<Self, String> {
        let items = raw.items().ok_or_else(|| must_be(kind))?;
        // A list of the file may be empty on purpose; a text of nothing but commas is a slip.
        let is_slip = items.is_empty() && !matches!(raw, Raw::List(_));
        let is_clean = items.iter().all(|item| !item.contains(char::is_control));
        if is_slip || !is_clean {
            return Err(must_be(kind));
        }
        if *kind == Kind::Origins {
            items.iter().map(|item| rules::origin(item)).collect()
        } else if *kind == Kind::Hosts {
            items.iter().map(|item| rules::host_name(item)).collect()
        } else {
            Ok(items)
        }
    }

    fn shown(&self, _kind: &Kind) -> String {
        self.join(",")
    }
}

impl Value for Vec<Algorithm> {
    fn read(raw: &Raw, kind: &Kind) -> Result<Self, String> {
        let items = raw.items().filter(|items| !items.is_empty());
        let known = items.and_then(|items| items.iter().map(|item| Algorithm::parse(item)).collect());
        known.ok_or_else(|| must_be(kind))
    }

    fn shown(&self, _kind: &Kind) -> String {
        self.iter().map(|a| a.as_str()).collect::<Vec<_>>().join(",")
    }
}

impl Value for Vec<PathBuf> {
    fn read(raw: &Raw, kind: &Kind) -> Result<Self, String> {
        let paths: Self = match raw {
            Raw::Plain(text) | Raw::Text(text) => std::env::split_paths(text).collect(),
            Raw::List(items) => items.iter().map(PathBuf::from).collect(),
            Raw::Bool(_) | Raw::Integer(_) | Raw::Other(_) => return Err(must_be(kind)),
        };
        Ok(paths.into_iter().filter(|path| !path.as_os_str().is_empty()).collect())
    }

    fn shown(&self, _kind: &Kind) -> String {
        let paths: Vec<_> = self.iter().map(|path| path.display().to_string()).collect();
        paths.join(if cfg!(windows) { ";" } else { ":" })
    }
}

impl Value for Option<Secret> {
    fn read(raw: &Raw, kind: &Kind) -> Result<Self, String> {
        let Raw::Plain(text) = raw else { return Err(must_be(kind)) };
        if *kind == Kind::SecretUrl {
            let text = text.trim();
            return if text.is_empty() { Ok(None) } else { rules::ping_url(text).map(|url| Some(Secret::new(url))) };
        }
        let Kind::Secret { min_bytes } = kind else { return Err(must_be(kind)) };
        match text.len() {
            0 => Ok(None),
            length if length < *min_bytes => Err(format!("{}; this one has {length}", must_be(kind))),
            _ => Ok(Some(Secret::new(text.as_str()))),
        }
    }

    fn shown(&self, _kind: &Kind) -> String {
        self.as_ref().map(ToString::to_string).unwrap_or_default()
    }
}

macro_rules! words {
    ($($word:ty { $($text:literal => $value:expr),+ $(,)? })+) => {$(
        impl Value for $word {
            fn read(raw: &Raw, kind: &Kind) -> Result<Self, String> {
                let text = raw.text().unwrap_or_default().to_ascii_lowercase();
                [$(($text, $value)),+]
                    .into_iter()
                    .find(|(word, _)| *word == text)
                    .map(|(_, value)| value)
                    .ok_or_else(|| must_be(kind))
            }

            fn shown(&self, _kind: &Kind) -> String {
                [$(($text, $value)),+]
                    .into_iter()
                    .find(|(_, value)| value == self)
                    .map(|(word, _)| word.to_owned())
                    .unwrap_or_default()
            }
        }
    )+};
}

words! {
    SmtpTls { "starttls" => Self::Starttls, "tls" => Self::Tls, "none" => Self::None }
    QuoteVendor { "none" => Self::None, "naver" => Self::Naver }
    GitPolicy { "warn" => Self::Warn, "strict" => Self::Strict }
    SnapshotPolicy { "fail" => Self::Fail, "warn" => Self::Warn }
    StalePolicy { "block" => Self::Block, "warn" => Self::Warn }
    Lang { "ko" => Self::Ko, "en" => Self::En }
    LogFormat { "text" => Self::Text, "json" => Self::Json }
    Staleness { "sessions" => Self::Sessions, "age" => Self::Age }
    Option<Trigger> {
        "auto" => None,
        "cron" => Some(Trigger::Cron),
        "manual" => Some(Trigger::Manual),
        "test" => Some(Trigger::Test),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Raw {
        Raw::Plain(text.to_owned())
    }

    #[test]
    fn a_time_is_read_with_and_without_a_unit() {
        let kind = Kind::Time { min: Duration::from_millis(100), max: Duration::from_secs(86_400) };
        let cases = [
            ("seconds", plain("30s"), Some("30s")),
            ("minutes", plain("15m"), Some("15m")),
            ("hours", plain("6h"), Some("6h")),
            ("a day", plain("1d"), Some("1d")),
            ("no unit means seconds", plain("90"), Some("90s")),
            ("seconds that are minutes", plain("120"), Some("2m")),
            ("milliseconds", plain("1500ms"), Some("1500ms")),
            ("blank before the unit", plain(" 5 s "), Some("5s")),
            ("capital unit", plain("5S"), Some("5s")),
            ("a number of the file", Raw::Integer(30), Some("30s")),
            ("a text of the file", Raw::Text("30s".to_owned()), Some("30s")),
            ("below the range", plain("99ms"), None),
            ("above the range", plain("25h"), None),
            ("negative", plain("-5s"), None),
            ("signed", plain("+5s"), None),
            ("a fraction", plain("1.5h"), None),
            ("two units", plain("1h30m"), None),
            ("unit only", plain("s"), None),
            ("no number", plain("soon"), None),
            ("too large for a number", plain("99999999999999999999s"), None),
            ("too large after the unit", plain("9999999999999999999d"), None),
            ("negative number of the file", Raw::Integer(-1), None),
            ("boolean of the file", Raw::Bool(true), None),
        ];
        for (name, raw, want) in cases {
            let read = Duration::read(&raw, &kind).ok().map(|time| time.shown(&kind));
            assert_eq!(read.as_deref(), want, "{name}");
        }
    }

    #[test]
    fn a_number_must_be_whole_and_in_range() {
        let count = Kind::Count { min: 1, max: 200 };
        let size = Kind::Size { min: 1 << 10, max: 1 << 20 };
        let cases = [
            ("in range", plain("200"), count, Some(200)),
            ("blanks around", plain(" 7 "), count, Some(7)),
            ("too small", plain("0"), count, None),
            ("too large", plain("201"), count, None),
            ("signed", plain("+7"), count, None),
            ("hex", plain("0x10"), count, None),
            ("full-width digits", plain("７"), count, None),
            ("a text of the file", Raw::Text("7".to_owned()), count, None),
            ("a number of the file", Raw::Integer(7), count, Some(7)),
            ("a unit where none belongs", plain("7KiB"), count, None),
            ("bytes", plain("4096"), size, Some(4096)),
            ("kibibytes", plain("64KiB"), size, Some(65_536)),
            ("lower case", plain("1mib"), size, Some(1 << 20)),
            ("a size of the file", Raw::Text("1MiB".to_owned()), size, Some(1 << 20)),
            ("too large a size", plain("1GiB"), size, None),
            ("overflow", plain("99999999999GiB"), size, None),
        ];
        for (name, raw, kind, want) in cases {
            assert_eq!(u64::read(&raw, &kind).ok(), want, "{name}");
        }
        assert_eq!(u8::read(&plain("256"), &Kind::Count { min: 0, max: 1000 }).ok(), None, "the field is smaller");
    }

    #[test]
    fn only_the_text_1_skips_the_pull_and_a_switch_takes_the_usual_words() {
        let cases = [
            ("1", Some(true), true),
            ("true", Some(true), false),
            ("YES", Some(true), false),
            (" 1", Some(true), false),
            ("01", None, false),
            ("0", Some(false), false),
            ("off", Some(false), false),
            ("maybe", None, false),
        ];
        for (text, switch, only_one) in cases {
            assert_eq!(bool::read(&plain(text), &Kind::Switch).ok(), switch, "switch {text:?}");
            assert_eq!(bool::read(&plain(text), &Kind::OnlyOne), Ok(only_one), "only one {text:?}");
        }
        assert!(bool::read(&Raw::Text("true".to_owned()), &Kind::Switch).is_err(), "a quoted boolean of the file");
        assert!(bool::read(&Raw::Integer(1), &Kind::OnlyOne).is_err(), "a number of the file");
        assert_eq!(bool::read(&Raw::Bool(true), &Kind::OnlyOne), Ok(true));
    }

    #[test]
    fn a_list_drops_blanks_and_refuses_a_slip() {
        let texts = |raw: &Raw| Vec::<String>::read(raw, &Kind::Texts).ok().map(|items| items.join("|"));
        assert_eq!(texts(&plain("A_, B_ ,,")).as_deref(), Some("A_|B_"));
        assert_eq!(texts(&plain(",,")), None);
        assert_eq!(texts(&plain("A\nB")), None);
        assert_eq!(texts(&Raw::List(vec!["A_".to_owned()])).as_deref(), Some("A_"));
        assert_eq!(texts(&Raw::List(Vec::new())).as_deref(), Some(""), "empty on purpose");

        let kind = Kind::Words(&["HMAC-SHA256", "ed25519"]);
        let algorithms = |text: &str| Vec::<Algorithm>::read(&plain(text), &kind).ok().map(|list| list.shown(&kind));
        assert_eq!(algorithms("hmac-sha256, ED25519").as_deref(), Some("HMAC-SHA256,ed25519"));
        assert_eq!(algorithms("ed25519").as_deref(), Some("ed25519"));
        assert_eq!(algorithms("none"), None);
        assert_eq!(algorithms(","), None);
    }

    mod properties {
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn prop_a_time_survives_being_shown_and_read_again(ms in 0_u64..10_000_000_000) {
                let time = Duration::from_millis(ms);
                let kind = Kind::Time { min: Duration::ZERO, max: Duration::MAX };
                prop_assert_eq!(Duration::read(&plain(&shown_time(time)), &kind), Ok(time));
            }

            #[test]
            fn prop_a_size_survives_being_shown_and_read_again(size in any::<u32>()) {
                let size = u64::from(size);
                let kind = Kind::Size { min: 0, max: u64::MAX };
                prop_assert_eq!(u64::read(&plain(&shown_bytes(size)), &kind), Ok(size));
            }

            #[test]
            fn prop_a_value_that_is_taken_is_shown_as_a_text_that_is_taken_again(text in ".{0,40}|[0-9]{1,6}[smh]?") {
                for knob in crate::settings::knobs().iter().filter(|knob| !knob.is_secret()) {
                    let mut settings = crate::settings::Settings::blank("root".into());
                    let mut set = |text: &str| (knob.set)(&mut settings, &plain(text), &knob.kind);
                    if let Ok(shown) = set(&text) && !shown.is_empty() {
                        prop_assert_eq!(set(&shown), Ok(shown.clone()), "{}", knob.key);
                    }
                }
            }
        }
    }
}
