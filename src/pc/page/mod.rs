//! One page that a person would rather look at than read: figures, charts, days, fills. One file, no script, no link out.
//!
//! The page is a function of [`PageData`] and a language: the same data give the same bytes.

mod data;
mod words;

use maud::DOCTYPE;
use maud::Markup;
use maud::PreEscaped;
use maud::html;

use super::chart::ChartFault;
use super::chart::EquityChart;
use super::chart::Lang;
use super::chart::MonthlyReturns;
use super::figures::won;
use crate::contracts::backtest::BacktestResult;
use crate::contracts::recon::ReconSummary;
use crate::time::TradingDate;
use crate::trading::known;
use words::say;

pub use data::BundleHead;
pub use data::PageData;
pub use data::gather;

/// How many fills the page lists.
const FILLS: usize = 20;

/// The page and the charts in it, each also as a file of its own.
#[derive(Clone, Debug)]
pub struct Page {
    /// The whole page.
    pub html: String,
    /// File name and SVG of each chart.
    pub charts: Vec<(&'static str, String)>,
}

/// Makes the page.
///
/// # Errors
/// A chart cannot be drawn.
pub fn page(data: &PageData, lang: Lang) -> Result<Page, ChartFault> {
    let charts = charts(data, lang)?;
    let svg = |name: &str| charts.iter().find(|(file, _)| *file == name).map(|(_, svg)| embedded(svg));
    let l = |pair| say(lang, pair);
    let html = html! {
        (DOCTYPE)
        html lang=(if lang == Lang::Ko { "ko" } else { "en" }) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (l(words::TITLE)) }
                style { (PreEscaped(include_str!("style.css"))) }
            }
            body { main {
                header {
                    h1 { (l(words::TITLE)) }
                    @if let Some(badge) = data.badge { span class={ "badge " (badge.as_str()) } { (badge.as_str()) } }
                    span.when { (data.generated_at) }
                }
                @if !data.warnings.is_empty() {
                    section.warn {
                        h2 { (l(words::WARNINGS)) }
                        ul { @for warning in &data.warnings { li { (warning) } } }
                    }
                }
                @if let Some(backtest) = &data.backtest { (figures(backtest, lang)) }
                @if let Some(svg) = svg("equity.svg") { section { (svg) } }
                @if let Some(svg) = svg("monthly.svg") { section { (svg) p.note { (l(words::COLORS)) } } }
                @if let Some(recon) = &data.recon { (reconciliation(recon, lang)) }
                @if let Some(svg) = svg("sweep.svg") { section { h2 { (l(words::SWEEP)) } (svg) p.note { (l(words::COLORS)) } } }
                @if let Some(bundle) = &data.bundle { (bundle_section(bundle, lang)) }
                @if let Some(backtest) = &data.backtest { (holdings(backtest, lang)) (fills(backtest, lang)) }
                @if data.backtest.is_none() && data.recon.is_none() { section { (l(words::NOTHING)) } }
                (foot(data))
            } }
        }
    };
    Ok(Page { html: html.into_string(), charts })
}

fn charts(data: &PageData, lang: Lang) -> Result<Vec<(&'static str, String)>, ChartFault> {
    let mut found = Vec::new();
    if let Some(backtest) = data.backtest.as_ref().filter(|backtest| !backtest.meta.equity_curve.is_empty()) {
        let curve = &backtest.meta.equity_curve;
        let dates: Vec<TradingDate> = curve.iter().map(|point| point.date).collect();
        let equity: Vec<f64> = curve.iter().map(|point| point.equity).collect();
        let initial = backtest.summary.initial_capital;
        let held = data.held.as_ref().filter(|(_, closes)| closes.len() == dates.len());
        let values = held.map(|(_, closes)| scaled(closes, initial)).unwrap_or_default();
        let held = held.map(|(name, _)| (name.as_str(), values.as_slice()));
        found.push(("equity.svg", EquityChart { dates: &dates, equity: &equity, held }.svg(lang)?));
        found.push(("monthly.svg", MonthlyReturns::of(&dates, &equity, initial).svg(lang)?));
    }
    if let Some(sweep) = &data.sweep {
        found.push(("sweep.svg", sweep.svg(lang)?));
    }
    Ok(found)
}

/// What holding came to, starting with the same money.
fn scaled(closes: &[f64], initial: f64) -> Vec<f64> {
    let first = closes.first().copied().unwrap_or(1.0);
    closes.iter().map(|close| close / first * initial).collect()
}

/// An SVG inside a page needs no XML head.
fn embedded(svg: &str) -> Markup {
    PreEscaped(svg.find("<svg").map_or(svg, |at| &svg[at..]).to_owned())
}

fn tone(value: f64) -> &'static str {
    match value {
        value if value > 0.0 => "gain",
        value if value < 0.0 => "loss",
        _ => "",
    }
}

fn card(label: &str, value: &str, class: &str) -> Markup {
    html! { div.card { span { (label) } b class=(class) { (value) } } }
}

fn figures(backtest: &BacktestResult, lang: Lang) -> Markup {
    let l = |pair| say(lang, pair);
    let sum = &backtest.summary;
    let text = |value: Option<f64>, show: &dyn Fn(f64) -> String| value.map_or_else(|| "–".to_owned(), show);
    let percent = |value: f64| format!("{value:+.2}%");
    let signed = |value: Option<f64>| (text(value, &percent), tone(value.unwrap_or_default()));
    let ((total, total_tone), (cagr, cagr_tone)) = (signed(sum.total_return), signed(sum.cagr));
    let costs = sum.total_commission + sum.total_tax + sum.total_slippage;
    let meta = &backtest.meta;
    html! { section {
        h2 { (l(words::FIGURES)) " · " (meta.strategy) " · " (meta.start_date) " ~ " (meta.end_date) }
        div.cards {
            (card(l(words::FINAL), &won(sum.final_value), ""))
            (card(l(words::RETURN), &total, total_tone))
            (card(l(words::CAGR), &cagr, cagr_tone))
            (card(l(words::MDD), &text(sum.mdd, &|value| format!("-{value:.2}%")), "loss"))
            (card(l(words::SHARPE), &text(sum.sharpe, &|value| format!("{value:.3}")), ""))
            (card(l(words::EXPOSURE), &format!("{:.1}%", sum.exposure_ratio * 100.0), ""))
            (card(l(words::TRADES), &sum.total_trades.to_string(), ""))
            (card(l(words::COSTS), &won(costs), ""))
        }
    } }
}

fn reconciliation(recon: &ReconSummary, lang: Lang) -> Markup {
    let l = |pair| say(lang, pair);
    let kpis = recon.kpis.unwrap_or_default();
    let counts = recon.counts.unwrap_or_default();
    let period = recon.period.clone().unwrap_or_default();
    let codes = recon.integrity.as_ref().map(|integrity| integrity.top_codes.as_slice()).unwrap_or_default();
    let rows = [
        ("open", words::OPEN, kpis.gate_open),
        ("chop", words::CHOP, kpis.chop_block),
        ("bear", words::BEAR, kpis.bear_block),
        ("none", words::NO_DATA, kpis.no_data),
    ];
    let all = rows.iter().map(|(_, _, days)| days).sum::<u64>().max(1);
    // Tenths of a percent in whole numbers: a width, not a figure.
    let share = |days: u64| format!("width:{}.{}%", days * 100 / all, days * 1000 / all % 10);
    html! { section {
        h2 { (l(words::RECON)) " · " (period.from) " ~ " (period.to) }
        @if let Some(error) = &recon.error {
            p { b { (error.code) } " " (error.message_ko) }
        } @else {
            div.days { @for (class, _, days) in rows { div class=(class) style=(share(days)) {} } }
            div.key {
                @for (class, name, days) in rows { span { i class=(class) {} (l(name)) " " b { (days) } (l(words::DAYS)) } }
                span { (l(words::EXECUTED)) " " b { (kpis.executed) } (l(words::DAYS)) }
                span { (l(words::ACTIONS)) " " b { (counts.l1_actions) " / " (counts.l2_trades) } }
            }
            @if codes.is_empty() {
                p.note { (l(words::CLEAN)) }
            } @else {
                table {
                    tr { th { (l(words::CODES)) } th { (l(words::DAYS)) } }
                    @for code in codes { tr { td { (code.code) } td { (code.days) } } }
                }
            }
        }
    } }
}

fn bundle_section(bundle: &BundleHead, lang: Lang) -> Markup {
    let picks = bundle.picks.iter().map(|(ticker, score)| format!("{ticker} ({score:.1})")).collect::<Vec<_>>();
    html! { section {
        h2 { (say(lang, words::BUNDLE)) }
        div.key {
            span { b { (bundle.id) } }
            span { (bundle.created_at) }
            span { (say(lang, words::REGIME)) " " b { (bundle.regime) } }
            span { (say(lang, words::PICKS)) " " b { (picks.join(", ")) } }
        }
    } }
}

fn holdings(backtest: &BacktestResult, lang: Lang) -> Markup {
    let l = |pair| say(lang, pair);
    let shown = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}%"));
    let mut rows: Vec<(String, Option<f64>, Option<f64>)> =
        backtest.tickers.iter().map(|(ticker, held)| (named(ticker), held.cagr, held.mdd)).collect();
    let summary = &backtest.summary;
    rows.insert(0, (l(words::STRATEGY).to_owned(), summary.cagr, summary.mdd));
    html! { section {
        h2 { (l(words::HOLDING)) }
        div.scroll { table {
            tr { th { (l(words::TICKER)) } th { (l(words::CAGR)) } th { (l(words::MDD)) } }
            @for (name, cagr, mdd) in rows {
                tr { td { (name) } td class=(tone(cagr.unwrap_or_default())) { (shown(cagr)) } td { (shown(mdd.map(|mdd| -mdd))) } }
            }
        } }
    } }
}

/// The ticker and its name, where it is known.
fn named(ticker: &str) -> String {
    known(ticker).map_or_else(|| ticker.to_owned(), |(_, name)| format!("{ticker} {name}"))
}

fn fills(backtest: &BacktestResult, lang: Lang) -> Markup {
    let l = |pair| say(lang, pair);
    if backtest.trades.is_empty() {
        return html! {};
    }
    let side = |word: &str| if word == "BUY" { l(words::BUY) } else { l(words::SELL) };
    html! { section {
        h2 { (l(words::LAST_TRADES)) }
        div.scroll { table {
            tr {
                th { (l(words::DATE)) } th.text { (l(words::TICKER)) } th.text { (l(words::SIDE)) } th { (l(words::QTY)) }
                th { (l(words::PRICE)) } th { (l(words::PNL)) } th.text { (l(words::REASON)) }
            }
            @for trade in backtest.trades.iter().rev().take(FILLS) {
                tr {
                    td { (trade.date) } td.text { (named(&trade.ticker)) } td.text { (side(&trade.side)) } td { (trade.qty) }
                    td { (won(trade.price)) }
                    td class=(tone(trade.realized_pnl.unwrap_or_default())) { (trade.realized_pnl.map(won).unwrap_or_default()) }
                    td.text { (trade.reason) }
                }
            }
        } }
    } }
}

fn foot(data: &PageData) -> Markup {
    let asof = data.backtest.as_ref().map(|backtest| backtest.meta.asof.as_str()).unwrap_or_default();
    html! { footer { "daily_ops " (env!("CARGO_PKG_VERSION")) @if !asof.is_empty() { " · backtest " (asof) } } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contracts::Document as _;
    use crate::contracts::backtest::EquityPoint;
    use crate::contracts::backtest::Summary;
    use crate::contracts::recon::Badge;
    use crate::contracts::recon::ReconError;

    /// The golden document with a curve of one month and one fill that needs escaping.
    fn backtest() -> BacktestResult {
        let mut result =
            BacktestResult::parse(include_bytes!("../../../contracts/backtest_result_v1.json")).expect("golden");
        let day = |day| TradingDate::from_ymd_opt(2024, 2, day).expect("a date");
        let point = |d: u32| EquityPoint { date: day(d), equity: 1e7 + f64::from(d) * 1e4 };
        result.meta.equity_curve = (1..=28).map(point).collect();
        result.summary = Summary {
            initial_capital: 1e7,
            final_value: 10_280_000.0,
            total_return: Some(2.8),
            mdd: Some(3.25),
            ..Summary::default()
        };
        let trade = result.trades.last_mut().expect("a fill");
        (trade.reason, trade.realized_pnl) = ("<b>&".to_owned(), Some(-1234.6));
        result
    }

    #[test]
    fn the_page_holds_everything_and_links_nothing() {
        let recon = serde_json::from_str(
            r#"{"period":{"from":"a","to":"b"},"kpis":{"gate_open":3,"no_data":1},"integrity":{"top_codes":[{"code":"IC_X","days":2}]}}"#,
        );
        let data = PageData {
            badge: Some(Badge::Green),
            backtest: Some(backtest()),
            recon: Some(recon.expect("a summary")),
            warnings: vec!["<script>".to_owned()],
            ..PageData::default()
        };
        for lang in [Lang::Ko, Lang::En] {
            let made = page(&data, lang).expect("made");
            for part in [
                "10,280,000",
                "+2.80%",
                "-3.25%",
                "IC_X",
                "GREEN",
                "&lt;b&gt;&amp;",
                "&lt;script&gt;",
                "-1,235",
                "</svg>",
            ] {
                assert!(made.html.contains(part), "{part}");
            }
            for out in ["<script", "src=", "href=", "@import", "url("] {
                assert!(!made.html.contains(out), "{out}");
            }
            assert_eq!(made.html.matches("<svg").count(), 2);
            assert_eq!(made.html, page(&data, lang).expect("made").html);
        }
    }

    #[test]
    fn without_results_the_page_says_so() {
        let made = page(&PageData::default(), Lang::Ko).expect("made");
        assert!(made.html.contains("표시할 결과가 없습니다") && made.charts.is_empty());
        let error = ReconSummary {
            error: Some(ReconError {
                code: "EVIDENCE_COVERAGE_REGRESSION".to_owned(), message_ko: "범위".to_owned()
            }),
            ..ReconSummary::default()
        };
        let data = PageData { recon: Some(error), badge: Some(Badge::Error), ..PageData::default() };
        let made = page(&data, Lang::En).expect("made");
        assert!(made.html.contains("EVIDENCE_COVERAGE_REGRESSION") && made.html.contains("badge ERROR"));
    }
}
