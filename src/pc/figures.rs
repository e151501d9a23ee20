//! Figures as people read them.

/// Whole won with thousands separators.
pub(super) fn won(value: f64) -> String {
    #[expect(clippy::cast_possible_truncation, reason = "the cast saturates; money is at most 1e15")]
    let whole = value.round() as i64;
    let digits = whole.unsigned_abs().to_string();
    let mut text = if whole < 0 { "-".to_owned() } else { String::new() };
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn won_are_grouped_by_thousands() {
        let cases =
            [(0.0, "0"), (999.4, "999"), (1_000.0, "1,000"), (-1_234_567.6, "-1,234,568"), (-0.2, "0"), (0.5, "1")];
        for (value, want) in cases {
            assert_eq!(won(value), want, "{value}");
        }
    }
}
