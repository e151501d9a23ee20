//! The search space: which parameters vary, over which grid, and where each one stands in the strategy's document.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::Serialize;
use serde_json::Number;
use serde_json::Value;

use crate::contracts::Json;
use crate::contracts::JsonFault;
use crate::contracts::Text;

/// The values of one trial by parameter name.
pub type Point = BTreeMap<String, Number>;

/// Rounds to six decimals, so that `-0.1 + 4 * 0.01` is written as -0.06.
#[must_use]
pub fn round6(value: f64) -> f64 {
    let rounded = (value * 1e6).round() / 1e6;
    // Zero has no sign in a document.
    if rounded == 0.0 { 0.0 } else { rounded }
}

/// What is known of a parameter that may vary.
struct Known {
    name: &'static str,
    /// Section and field of the strategy's parameters.
    target: (&'static str, &'static str),
    is_integer: bool,
    /// Smallest and largest value that the bundle's validator accepts.
    allowed: (f64, f64),
    /// First value, last value and step unless told otherwise.
    default: (f64, f64, f64),
    /// Whether it varies unless told otherwise.
    is_searched: bool,
}

#[rustfmt::skip]
const KNOWN: &[Known] = &[
    Known { name: "momentum_period", target: ("lookbacks", "momentum_period"), is_integer: true,
        allowed: (2.0, 250.0), default: (8.0, 60.0, 1.0), is_searched: true },
    Known { name: "stop_loss", target: ("decision_params", "exit_threshold"), is_integer: false,
        allowed: (-0.999_999, -0.000_001), default: (-0.10, -0.01, 0.01), is_searched: true },
    Known { name: "max_positions", target: ("position_limits", "max_positions"), is_integer: true,
        allowed: (1.0, 50.0), default: (2.0, 6.0, 1.0), is_searched: true },
    Known { name: "entry_threshold", target: ("decision_params", "entry_threshold"), is_integer: false,
        allowed: (-0.5, 0.5), default: (0.0, 0.05, 0.01), is_searched: false },
    Known { name: "max_position_pct", target: ("risk_limits", "max_position_pct"), is_integer: false,
        allowed: (0.0, 1.0), default: (0.15, 0.50, 0.05), is_searched: false },
    Known { name: "min_cash_pct", target: ("position_limits", "min_cash_pct"), is_integer: false,
        allowed: (0.0, 1.0), default: (0.0, 0.30, 0.05), is_searched: false },
    Known { name: "adx_filter_min", target: ("decision_params", "adx_filter_min"), is_integer: false,
        allowed: (0.0, 100.0), default: (10.0, 30.0, 2.5), is_searched: false },
];

/// Parameters of the older regime engine, which this program does not have.
const OLDER: [&str; 3] = ["ma_period", "rsi_period", "stop_loss_pct"];

/// A search space cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("--space {text:?}: {why}")]
pub struct SpaceFault {
    text: String,
    why: String,
}

/// The grid of one parameter: first value, last value, step; both ends belong to it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// First value.
    pub from: f64,
    /// Last value, when a step hits it.
    pub to: f64,
    /// Distance between two values.
    pub step: f64,
}

impl Grid {
    /// How many values it has.
    #[must_use]
    pub fn count(&self) -> u64 {
        #![expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "not negative and below 2^53")]
        // Half a millionth of a step of slack: (0.05 - -0.10) / 0.01 is 14.999999999999998.
        ((self.to - self.from) / self.step + 1e-6).floor() as u64 + 1
    }

    fn at(&self, index: u64) -> f64 {
        #![expect(clippy::cast_precision_loss, reason = "an index of a grid is far below 2^52")]
        round6(self.from + index as f64 * self.step)
    }
}

/// The parameters that vary, each with its grid, in order of their names.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Space(BTreeMap<String, Grid>);

impl Default for Space {
    fn default() -> Self {
        let searched = KNOWN.iter().filter(|known| known.is_searched);
        Self(searched.map(|known| (known.name.to_owned(), default_grid(known))).collect())
    }
}

fn default_grid(known: &Known) -> Grid {
    let (from, to, step) = known.default;
    Grid { from, to, step }
}

impl Space {
    /// The default space with some grids replaced or added, each written `name=a..b` or `name=a..b:step`.
    ///
    /// # Errors
    /// An unknown name, no such range, a value that the strategy's document may not hold, or more points than can be
    /// counted.
    pub fn with(overrides: &[String]) -> Result<Self, SpaceFault> {
        let mut space = Self::default();
        for text in overrides {
            let (name, grid) = parse(text).map_err(|why| SpaceFault { text: text.clone(), why })?;
            space.0.insert(name.to_owned(), grid);
        }
        let size = space.0.values().try_fold(1_u64, |size, grid| size.checked_mul(grid.count()));
        if size.is_none_or(|size| size > 1 << 53) {
            let why = "the space has more than 2^53 points".to_owned();
            return Err(SpaceFault { text: overrides.join(" "), why });
        }
        Ok(space)
    }

    /// The same space without the values that are further than `share` of the baseline's value away from it.
    #[must_use]
    pub fn near(&self, params: &Value, share: f64) -> Self {
        let clipped = self.0.iter().map(|(name, grid)| {
            let base = current(params, name);
            let kept: Vec<f64> = (0..grid.count())
                .map(|index| grid.at(index))
                .filter(|value| base.is_none_or(|base| (value - base).abs() <= share * base.abs() + 1e-9))
                .collect();
            let grid = match (kept.first(), kept.last()) {
                (Some(from), Some(to)) => Grid { from: *from, to: *to, step: grid.step },
                // No value of the grid is near: the baseline's own value is.
                _ => base.map_or(*grid, |base| Grid { from: base, to: base, step: grid.step }),
            };
            (name.clone(), grid)
        });
        Self(clipped.collect())
    }

    /// How many points it has.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.0.values().map(Grid::count).product()
    }

    /// The point of a number below the size: the last name turns fastest.
    #[must_use]
    pub fn point(&self, number: u64) -> Point {
        let mut rest = number;
        let mut point = Point::new();
        for (name, grid) in self.0.iter().rev() {
            let value = grid.at(rest % grid.count());
            rest /= grid.count();
            point.insert(name.clone(), token(name, value));
        }
        point
    }

    /// Names and grids in order.
    pub fn grids(&self) -> impl Iterator<Item = (&str, &Grid)> {
        self.0.iter().map(|(name, grid)| (name.as_str(), grid))
    }
}

fn known(name: &str) -> Option<&'static Known> {
    KNOWN.iter().find(|known| known.name == name)
}

/// The width of a parameter's published range, whatever a run searched; `None` for a name that is no parameter.
#[must_use]
pub fn published_range(name: &str) -> Option<f64> {
    known(name).map(|known| round6(known.default.1 - known.default.0))
}

fn token(name: &str, value: f64) -> Number {
    let is_integer = known(name).is_some_and(|known| known.is_integer);
    #[expect(clippy::cast_possible_truncation, reason = "integers of the space are below 251")]
    let number = if is_integer { Some(Number::from(value.round() as i64)) } else { Number::from_f64(value) };
    number.unwrap_or_else(|| Number::from(0))
}

fn parse(text: &str) -> Result<(&'static str, Grid), String> {
    let (name, range) = text.split_once('=').ok_or("not NAME=A..B or NAME=A..B:STEP")?;
    if OLDER.contains(&name) {
        return Err(format!("{name} belongs to the regime engine of an older program, which is not built here"));
    }
    let names = || KNOWN.iter().map(|known| known.name).collect::<Vec<_>>().join(", ");
    let known = known(name).ok_or_else(|| format!("no parameter {name:?}; there are {}", names()))?;
    let (range, step) = range.split_once(':').map_or((range, None), |(range, step)| (range, Some(step)));
    let (from, to) = range.split_once("..").ok_or("not NAME=A..B or NAME=A..B:STEP")?;
    let number = |text: &str| {
        text.trim().parse::<f64>().ok().filter(|n| n.is_finite()).ok_or_else(|| format!("{text:?} is no number"))
    };
    let grid =
        Grid { from: round6(number(from)?), to: round6(number(to)?), step: step.map_or(Ok(known.default.2), number)? };
    let (low, high) = known.allowed;
    if grid.from > grid.to {
        return Err(format!("{} is above {}", grid.from, grid.to));
    }
    if grid.from < low || grid.to > high {
        return Err(format!("{}..{} is outside of what {name} may be, {low}..{high}", grid.from, grid.to));
    }
    if grid.step <= 0.0 || (grid.to - grid.from) / grid.step > 1e9 {
        return Err(format!("the step {} must be above 0 and not tiny", grid.step));
    }
    if known.is_integer && [grid.from, grid.to, grid.step].iter().any(|n| n.fract() != 0.0) {
        return Err(format!("{name} is an integer"));
    }
    Ok((known.name, grid))
}

/// The value that a parameter document has for a parameter of the space.
#[must_use]
pub fn current(params: &Value, name: &str) -> Option<f64> {
    let (section, field) = known(name)?.target;
    params.get(section)?.get(field)?.as_f64()
}

/// The parameter document with the point's values in their places.
#[must_use]
pub fn applied(params: &Value, point: &Point) -> Value {
    let mut params = params.clone();
    for (name, value) in point {
        let Some(known) = known(name) else { continue };
        let (section, field) = known.target;
        if let Some(Value::Object(map)) = params.get_mut(section) {
            map.insert(field.to_owned(), Value::Number(value.clone()));
        }
    }
    params
}

/// The identity of a point: the first 16 hex digits of SHA-256 over its canonical JSON, floats rounded to six decimals.
///
/// # Errors
/// A value is not finite.
pub fn params_hash(point: &Point) -> Result<String, JsonFault> {
    let rounded: BTreeMap<&str, Number> = point
        .iter()
        .map(|(name, value)| {
            let float = value.as_f64().filter(|_| value.is_f64());
            (name.as_str(), float.and_then(|v| Number::from_f64(round6(v))).unwrap_or_else(|| value.clone()))
        })
        .collect();
    let mut hash = Json::of(&rounded)?.sha256(Text::Raw);
    hash.truncate(16);
    Ok(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::strategy_params::default_params;
    use crate::time::Stamp;
    use std::collections::BTreeSet;

    #[test]
    fn the_default_space_is_the_published_table() {
        let space = Space::default();
        let found: Vec<_> = space.grids().map(|(name, grid)| (name, grid.from, grid.to, grid.count())).collect();
        let want =
            [("max_positions", 2.0, 6.0, 5), ("momentum_period", 8.0, 60.0, 53), ("stop_loss", -0.10, -0.01, 10)];
        assert_eq!(found, want);
        assert_eq!(space.size(), 5 * 53 * 10);
        let stops: BTreeSet<String> = (0..space.size()).map(|n| space.point(n)["stop_loss"].to_string()).collect();
        let want = ["-0.01", "-0.02", "-0.03", "-0.04", "-0.05", "-0.06", "-0.07", "-0.08", "-0.09", "-0.1"];
        assert_eq!(stops, want.map(str::to_owned).into(), "no -0.060000000000000005");
    }

    #[test]
    fn every_number_is_another_point() {
        let space = Space::with(&["momentum_period=10..14:2".to_owned()]).expect("a space");
        let points: BTreeSet<String> = (0..space.size()).map(|n| format!("{:?}", space.point(n))).collect();
        assert_eq!(points.len() as u64, space.size());
    }

    #[test]
    fn a_grid_is_replaced_or_added_by_its_name_and_refused_with_a_reason() {
        let sound = ["momentum_period=10..20", "stop_loss=-0.05..-0.02:0.005", "entry_threshold=0.01..0.03"];
        let space = Space::with(&sound.map(str::to_owned)).expect("a space");
        let counts: Vec<_> = space.grids().map(|(name, grid)| (name, grid.count())).collect();
        let want = [("entry_threshold", 3), ("max_positions", 5), ("momentum_period", 11), ("stop_loss", 7)];
        assert_eq!(counts, want);
        let cases = [
            ("momentum_period", "not NAME=A..B"),
            ("momentum_period=8", "not NAME=A..B"),
            ("momentum_period=8..x", "is no number"),
            ("momentum_period=60..8", "is above"),
            ("momentum_period=1..8", "outside of what momentum_period may be"),
            ("momentum_period=8..60:0.5", "is an integer"),
            ("stop_loss=0.03..0.15", "outside of what stop_loss may be"),
            ("stop_loss=-0.05..-0.01:0", "must be above 0"),
            ("rsi_period=5..30", "older program"),
            ("speed=1..2", "no parameter \"speed\""),
        ];
        for (text, want) in cases {
            let fault = Space::with(&[text.to_owned()]).expect_err(text).to_string();
            assert!(fault.contains(want), "{text}: {fault}");
        }
    }

    #[test]
    fn a_point_lands_in_its_target_fields_and_nowhere_else() {
        let base = default_params(Stamp::from("2026-11-20T19:00:00+09:00")).params;
        let point: Point =
            serde_json::from_str(r#"{"momentum_period":31,"stop_loss":-0.06,"max_positions":3}"#).expect("a point");
        let mut want = base.clone();
        want["lookbacks"]["momentum_period"] = 31.into();
        want["decision_params"]["exit_threshold"] = (-0.06).into();
        want["position_limits"]["max_positions"] = 3.into();
        assert_eq!(applied(&base, &point), want);
        let found = ["momentum_period", "stop_loss", "max_positions"].map(|name| current(&want, name));
        assert_eq!(found, [Some(31.0), Some(-0.06), Some(3.0)]);
    }

    #[test]
    fn the_hash_covers_rounded_values() {
        let hash = |text: &str| params_hash(&serde_json::from_str(text).expect("a point")).expect("finite");
        let plain = hash(r#"{"momentum_period":20,"stop_loss":-0.06,"max_positions":4}"#);
        assert_eq!(plain.len(), 16);
        assert_eq!(plain, hash(r#"{"max_positions":4,"stop_loss":-0.060000000000000005,"momentum_period":20}"#));
        assert_ne!(plain, hash(r#"{"max_positions":4,"stop_loss":-0.06,"momentum_period":21}"#));
        let canonical = r#"{"max_positions":4,"momentum_period":20,"stop_loss":-0.06}"#;
        assert_eq!(plain, crate::contracts::json::sha256_hex(canonical.as_bytes())[..16]);
    }

    #[test]
    fn the_space_near_the_baseline_holds_what_may_be_promoted() {
        let base = default_params(Stamp::from("2026-11-20T19:00:00+09:00")).params;
        let near = Space::default().near(&base, 0.25);
        let found: Vec<_> = near.grids().map(|(name, grid)| (name, grid.from, grid.to)).collect();
        let want = [("max_positions", 3.0, 5.0), ("momentum_period", 15.0, 25.0), ("stop_loss", -0.03, -0.03)];
        assert_eq!(found, want);
    }
}
