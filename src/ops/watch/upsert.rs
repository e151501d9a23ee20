//! Replacing the watched symbols and the watchers' settings: checked, recorded, then kept as snapshot and latest.

use serde::Serialize;
use serde_json::Value;

use crate::contracts::Document;
use crate::contracts::Json;
use crate::contracts::actor::Actor;
use crate::contracts::watch::FieldFault;
use crate::contracts::watch::WatchSettings;
use crate::contracts::watch::Watchlist;
use crate::gates::Change;
use crate::gates::Gates;
use crate::ops::Ops;
use crate::store::Family;
use crate::store::StoreFault;
use crate::store::Stored;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// Why nothing was replaced.
#[derive(Debug, thiserror::Error)]
pub enum UpsertFault {
    /// A member of the request is not what it must be.
    #[error(transparent)]
    Field(#[from] FieldFault),
    /// What the request would keep cannot be read.
    #[error("{0} cannot be read; give every section to replace it")]
    Unreadable(&'static str),
    /// A file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl Ops {
    /// Replaces the watched symbols.
    ///
    /// # Errors
    /// The request is wrong, or a file cannot be written.
    pub fn upsert_watchlist(&self, request: &Json, actor: &Actor) -> Result<Watchlist, UpsertFault> {
        let asked = Watchlist::requested(request)?;
        let actor = actor.named(asked.updated_by.as_deref());
        let _held = self.store.exclusive(layout::WATCH_EDIT_LOCK)?;
        let now = self.clock.now();
        let list = Watchlist { updated_at: Some(Stamp::of(now)), updated_by: Some(actor.name.clone()), ..asked };
        let before = told(&self.store.document::<Watchlist>(layout::WATCHLIST.latest), |list| value(&list.items));
        let change = Change {
            action: "watchlist.replace",
            target: layout::WATCHLIST.latest.to_owned(),
            before,
            after: value(&list.items),
            ..Change::default()
        };
        self.replace(
            layout::WATCHLIST,
            &actor,
            change,
            (now, &|snapshot_ref| Watchlist { snapshot_ref: Some(snapshot_ref.to_owned()), ..list.clone() }),
        )
    }

    /// Replaces the sections of the settings that the request gives.
    ///
    /// # Errors
    /// The request is wrong, a section to keep cannot be read, or a file cannot be written.
    pub fn upsert_watch_settings(&self, request: &Json, actor: &Actor) -> Result<WatchSettings, UpsertFault> {
        let asked = WatchSettings::requested(request)?;
        let actor = actor.named(asked.updated_by.as_deref());
        let _held = self.store.exclusive(layout::WATCH_EDIT_LOCK)?;
        let now = self.clock.now();
        let stored = self.store.document::<WatchSettings>(layout::WATCH_SETTINGS.latest);
        if matches!(stored, Stored::Damaged(_)) && (asked.spike.is_none() || asked.holding.is_none()) {
            return Err(UpsertFault::Unreadable(layout::WATCH_SETTINGS.latest));
        }
        let sections = |settings: &WatchSettings| serde_json::json!({"spike": value(&settings.spike), "holding": value(&settings.holding)});
        let before = told(&stored, sections);
        let kept = stored.present().unwrap_or_default();
        let settings = WatchSettings {
            updated_at: Some(Stamp::of(now)),
            updated_by: Some(actor.name.clone()),
            spike: asked.spike.or(kept.spike),
            holding: asked.holding.or(kept.holding),
            ..asked
        };
        let change = Change {
            action: "watch.settings.replace",
            target: layout::WATCH_SETTINGS.latest.to_owned(),
            before,
            after: sections(&settings),
            ..Change::default()
        };
        self.replace(
            layout::WATCH_SETTINGS,
            &actor,
            change,
            (now, &|snapshot_ref| WatchSettings { snapshot_ref: Some(snapshot_ref.to_owned()), ..settings.clone() }),
        )
    }

    /// Records the change, then makes it: a change that is not recorded does not happen, and one that fails is recorded as
    /// failed.
    fn replace<D: Document>(
        &self,
        family: Family,
        actor: &Actor,
        change: Change,
        (now, render): (KstTime, &dyn Fn(&str) -> D),
    ) -> Result<D, UpsertFault> {
        let publish = || self.store.publish(family, now, render);
        let (document, _) = Gates::new(&self.store).recorded(actor, change, now, publish)?;
        Ok(document)
    }
}

/// What was there, for the audit trail.
fn told<D>(stored: &Stored<D>, shown: impl Fn(&D) -> Value) -> Value {
    match stored {
        Stored::Present(document) => shown(document),
        Stored::Missing => Value::Null,
        Stored::Damaged(_) => Value::String("unreadable".to_owned()),
    }
}

fn value<T: Serialize>(part: &T) -> Value {
    serde_json::to_value(part).unwrap_or_default()
}
