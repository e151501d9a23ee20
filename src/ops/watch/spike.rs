//! The spike watcher: how far the watched symbols moved since the last close.

use super::Look;
use super::MarketQuote;
use super::WatchOrder;
use super::deliver::Book;
use super::deliver::Deliveries;
use super::deliver::Draft;
use super::listed;
use super::marks::Marks;
use super::marks::Rule;
use super::plain_name;
use super::prices;
use super::won;
use crate::contracts::Document as _;
use crate::contracts::watch::OldSpikeSettings;
use crate::contracts::watch::Percent;
use crate::contracts::watch::SettingsUsed;
use crate::contracts::watch::SpikeAlert;
use crate::contracts::watch::SpikeReceipt;
use crate::contracts::watch::SpikeSettings;
use crate::contracts::watch::SpikeState;
use crate::contracts::watch::WatchItem;
use crate::contracts::watch::WatchReason;
use crate::contracts::watch::WatchStatus;
use crate::contracts::watch::Watchlist;
use crate::ops::Ops;
use crate::ops::resolving;
use crate::settings::Lang;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// What one look saw.
#[derive(Debug, Default)]
struct Moves {
    alerts: Vec<SpikeAlert>,
    drafts: Vec<Draft>,
    checked: u64,
    held_back: u64,
    /// Without a price or a change.
    missing: Vec<String>,
}

impl Ops {
    /// One look. Both sides are an end; the error side ends early.
    pub(super) fn look_for_spikes(&self, order: &WatchOrder) -> Result<Look, Look> {
        let now = self.clock.now();
        self.in_hours(order, now)?;
        let settings = self.spike_settings()?;
        self.in_own_hours(order, settings.session_kst.as_ref(), now)?;
        let items = self.watched()?;
        let policy = self.watch_policy()?;
        let symbols: Vec<String> = items.iter().map(|item| item.ticker.clone()).collect();
        let quotes = prices(&policy, &symbols)?;
        // Asking took its time, and the marks are judged against the clock that dates them.
        let now = self.clock.now();
        let write = |marks: &Marks, now: KstTime| self.write_spike_state(marks, now);
        let mut book = Book { marks: self.spike_marks(now), write: &write };
        let mut moves = Moves::default();
        for item in &items {
            moves.judge(item, &quotes, &settings, (&mut book.marks, now, policy.lang));
        }
        let done = self.deliver_alerts(&mut book, &moves.drafts, &policy.messenger, order);
        let mut concerns: Vec<String> = book.marks.concern().into_iter().collect();
        if !moves.missing.is_empty() {
            concerns.push(format!("no price of {}", listed(&moves.missing)));
        }
        let mut look = done.look(moves.held_back, concerns);
        if let Err(fault) = self.publish_spikes(moves, &done, &settings) {
            look.status = WatchStatus::Error;
            look.reason = WatchReason::ApiFail;
            look.detail = fault.to_string();
        }
        Ok(look)
    }

    fn spike_settings(&self) -> Result<SpikeSettings, Look> {
        let settings = match self.watch_settings()?.and_then(|settings| settings.spike) {
            Some(spike) => Some(spike),
            None => match self.store.document::<OldSpikeSettings>(layout::OLD_SPIKE_SETTINGS) {
                Stored::Present(old) => Some(old.spike),
                Stored::Missing => None,
                Stored::Damaged(_) => return Err(Look::damaged(layout::OLD_SPIKE_SETTINGS)),
            },
        };
        match settings {
            None => Err(Look::skipped(WatchReason::NoSpikeSettings, "nobody has set the spike watcher")),
            Some(spike) if !spike.enabled => Err(Look::skipped(WatchReason::DisabledBySettings, "")),
            Some(spike) => Ok(spike),
        }
    }

    /// The enabled symbols.
    fn watched(&self) -> Result<Vec<WatchItem>, Look> {
        let list = match self.store.document::<Watchlist>(layout::WATCHLIST.latest) {
            Stored::Present(list) => list,
            Stored::Missing => return Err(Look::skipped(WatchReason::NoWatchlist, "")),
            Stored::Damaged(_) => return Err(Look::damaged(layout::WATCHLIST.latest)),
        };
        if list.items.is_empty() {
            return Err(Look::skipped(WatchReason::EmptyWatchlist, ""));
        }
        let enabled: Vec<WatchItem> = list.items.into_iter().filter(|item| item.enabled).collect();
        if enabled.is_empty() {
            return Err(Look::skipped(WatchReason::NoEnabledTargets, "every symbol of the list is switched off"));
        }
        Ok(enabled)
    }

    fn spike_marks(&self, now: KstTime) -> Marks {
        match self.store.read(layout::SPIKE_STATE) {
            Ok(None) => Marks::default(),
            Ok(Some(bytes)) => match SpikeState::read(&bytes) {
                Ok(state) => Marks::settled(&state.last_sent, &state.last_alert, now),
                Err(_damaged) => Marks::unreadable(),
            },
            Err(_unreadable) => Marks::unreadable(),
        }
    }

    fn write_spike_state(&self, marks: &Marks, now: KstTime) -> Result<(), StoreFault> {
        let (last_sent, last_alert) = marks.maps();
        let schema = SpikeState::SCHEMA.to_owned();
        let state = SpikeState { schema, updated_at: Some(Stamp::of(now)), last_sent, last_alert };
        self.store.write_document(layout::SPIKE_STATE, &state)
    }

    fn publish_spikes(&self, moves: Moves, done: &Deliveries, settings: &SpikeSettings) -> Result<(), StoreFault> {
        let mut alerts = moves.alerts;
        for (alert, made) in alerts.iter_mut().zip(&done.made) {
            alert.delivery_actual = made.as_ref().map(|made| made.actual.as_str().to_owned());
            alert.channels = made.as_ref().map(|made| made.channels.clone()).unwrap_or_default();
        }
        let now = self.clock.now();
        let refs = [layout::WATCHLIST.latest, layout::WATCH_SETTINGS.latest].map(str::to_owned);
        let receipt = SpikeReceipt {
            schema: SpikeReceipt::SCHEMA.to_owned(),
            asof: Some(Stamp::of(now)),
            settings_used: SettingsUsed {
                threshold_pct: settings.threshold_pct,
                cooldown_minutes: settings.cooldown_m,
                realert_delta_pp: settings.realert_delta_pp,
            },
            checked_count: moves.checked,
            alerts_count: alerts.len() as u64,
            sent_count: done.sent(),
            skipped_count: moves.held_back,
            alerts,
            delivery_actual: done.worst(),
            snapshot_ref: None,
            evidence_refs: resolving(&self.store, refs),
        };
        let named =
            |snapshot_ref: &str| SpikeReceipt { snapshot_ref: Some(snapshot_ref.to_owned()), ..receipt.clone() };
        self.store.publish(layout::SPIKE, now, &named).map(drop)
    }
}

impl Moves {
    fn judge(
        &mut self,
        item: &WatchItem,
        quotes: &[MarketQuote],
        settings: &SpikeSettings,
        (marks, now, lang): (&mut Marks, KstTime, Lang),
    ) {
        let quote = quotes.iter().find(|quote| quote.symbol == item.ticker);
        let Some((quote, change)) = quote.and_then(|quote| Some((quote, quote.change_bp?))) else {
            self.missing.push(item.ticker.clone());
            return;
        };
        self.checked += 1;
        let size = Percent::of_bp(change.saturating_abs());
        if size < settings.threshold_pct {
            return;
        }
        let kind = if change > 0 { "UP" } else { "DOWN" };
        let key = format!("{}_{kind}", item.ticker);
        let rule = Rule { cooldown_minutes: settings.cooldown_m, step: settings.realert_delta_pp };
        let Some(why) = marks.judge(&key, size, now, rule) else {
            self.held_back += 1;
            return;
        };
        let name = if item.name.trim().is_empty() { quote.name.as_deref().unwrap_or_default() } else { &item.name };
        let alert = SpikeAlert {
            ticker: item.ticker.clone(),
            name: plain_name(name),
            change_pct: Percent::of_bp(change),
            kind: kind.to_owned(),
            price: quote.price,
            reason: why.as_str().to_owned(),
            ..SpikeAlert::default()
        };
        let alert = SpikeAlert { formatted_msg: message(&alert, lang), ..alert };
        let title = if lang == Lang::Ko { "급등락 알림" } else { "Price alert" };
        self.drafts.push(Draft { key, size, title: title.to_owned(), text: alert.formatted_msg.clone() });
        self.alerts.push(alert);
    }
}

fn message(alert: &SpikeAlert, lang: Lang) -> String {
    let up = alert.change_pct.bp() > 0;
    let sign = if up { "+" } else { "" };
    let arrow = if up { "📈" } else { "📉" };
    let (word, now, unit) = match lang {
        Lang::Ko => (if up { "급등" } else { "급락" }, "현재", "원"),
        Lang::En => (if up { "UP" } else { "DOWN" }, "now", " won"),
    };
    let who = format!("{} {}", alert.ticker, alert.name);
    format!("{arrow} {word} {} {sign}{}% ({now} {}{unit})", who.trim_end(), alert.change_pct, won(alert.price))
}
