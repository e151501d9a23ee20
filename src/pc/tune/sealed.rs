//! The sealed test: until gate 2 has passed, nobody has bars from after the validation segment.

use crate::contracts::tune::GateReport;
use crate::pc::backtest::Market;
use crate::time::TradingDate;

use super::guard::passes;

/// A market whose end is locked away.
#[derive(Debug)]
pub struct Sealed {
    open: Market,
    whole: Market,
}

impl Sealed {
    /// Locks away every bar after `last`.
    #[must_use]
    pub fn after(whole: Market, last: TradingDate) -> Self {
        let cut = |(ticker, bars): (&String, &crate::trading::Bars)| {
            let count = bars.date.partition_point(|date| *date <= last);
            (ticker.clone(), bars.truncated(count))
        };
        Self { open: whole.iter().map(cut).collect(), whole }
    }

    /// What may be looked at.
    #[must_use]
    pub fn open(&self) -> &Market {
        &self.open
    }

    /// The whole market, in exchange for gate 2; `None` when that gate said no.
    #[must_use]
    pub fn revealed(&self, gate2: &GateReport) -> Option<&Market> {
        (gate2.gate == 2 && passes(gate2)).then_some(&self.whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::tune::CheckStatus;
    use crate::pc::tune::guard;

    #[test]
    fn bars_after_the_seal_are_handed_out_for_gate_2_only() {
        let mut bars = crate::trading::Bars::default();
        let day = |text: &str| text.parse::<TradingDate>().expect("a date");
        for date in ["2025-06-18", "2025-06-19", "2025-06-20"] {
            bars.push(day(date), [1.0; 5]);
        }
        let sealed = Sealed::after(Market::from([("069500".to_owned(), bars)]), day("2025-06-19"));
        assert_eq!(sealed.open()["069500"].last_date(), Some(day("2025-06-19")));
        assert!(sealed.revealed(&guard::not_reached(2)).is_none());
        let gate = |gate, status| GateReport { gate, status, checks: Vec::new() };
        assert!(sealed.revealed(&gate(2, CheckStatus::Fail)).is_none());
        assert!(sealed.revealed(&gate(1, CheckStatus::Pass)).is_none());
        let whole = sealed.revealed(&gate(2, CheckStatus::Pass)).expect("revealed");
        assert_eq!(whole["069500"].last_date(), Some(day("2025-06-20")));
    }
}
