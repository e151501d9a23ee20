//! A simulation on one screen, for a person who has to judge it.

use super::Lapsed;
use super::Outcome;
use super::Setup;
use super::holding::Holding;
use super::holding::holding;
use super::inputs::Prices;
use crate::pc::figures::won;
use crate::pc::prices::SYNTHETIC;

/// How many tickers, positions and warnings are shown.
const SHOWN: usize = 8;

/// A simulation to show.
#[derive(Clone, Copy, Debug)]
pub struct Screen<'a> {
    /// What was simulated.
    pub setup: &'a Setup<'a>,
    /// What came out.
    pub outcome: &'a Outcome,
    /// What it rests on.
    pub prices: &'a Prices,
    /// Where the parameters come from.
    pub source: &'a str,
}

impl Screen<'_> {
    /// The lines.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.head();
        lines.push(String::new());
        lines.extend(self.table());
        lines.push(String::new());
        lines.extend(self.account());
        lines.extend(self.lapsed());
        lines.extend(self.positions());
        lines.extend(self.data());
        lines
    }

    fn head(&self) -> Vec<String> {
        let m = &self.outcome.metrics;
        let mut universe = self.setup.universe.clone();
        universe.sort_unstable();
        let days = &self.outcome.days;
        let made_up = &self.prices.synthetic;
        let made_up = (!made_up.is_empty())
            .then(|| format!("⚠️ {SYNTHETIC} prices, this is no result of any market: {}", made_up.join(" ")));
        let span = days.first().zip(days.last()).map(|(a, b)| format!("{} to {}", a.date, b.date));
        let lines = [
            format!("{}  {}", self.setup.strategy.name(), universe.join(" ")),
            format!("{}, {} sessions, {:.2} years", span.unwrap_or_default(), m.trading_days, m.years),
            format!("parameters: {}", self.source),
        ];
        made_up.into_iter().chain(lines).collect()
    }

    fn table(&self) -> Vec<String> {
        let m = &self.outcome.metrics;
        let row = |name: &str, [a, b, c, d, e]: [String; 5]| format!("{name:<14}{a:>12}{b:>12}{c:>12}{d:>10}{e:>12}");
        let signed = |value: f64| format!("{value:+.2} %");
        let plain = |value: f64| format!("{value:.2} %");
        let figures =
            [signed(m.total_return), signed(m.cagr), plain(m.mdd), format!("{:.2}", m.sharpe), plain(m.volatility)];
        let mut lines = vec![
            row("", ["return", "CAGR", "MDD", "Sharpe", "volatility"].map(str::to_owned)),
            row("strategy", figures),
        ];
        let window = (self.setup.start, self.setup.end);
        let mut universe: Vec<&String> = self.setup.universe.iter().collect();
        universe.sort_unstable();
        for ticker in universe.iter().take(SHOWN) {
            let held: Holding = holding(&self.prices.market, ticker, window).unwrap_or_default();
            let show = |value: Option<f64>, how: &dyn Fn(f64) -> String| value.map_or_else(|| "-".to_owned(), how);
            let figures = [
                show(held.total_return, &signed),
                show(held.cagr, &signed),
                show(held.mdd, &plain),
                String::new(),
                String::new(),
            ];
            lines.push(row(&format!("hold {ticker}"), figures).trim_end().to_owned());
        }
        lines.extend(more(universe.len(), "tickers"));
        lines
    }

    fn account(&self) -> Vec<String> {
        let m = &self.outcome.metrics;
        let costs = m.total_commission + m.total_tax + m.total_slippage;
        vec![
            format!(
                "equity   {} won from {}; realized {}",
                won(m.final_value),
                won(m.initial_capital),
                won(m.total_realized_pnl)
            ),
            format!(
                "trades   {}, of them {} sales ({:.1} % with a gain); turnover {:.2} a year; in the market {:.1} % of \
                 sessions",
                m.total_trades,
                m.sell_trades,
                m.trade_win_rate,
                m.turnover,
                m.exposure_ratio * 100.0
            ),
            format!(
                "costs    {} won ({:.2} % of the initial capital): commission {}, tax {}, slippage {}",
                won(costs),
                costs / m.initial_capital * 100.0,
                won(m.total_commission),
                won(m.total_tax),
                won(m.total_slippage)
            ),
        ]
    }

    fn lapsed(&self) -> Option<String> {
        let Lapsed { limit, halt } = self.outcome.lapsed;
        let count = limit + halt;
        let orders = if count == 1 { "order" } else { "orders" };
        (count > 0).then(|| format!("lapsed   {count} {orders} lapsed (limit {limit}, halt {halt})"))
    }

    fn positions(&self) -> Vec<String> {
        let held = &self.outcome.final_positions;
        if held.is_empty() {
            return vec!["open     none".to_owned()];
        }
        let line = |position: &super::FinalPosition| {
            let change = (position.close / position.avg_entry - 1.0) * 100.0;
            format!(
                "open     {} {} shares at {:.2}, last {:.2} ({change:+.1} %)",
                position.ticker, position.qty, position.avg_entry, position.close
            )
        };
        let mut lines: Vec<String> = held.iter().take(SHOWN).map(line).collect();
        lines.extend(more(held.len(), "positions"));
        lines
    }

    fn data(&self) -> Vec<String> {
        let warnings: Vec<&String> = self.prices.warnings().collect();
        if warnings.is_empty() {
            return vec!["data     no defects found".to_owned()];
        }
        let mut lines: Vec<String> = warnings.iter().take(SHOWN).map(|warning| format!("data     {warning}")).collect();
        lines.extend(more(warnings.len(), "findings"));
        lines
    }
}

/// What is not shown.
fn more(count: usize, what: &str) -> Option<String> {
    (count > SHOWN).then(|| format!("         and {} more {what}", count - SHOWN))
}
