//! The axes of a sweep: a parameter and the values that it takes.

use serde_json::Number;
use serde_json::Value;

use super::SweepFault;

/// One parameter and its values in ascending order.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// The parameter's name.
    pub name: String,
    /// Its values: all whole numbers, or all fractions.
    pub values: Vec<Value>,
}

/// The most values of one axis.
const MAX_VALUES: i64 = 100_000;

impl Axis {
    /// Reads `name=a..b`, every whole number from a to b, both included, or `name=a..b:step`.
    ///
    /// ```
    /// use daily_ops::pc::backtest::sweep::Axis;
    /// assert_eq!(Axis::parse("fast=2..40")?.values.len(), 39);
    /// assert_eq!(Axis::parse("exit_threshold=-0.03..-0.01:0.01")?.values, [-0.03, -0.02, -0.01]);
    /// # Ok::<(), daily_ops::pc::backtest::sweep::SweepFault>(())
    /// ```
    ///
    /// # Errors
    /// The text has another form, the range is reversed, the step is not above 0, or there are too many values.
    pub fn parse(text: &str) -> Result<Self, SweepFault> {
        let fault = |rule: &'static str| SweepFault::Axis { text: text.to_owned(), rule };
        let form = || fault("must be KEY=A..B or KEY=A..B:STEP, as in fast=2..40");
        let (name, range) = text.split_once('=').ok_or_else(form)?;
        let (ends, step) = range.split_once(':').map_or((range, None), |(ends, step)| (ends, Some(step)));
        let (from, to) = ends.split_once("..").ok_or_else(form)?;
        let name = name.trim();
        if name.is_empty() {
            return Err(form());
        }
        let whole = |text: &str| text.trim().parse::<i64>().ok();
        let values = match (whole(from), whole(to), step.map_or(Some(1), whole)) {
            (Some(from), Some(to), Some(step)) => {
                let count = count((to as f64 - from as f64) / step as f64, step as f64, fault)?;
                (0..=count).map(|i| Value::from(from + i * step)).collect()
            }
            _ => fractions((from, to, step), fault, form)?,
        };
        Ok(Self { name: name.to_owned(), values })
    }
}

/// Values with a fraction, each rounded to six decimals so that no rounding of a sum shows.
fn fractions(
    (from, to, step): (&str, &str, Option<&str>),
    fault: impl Fn(&'static str) -> SweepFault + Copy,
    form: impl Fn() -> SweepFault,
) -> Result<Vec<Value>, SweepFault> {
    let number = |text: &str| text.trim().parse::<f64>().ok().filter(|value| value.is_finite());
    let (Some(from), Some(to)) = (number(from), number(to)) else { return Err(form()) };
    let Some(step) = step else { return Err(fault("needs a step for fractions, as in KEY=-0.1..-0.01:0.01")) };
    let step = number(step).ok_or_else(form)?;
    let count = count((to - from) / step + 1e-9, step, fault)?;
    let value = |i: i64| {
        #[expect(clippy::cast_precision_loss, reason = "at most a hundred thousand")]
        let value = from + i as f64 * step;
        Number::from_f64((value * 1e6).round() / 1e6 + 0.0).map_or(Value::Null, Value::Number)
    };
    Ok((0..=count).map(value).collect())
}

/// How many whole steps lie between the ends.
fn count(steps: f64, step: f64, fault: impl Fn(&'static str) -> SweepFault) -> Result<i64, SweepFault> {
    if step.is_nan() || step <= 0.0 {
        return Err(fault("needs a step above 0"));
    }
    if steps.is_nan() || steps < 0.0 {
        return Err(fault("must not end before it starts"));
    }
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates")]
    let count = steps.floor() as i64;
    if count >= MAX_VALUES { Err(fault("must have at most 100000 values")) } else { Ok(count) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_range_includes_both_ends_and_a_wrong_one_names_its_rule() {
        let cases = [
            ("fast=2..4", Ok(json!([2, 3, 4]))),
            (" fast =7..7", Ok(json!([7]))),
            ("fast=2..9:3", Ok(json!([2, 5, 8]))),
            ("x=-0.1..-0.08:0.01", Ok(json!([-0.1, -0.09, -0.08]))),
            ("x=0..1:0.5", Ok(json!([0.0, 0.5, 1.0]))),
            ("fast", Err("must be KEY=A..B")),
            ("fast=2", Err("must be KEY=A..B")),
            ("=2..4", Err("must be KEY=A..B")),
            ("fast=a..b:1", Err("must be KEY=A..B")),
            ("fast=..4", Err("must be KEY=A..B")),
            ("fast=9..2", Err("must not end before it starts")),
            ("x=0.5..0.1:0.1", Err("must not end before it starts")),
            ("fast=2..9:0", Err("needs a step above 0")),
            ("fast=2..9:-1", Err("needs a step above 0")),
            ("x=0.1..0.5", Err("needs a step for fractions")),
            ("x=0.1..inf:0.1", Err("must be KEY=A..B")),
            ("fast=1..9223372036854775807", Err("at most 100000 values")),
            ("fast=-9223372036854775808..9223372036854775807", Err("at most 100000 values")),
        ];
        for (text, want) in cases {
            match (Axis::parse(text), want) {
                (found, Ok(want)) => assert_eq!(found.map(|axis| Value::from(axis.values)), Ok(want), "{text}"),
                (Err(fault), Err(want)) => {
                    assert!(fault.to_string().contains(want) && fault.to_string().contains(text), "{text}: {fault}");
                }
                (Ok(found), Err(_)) => panic!("{text}: {found:?}"),
            }
        }
    }
}
