//! The text format of Prometheus, version 0.0.4.

use std::fmt::Display;
use std::fmt::Write as _;

/// What a family of samples is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// Only grows, from the start of the process on. Its name ends in `_total`.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size.
    Histogram,
}

/// A page that is being written.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    text: String,
    name: &'static str,
}

impl Exposition {
    /// Begins a family. Its samples follow.
    pub(crate) fn family(&mut self, name: &'static str, family: Family, help: &str) -> &mut Self {
        let kind = match family {
            Family::Counter => "counter",
            Family::Gauge => "gauge",
            Family::Histogram => "histogram",
        };
        let help = help.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a String cannot fail.
        writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}").ok();
        self.name = name;
        self
    }

    /// A family of one sample without labels.
    pub(crate) fn single(&mut self, name: &'static str, family: Family, help: &str, value: impl Display) {
        self.family(name, family, help).sample(&[], value);
    }

    /// One sample of the family that was begun last.
    pub(crate) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.line("", labels, value)
    }

    /// The samples of a histogram: bounds in order with what lies below each, all, and their sum.
    pub(crate) fn histogram(&mut self, below: &[(f64, u64)], all: u64, sum: f64) {
        for (bound, count) in below {
            self.line("_bucket", &[("le", &bound.to_string())], count);
        }
        self.line("_bucket", &[("le", "+Inf")], all).line("_sum", &[], sum).line("_count", &[], all);
    }

    fn line(&mut self, end: &str, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        let escape = |value: &str| value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}=\"{}\"", escape(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        writeln!(self.text, "{}{end}{labels} {value}", self.name).ok();
        self
    }

    /// The page.
    pub(crate) fn finish(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_label_or_a_line_is_escaped() {
        let mut page = Exposition::default();
        page.family("a_total", Family::Counter, "back\\slash\nline").sample(&[("x", "\"q\"\\\n"), ("y", "한")], 7);
        page.family("b_seconds", Family::Histogram, "times").histogram(&[(0.001, 1), (5.0, 3)], 4, 7.5);
        let want = [
            "# HELP a_total back\\\\slash\\nline",
            "# TYPE a_total counter",
            "a_total{x=\"\\\"q\\\"\\\\\\n\",y=\"한\"} 7",
            "# HELP b_seconds times",
            "# TYPE b_seconds histogram",
            "b_seconds_bucket{le=\"0.001\"} 1",
            "b_seconds_bucket{le=\"5\"} 3",
            "b_seconds_bucket{le=\"+Inf\"} 4",
            "b_seconds_sum 7.5",
            "b_seconds_count 4",
            "",
        ];
        assert_eq!(page.finish().split('\n').collect::<Vec<_>>(), want);
    }
}
