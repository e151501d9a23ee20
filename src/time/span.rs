//! A stretch of time as people say it.

/// Seconds in the two largest units that matter, short: `45s`, `12m`, `26h 3m`, `3d 4h`.
///
/// ```
/// assert_eq!(daily_ops::time::spoken(93_780), "26h 3m");
/// ```
#[must_use]
pub fn spoken(seconds: i64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600, seconds / 60);
    match seconds {
        ..60 => format!("{seconds}s"),
        60..3_600 => format!("{minutes}m"),
        3_600..259_200 => pair(hours, 'h', minutes % 60, 'm'),
        _ => pair(days, 'd', hours % 24, 'h'),
    }
}

/// The smaller unit is left out when there is none of it.
fn pair(large: i64, unit: char, small: i64, part: char) -> String {
    if small == 0 { format!("{large}{unit}") } else { format!("{large}{unit} {small}{part}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_units_are_enough() {
        let cases = [
            (-5, "-5s"),
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (3_599, "59m"),
            (3_600, "1h"),
            (93_600, "26h"),
            (93_780, "26h 3m"),
            (215_443, "59h 50m"),
            (259_200, "3d"),
            (360_000, "4d 4h"),
        ];
        for (seconds, want) in cases {
            assert_eq!(spoken(seconds), want);
        }
    }
}
