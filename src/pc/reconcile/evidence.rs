//! The market's side: bars of the benchmark, the gate at each close, and what a day's evidence is worth.

use super::calendar::CalendarMode;
use super::calendar::Days;
use crate::contracts::recon::DailyEvidence;
use crate::contracts::recon::DailyReason;
use crate::contracts::recon::EvidenceQuality;
use crate::contracts::recon::EvidenceRegime;
use crate::contracts::recon::EvidenceStatus;
use crate::contracts::recon::two_decimals;
use crate::pc::prices;
use crate::time::Calendar;
use crate::time::TradingDate;
use crate::trading::Bars;
use crate::trading::GateParams;
use crate::trading::GateReason;
use crate::trading::GateRow;
use crate::trading::Instrument;
use crate::trading::Kind;
use crate::trading::gate_rows;
use crate::trading::known;

/// A move of the close beyond this is no market: the exchange's limit is 30 %.
const JUMP: f64 = 0.305;

/// Bars, and the gate at each of them.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    bars: Bars,
    gate: Vec<GateRow>,
    calendar: CalendarMode,
    /// What cleaning found; `None` where nothing is cleaned.
    pub(super) quality: Option<EvidenceQuality>,
}

impl Evidence {
    /// The evidence of a file; none has no rows.
    pub(super) fn of(raw: Option<&prices::RawBars>, calendar: CalendarMode) -> Self {
        let (bars, quality) = match (raw, calendar) {
            (None, CalendarMode::Weekday) => (Bars::default(), None),
            (None, CalendarMode::Krx) => (Bars::default(), Some(EvidenceQuality::default())),
            (Some(raw), CalendarMode::Weekday) => (prices::sorted(raw), None),
            (Some(raw), CalendarMode::Krx) => cleaned(raw),
        };
        let gate = gate_rows(&bars, &GateParams::default());
        Self { bars, gate, calendar, quality }
    }

    /// First and last day of the bars.
    pub(super) fn span(&self) -> Option<Days> {
        Some(Days { from: self.bars.first_date()?, to: self.bars.last_date()? })
    }

    /// The day's bar: the last one of the day, as evidence that is not cleaned may have several.
    fn index_of(&self, date: TradingDate) -> Option<usize> {
        let after = self.bars.date.partition_point(|other| *other <= date);
        after.checked_sub(1).filter(|index| self.bars.date[*index] == date)
    }

    /// What the market says of a day, and the gate's reason.
    pub(super) fn on(&self, date: TradingDate) -> (DailyEvidence, DailyReason) {
        let nothing = |status, reason| {
            let regime = EvidenceRegime::Unknown;
            (DailyEvidence { status, regime, adx: 0.0, ma_short: 0.0, ma_long: 0.0 }, reason)
        };
        let Some(row) = self.index_of(date).and_then(|index| self.gate.get(index)) else {
            return nothing(EvidenceStatus::NoData, DailyReason::NoData);
        };
        let (reason, regime) = match self.reason(row) {
            GateReason::None => (DailyReason::None, EvidenceRegime::Bull),
            GateReason::ChopBlock => (DailyReason::ChopBlock, EvidenceRegime::Neutral),
            GateReason::BearBlock => (DailyReason::BearBlock, EvidenceRegime::Bear),
            GateReason::NoData | GateReason::DataMissing => {
                return nothing(EvidenceStatus::DataMissing, DailyReason::DataMissing);
            }
        };
        let shown = |value: Option<f64>| value.map_or(0.0, two_decimals);
        let evidence = DailyEvidence {
            status: EvidenceStatus::Ok,
            regime,
            adx: shown(row.adx),
            ma_short: shown(row.ma_short),
            ma_long: shown(row.ma_long),
        };
        (evidence, reason)
    }

    /// The gate's reason. The reference does not ask whether the long mean is defined; an undefined one is below nothing,
    /// so that an early day passes.
    fn reason(&self, row: &GateRow) -> GateReason {
        match (self.calendar, row.ma_short, row.adx, row.ma_long) {
            (CalendarMode::Weekday, Some(_), Some(adx), None) => {
                if adx < GateParams::default().adx_threshold {
                    GateReason::ChopBlock
                } else {
                    GateReason::None
                }
            }
            _ => row.reason,
        }
    }

    /// Whether the day's close is beyond any limit of the close before.
    pub(super) fn jumps_on(&self, date: TradingDate) -> bool {
        let close = |index: usize| self.bars.close.get(index).copied();
        let pair = || {
            let index = self.index_of(date)?;
            close(index.checked_sub(1)?).zip(close(index))
        };
        pair().is_some_and(|(before, close)| (close / before - 1.0).abs() > JUMP)
    }
}

fn cleaned(raw: &prices::RawBars) -> (Bars, Option<EvidenceQuality>) {
    // Evidence under a name that says nothing is a benchmark fund all the same.
    let instrument = known(&raw.ticker).map_or(Instrument::plain(Kind::Etf), |(instrument, _)| instrument);
    let normal = prices::normalize(raw, instrument, Calendar::krx());
    let count = |rows: usize| rows as u64;
    let quality = EvidenceQuality {
        rows_total: count(normal.quality.rows_total),
        rows_dropped_duplicate: count(normal.quality.rows_dropped_duplicate),
        rows_dropped_non_session: count(normal.quality.rows_dropped_non_session),
        halted_rows: count(normal.quality.halted_rows),
        repaired_rows: count(normal.quality.repaired_rows),
    };
    (normal.bars, Some(quality))
}
