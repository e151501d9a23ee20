//! SETTINGS_V1, `state/settings/latest/settings_latest.json`: when the watchers speak up.
//!
//! Read strictly from both sides: a threshold of another type or outside its range is a fault, never a default, because a
//! watcher that silently watches for something else is worse than one that says so. What is left out has its default.

use serde::Deserialize;
use serde::Serialize;

use super::FieldFault;
use super::Percent;
use super::members::Members;
use crate::contracts::Document;
use crate::contracts::DocumentFault;
use crate::contracts::Json;
use crate::contracts::document::lenient;
use crate::contracts::document::parse_objects;
use crate::time::Stamp;

/// The exchange's own limit of a day's move.
const DAY_LIMIT: Percent = Percent::of_bp(3_000);
const LEAST: Percent = Percent::of_bp(10);
const LEAST_STEP: Percent = Percent::of_bp(1);
const MOST_GAIN: Percent = Percent::of_bp(100_000);
const WHOLE: Percent = Percent::of_bp(10_000);
/// Minutes of a day.
const MOST_COOLDOWN: u64 = 1_440;

/// SETTINGS_V1
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct WatchSettings {
    /// `SETTINGS_V1`
    pub schema: String,
    /// When they were replaced.
    #[serde(default, deserialize_with = "lenient")]
    pub updated_at: Option<Stamp>,
    /// Who replaced them.
    #[serde(default, deserialize_with = "lenient")]
    pub updated_by: Option<String>,
    /// The spike watcher; null when nobody has set it.
    #[serde(default)]
    pub spike: Option<SpikeSettings>,
    /// The holding watcher; null when nobody has set it.
    #[serde(default)]
    pub holding: Option<HoldingSettings>,
    /// The settings' own snapshot; older documents do not say.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub snapshot_ref: Option<String>,
}

/// `spike`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SpikeSettings {
    /// Whether it looks at all.
    pub enabled: bool,
    /// The least move since the last close, up or down.
    pub threshold_pct: Percent,
    /// Minutes in which one ticker and direction is alerted once. An older name is `cooldown_minutes`.
    #[serde(alias = "cooldown_minutes")]
    pub cooldown_m: u64,
    /// Percentage points by which a move must grow to be alerted again within the cooldown.
    pub realert_delta_pp: Percent,
    /// A narrower session; null means the exchange's.
    pub session_kst: Option<SessionKst>,
}

/// `holding`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HoldingSettings {
    /// Whether it looks at all.
    pub enabled: bool,
    /// The least profit on the average price.
    pub pnl_up_pct: Percent,
    /// The least loss on the average price, as a positive number.
    pub pnl_down_pct: Percent,
    /// Whether a fall from the highest price counts.
    pub use_trail_stop: bool,
    /// The least fall from the highest price since entry.
    pub trail_stop_pct: Percent,
    /// Minutes in which one ticker and kind is alerted once.
    pub cooldown_m: u64,
    /// Percentage points by which a move must grow to be alerted again within the cooldown.
    pub realert_delta_pp: Percent,
    /// A narrower session; null means the exchange's.
    pub session_kst: Option<SessionKst>,
}

/// Hours of a day in Korea, both included, and the weekdays from Monday, 0.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SessionKst {
    /// `HH:MM`
    pub start: String,
    /// `HH:MM`
    pub end: String,
    /// Days from 0, Monday; null means every day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub days: Option<Vec<u64>>,
}

impl SessionKst {
    /// Start and end in minutes of the day.
    #[must_use]
    pub fn minutes(&self) -> Option<(u32, u32)> {
        let minutes = |text: &str| {
            let (hour, minute) = text.split_once(':').filter(|(hour, minute)| hour.len() == 2 && minute.len() == 2)?;
            let digits = [hour, minute].iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
            let (hour, minute): (u32, u32) = (hour.parse().ok()?, minute.parse().ok()?);
            (digits && hour < 24 && minute < 60).then_some(hour * 60 + minute)
        };
        minutes(&self.start).zip(minutes(&self.end)).filter(|(start, end)| start <= end)
    }

    fn read(json: &Json, at: &str, strict: Strict) -> Result<Self, FieldFault> {
        let members = Members::of(json, at)?;
        strict.only(&members, &["start", "end", "days"])?;
        let text = |key| members.text(key)?.ok_or_else(|| members.fault(key, "is missing")).map(str::to_owned);
        let days = match members.get("days") {
            None => None,
            Some(days) => Some(weekdays(days).ok_or_else(|| members.fault("days", "must list days from 0 to 6"))?),
        };
        let session = Self { start: text("start")?, end: text("end")?, days };
        match session.minutes() {
            Some(_) => Ok(session),
            None => Err(members.fault("start", "and end must be HH:MM, the start first")),
        }
    }
}

fn weekdays(json: &Json) -> Option<Vec<u64>> {
    let day = |item: &Json| item.as_integer().and_then(|day| u64::try_from(day).ok()).filter(|day| *day < 7);
    json.as_array().filter(|days| days.len() <= 7)?.iter().map(day).collect()
}

/// Whether members that are not known are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strict {
    /// A request: a misspelled threshold must not be lost.
    Request,
    /// A stored document may come from a newer writer.
    Stored,
}

impl Strict {
    fn only(self, members: &Members<'_>, known: &[&str]) -> Result<(), FieldFault> {
        if self == Self::Request { members.only(known) } else { Ok(()) }
    }
}

impl SpikeSettings {
    fn read(json: &Json, at: &str, strict: Strict) -> Result<Self, FieldFault> {
        let members = Members::of(json, at)?;
        let known = ["enabled", "threshold_pct", "cooldown_m", "cooldown_minutes", "realert_delta_pp", "session_kst"];
        strict.only(&members, &known)?;
        Ok(Self {
            enabled: enabled(&members)?,
            threshold_pct: members.percent("threshold_pct", (LEAST, DAY_LIMIT), Percent::of_bp(300))?,
            cooldown_m: cooldown(&members)?,
            realert_delta_pp: step(&members)?,
            session_kst: session(&members, strict)?,
        })
    }
}

impl HoldingSettings {
    fn read(json: &Json, at: &str, strict: Strict) -> Result<Self, FieldFault> {
        let members = Members::of(json, at)?;
        let known = [
            "enabled",
            "pnl_up_pct",
            "pnl_down_pct",
            "use_trail_stop",
            "trail_stop_pct",
            "cooldown_m",
            "cooldown_minutes",
            "realert_delta_pp",
            "session_kst",
        ];
        strict.only(&members, &known)?;
        Ok(Self {
            enabled: enabled(&members)?,
            pnl_up_pct: members.percent("pnl_up_pct", (LEAST, MOST_GAIN), Percent::of_bp(500))?,
            pnl_down_pct: members.percent("pnl_down_pct", (LEAST, WHOLE), Percent::of_bp(300))?,
            use_trail_stop: members.boolean("use_trail_stop")?.unwrap_or(true),
            trail_stop_pct: members.percent("trail_stop_pct", (LEAST, WHOLE), Percent::of_bp(200))?,
            cooldown_m: cooldown(&members)?,
            realert_delta_pp: step(&members)?,
            session_kst: session(&members, strict)?,
        })
    }
}

fn enabled(members: &Members<'_>) -> Result<bool, FieldFault> {
    members.boolean("enabled")?.ok_or_else(|| members.fault("enabled", "must be true or false"))
}

fn cooldown(members: &Members<'_>) -> Result<u64, FieldFault> {
    let newer = members.get("cooldown_m").is_some();
    members.count(if newer { "cooldown_m" } else { "cooldown_minutes" }, MOST_COOLDOWN, 15)
}

fn step(members: &Members<'_>) -> Result<Percent, FieldFault> {
    members.percent("realert_delta_pp", (LEAST_STEP, WHOLE), Percent::of_bp(100))
}

fn session(members: &Members<'_>, strict: Strict) -> Result<Option<SessionKst>, FieldFault> {
    match members.get("session_kst") {
        None | Some(Json::Null) => Ok(None),
        Some(json) => SessionKst::read(json, &members.place("session_kst"), strict).map(Some),
    }
}

impl WatchSettings {
    /// The sections that a request replaces; what it leaves out stays as it was. Strict.
    ///
    /// # Errors
    /// Names the first member that is not as it must be.
    pub fn requested(json: &Json) -> Result<Self, FieldFault> {
        let body = Members::of(json, "")?;
        body.only(&["spike", "holding", "updated_by", "confirm"])?;
        let found = Self::sections(&body, Strict::Request)?;
        if found.spike.is_none() && found.holding.is_none() {
            return Err(body.fault("spike", "or holding must be given"));
        }
        let updated_by = body.text("updated_by")?.map(|by| by.chars().take(60).collect());
        Ok(Self { updated_by, ..found })
    }

    fn sections(members: &Members<'_>, strict: Strict) -> Result<Self, FieldFault> {
        let given = |key| match (members.get(key), strict) {
            (None, _) | (Some(Json::Null), Strict::Stored) => None,
            (found, _) => found,
        };
        Ok(Self {
            schema: Self::SCHEMA.to_owned(),
            spike: given("spike").map(|json| SpikeSettings::read(json, "spike", strict)).transpose()?,
            holding: given("holding").map(|json| HoldingSettings::read(json, "holding", strict)).transpose()?,
            ..Self::default()
        })
    }
}

impl Document for WatchSettings {
    const SCHEMA: &'static str = "SETTINGS_V1";

    fn parse(bytes: &[u8]) -> Result<Self, DocumentFault> {
        let shape = |fault: FieldFault| DocumentFault::Shape(fault.to_string());
        // The fault of a member that is wrong names it; serde's would not.
        let json = Json::parse(bytes)?;
        let sections = Members::of(&json, "").and_then(|members| Self::sections(&members, Strict::Stored));
        let document = match (json.get("schema").and_then(Json::as_str), sections) {
            (Some(Self::SCHEMA), Err(fault)) => return Err(shape(fault)),
            (_, Ok(sections)) => {
                let read: Self = parse_objects(bytes)?;
                Self { spike: sections.spike, holding: sections.holding, ..read }
            }
            _ => parse_objects(bytes)?,
        };
        Ok(document)
    }
}

/// SPIKE_SETTINGS_V1, `state/spike_settings/latest/spike_settings_latest.json`: what counted before SETTINGS_V1; read only.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OldSpikeSettings {
    /// `SPIKE_SETTINGS_V1`
    pub schema: String,
    /// What it says.
    #[serde(flatten)]
    pub spike: SpikeSettings,
}

impl Document for OldSpikeSettings {
    const SCHEMA: &'static str = "SPIKE_SETTINGS_V1";

    fn parse(bytes: &[u8]) -> Result<Self, DocumentFault> {
        let json = Json::parse(bytes)?;
        match json.get("schema").and_then(Json::as_str) {
            Some(Self::SCHEMA) => {}
            found => {
                let found = found.unwrap_or("none").to_owned();
                return Err(DocumentFault::WrongSchema { expected: Self::SCHEMA, found });
            }
        }
        let spike = SpikeSettings::read(&json, "", Strict::Stored);
        let spike = spike.map_err(|fault| DocumentFault::Shape(fault.to_string()))?;
        Ok(Self { schema: Self::SCHEMA.to_owned(), spike })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(text: &str) -> Result<WatchSettings, String> {
        WatchSettings::requested(&Json::parse(text.as_bytes()).expect("JSON")).map_err(|fault| fault.to_string())
    }

    #[test]
    fn what_is_left_out_has_the_default_of_the_watchers() {
        let found = asked(r#"{"spike":{"enabled":true},"holding":{"enabled":true}}"#).expect("settings");
        let (spike, holding) = (found.spike.expect("spike"), found.holding.expect("holding"));
        assert_eq!((spike.threshold_pct.bp(), spike.cooldown_m, spike.realert_delta_pp.bp()), (300, 15, 100));
        assert_eq!((holding.pnl_up_pct.bp(), holding.pnl_down_pct.bp(), holding.trail_stop_pct.bp()), (500, 300, 200));
        assert!(holding.use_trail_stop && holding.cooldown_m == 15);
    }

    #[test]
    fn a_request_that_is_wrong_names_the_member() {
        let cases = [
            ("nothing", "{}", "spike or holding must be given"),
            ("a list", "[]", " must be an object"),
            ("unknown section", r#"{"spikes":{}}"#, "spikes is not known"),
            ("null section", r#"{"spike":null}"#, "spike must be an object"),
            ("no switch", r#"{"spike":{}}"#, "spike.enabled must be true or false"),
            ("switch a text", r#"{"spike":{"enabled":"true"}}"#, "spike.enabled must be true or false"),
            ("misspelled", r#"{"spike":{"enabled":true,"treshold_pct":3}}"#, "spike.treshold_pct is not known"),
            (
                "too low",
                r#"{"spike":{"enabled":true,"threshold_pct":0}}"#,
                "spike.threshold_pct must be a number from 0.10",
            ),
            ("too high", r#"{"spike":{"enabled":true,"threshold_pct":30.01}}"#, "spike.threshold_pct must be"),
            ("a text", r#"{"spike":{"enabled":true,"threshold_pct":"3"}}"#, "spike.threshold_pct must be"),
            ("three decimals", r#"{"spike":{"enabled":true,"threshold_pct":3.001}}"#, "spike.threshold_pct must be"),
            ("cooldown", r#"{"holding":{"enabled":true,"cooldown_m":1441}}"#, "holding.cooldown_m must be a whole"),
            ("half a minute", r#"{"holding":{"enabled":true,"cooldown_m":0.5}}"#, "holding.cooldown_m must be a whole"),
            ("no step", r#"{"holding":{"enabled":true,"realert_delta_pp":0}}"#, "holding.realert_delta_pp must be"),
            (
                "backwards",
                r#"{"spike":{"enabled":true,"session_kst":{"start":"15:00","end":"09:00"}}}"#,
                "spike.session_kst.start and end",
            ),
            (
                "day",
                r#"{"spike":{"enabled":true,"session_kst":{"start":"09:00","end":"15:00","days":[7]}}}"#,
                "spike.session_kst.days must list",
            ),
        ];
        for (name, text, want) in cases {
            let said = asked(text).expect_err(name);
            assert!(said.starts_with(want), "{name}: {said}");
        }
    }

    #[test]
    fn the_older_forms_are_read() {
        let newest = br#"{"schema":"SETTINGS_V1","updated_at":"2026-01-26T21:40:00","spike":{"enabled":false},
            "holding":{"enabled":true,"pnl_up_pct":5.0,"pnl_down_pct":3.0,"use_trail_stop":true,"trail_stop_pct":2.0,
            "cooldown_m":0,"realert_delta_pp":1.0,"session_kst":{"start":"00:00","end":"23:59"}}}"#;
        let found = WatchSettings::parse(newest).expect("settings");
        assert_eq!(found.spike.map(|spike| spike.enabled), Some(false));
        assert_eq!(found.holding.map(|holding| holding.cooldown_m), Some(0));
        let old = br#"{"schema":"SPIKE_SETTINGS_V1","updated_by":"pc_ui","enabled":true,"threshold_pct":3.5,
            "cooldown_minutes":20,"session_kst":{"start":"00:00","end":"23:59","days":[0,1,6]},
            "options":{"include_premium_fields":false},"integrity":{"payload_sha256":"x"}}"#;
        let spike = OldSpikeSettings::parse(old).expect("settings").spike;
        assert_eq!((spike.threshold_pct.bp(), spike.cooldown_m, spike.realert_delta_pp.bp()), (350, 20, 100));
        let damaged = br#"{"schema":"SETTINGS_V1","spike":{"enabled":true,"threshold_pct":"3"}}"#;
        let fault = WatchSettings::parse(damaged).expect_err("a text").to_string();
        assert!(fault.contains("spike.threshold_pct"), "{fault}");
    }
}
