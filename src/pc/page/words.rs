//! The page's words in both languages.

use crate::pc::chart::Lang;

/// One text in both languages.
pub(super) type Pair = (&'static str, &'static str);

pub(super) const TITLE: Pair = ("일일 리서치 보고서", "Daily research report");
pub(super) const WARNINGS: Pair = ("먼저 확인할 것", "Look at this first");
pub(super) const FIGURES: Pair = ("요약", "Summary");
pub(super) const FINAL: Pair = ("최종 자산 (원)", "Final equity (won)");
pub(super) const RETURN: Pair = ("총수익률", "Total return");
pub(super) const CAGR: Pair = ("연환산 수익률", "CAGR");
pub(super) const MDD: Pair = ("최대 낙폭", "Max drawdown");
pub(super) const SHARPE: Pair = ("샤프 지수", "Sharpe ratio");
pub(super) const TRADES: Pair = ("체결 수", "Fills");
pub(super) const EXPOSURE: Pair = ("보유 비율", "Exposure");
pub(super) const COSTS: Pair = ("거래 비용 (원)", "Trading costs (won)");
pub(super) const HOLDING: Pair = ("단순 보유와 비교", "Against holding");
pub(super) const TICKER: Pair = ("종목", "Ticker");
pub(super) const STRATEGY: Pair = ("전략", "Strategy");
pub(super) const RECON: Pair = ("실행 대조", "Reconciliation");
pub(super) const OPEN: Pair = ("시장 개장", "Gate open");
pub(super) const CHOP: Pair = ("횡보장 방어", "Blocked, no trend");
pub(super) const BEAR: Pair = ("하락장 방어", "Blocked, falling");
pub(super) const NO_DATA: Pair = ("데이터 누락", "No data");
pub(super) const EXECUTED: Pair = ("체결 발생일", "Days with fills");
pub(super) const ACTIONS: Pair = ("원장 기록 / 검증 거래", "Ledger actions / validation trades");
pub(super) const CODES: Pair = ("무결성 코드", "Integrity codes");
pub(super) const CLEAN: Pair = ("무결성 문제 없음", "No integrity findings");
pub(super) const DAYS: Pair = ("일", "days");
pub(super) const SWEEP: Pair = ("매개변수 지형", "Parameter surface");
pub(super) const LAST_TRADES: Pair = ("최근 체결", "Latest fills");
pub(super) const DATE: Pair = ("날짜", "Date");
pub(super) const SIDE: Pair = ("구분", "Side");
pub(super) const BUY: Pair = ("매수", "Buy");
pub(super) const SELL: Pair = ("매도", "Sell");
pub(super) const QTY: Pair = ("수량", "Shares");
pub(super) const PRICE: Pair = ("체결가", "Price");
pub(super) const PNL: Pair = ("실현손익", "Realized");
pub(super) const REASON: Pair = ("사유", "Reason");
pub(super) const BUNDLE: Pair = ("전략 번들", "Strategy bundle");
pub(super) const REGIME: Pair = ("시장 국면", "Regime");
pub(super) const PICKS: Pair = ("상위 종목", "Top picks");
pub(super) const NOTHING: Pair = ("표시할 결과가 없습니다", "There are no results to show");
pub(super) const COLORS: Pair = ("빨강은 이익, 파랑은 손실", "Red is a gain, blue is a loss");

/// The text in a language.
pub(super) fn say(lang: Lang, (ko, en): Pair) -> &'static str {
    match lang {
        Lang::Ko => ko,
        Lang::En => en,
    }
}
