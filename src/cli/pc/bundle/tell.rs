//! What a made bundle looks like on the screen and as JSON.

use serde_json::Value;
use serde_json::json;

use crate::cli::output::Output;
use crate::contracts::Json;
use crate::pc::bundle::Action;
use crate::pc::bundle::HoldingSignal;
use crate::pc::bundle::MadeBundle;
use crate::pc::bundle::PriceDay;
use crate::pc::bundle::ScorerSignal;
use crate::pc::bundle::Seal;
use crate::pc::bundle::Signals;
use crate::store::layout;

/// Picks of the summary line; the document has them all.
const SHOWN_PICKS: usize = 3;

/// What is told.
pub(super) struct Told<'a> {
    pub(super) made: &'a MadeBundle,
    pub(super) signals: &'a Signals,
    pub(super) seal: Seal<'a>,
    pub(super) place: &'a str,
    pub(super) warnings: &'a [String],
    pub(super) day: PriceDay,
}

pub(super) fn tell(told: &Told<'_>, is_kept: bool, output: &Output) {
    for warning in told.warnings {
        output.remark(&format!("⚠️ {warning}"));
    }
    let sha = payload(told.made);
    let algorithm = match told.seal {
        Seal::Signed(key) => key.algorithm().as_str(),
        Seal::Unsigned => "unsigned",
    };
    let latest = is_kept.then_some(layout::BUNDLE.latest);
    let document = document(told, algorithm, &sha, latest);
    output.result(&document, || {
        let signals = told.signals;
        let id = told.made.validation.bundle_id.as_deref().unwrap_or_default();
        let created = told.made.validation.created_at.as_ref().map(ToString::to_string).unwrap_or_default();
        let mut lines = vec![
            row("created_at", &created),
            row("bundle_id", id),
            row("regime", &format!("{} {}", signals.regime.code.as_str(), signals.regime.reason)),
            row("", &signals.regime.reason_detail),
            row("scorer", &scorer(&signals.scorer)),
            row("", &signals.scorer.reason_detail),
            row("holding", &holding(&signals.holding_action)),
            row("payload", &format!("{} ({algorithm})", sha.get(..16).unwrap_or_default())),
            row("file", told.place),
        ];
        lines.extend(latest.map(|latest| row("latest", latest)));
        lines
    });
}

fn row(name: &str, text: &str) -> String {
    format!("{name:<10}  {text}")
}

fn document(told: &Told<'_>, algorithm: &str, sha: &str, latest: Option<&str>) -> Value {
    let found = &told.made.validation;
    let (state, newest) = match told.day {
        PriceDay::Current(day) => ("CURRENT", Some(day)),
        PriceDay::Old { newest, .. } => ("STALE", Some(newest)),
        PriceDay::None(_) => ("NONE", None),
    };
    json!({
        "schema": "PC_BUNDLE_RESULT_V1",
        "result": "OK",
        "bundle_id": found.bundle_id,
        "created_at": found.created_at,
        "decision": found.decision,
        "algorithm": algorithm,
        "payload_sha256": sha,
        "file": told.place,
        "latest_ref": latest,
        "prices": {"state": state, "date": newest},
        "regime": told.signals.regime,
        "scorer": told.signals.scorer,
        "holding_action": told.signals.holding_action,
        "warnings": told.warnings,
    })
}

/// The hash as the document states it.
fn payload(made: &MadeBundle) -> String {
    let json = Json::parse(&made.bytes).ok();
    let sha = json.as_ref().and_then(|json| json.get("integrity")?.get("payload_sha256")?.as_str());
    sha.unwrap_or_default().to_owned()
}

fn scorer(scorer: &ScorerSignal) -> String {
    let picks: Vec<String> =
        scorer.top_picks.iter().take(SHOWN_PICKS).map(|pick| format!("{} {:.1}", pick.ticker, pick.score)).collect();
    let picks = if picks.is_empty() { "no picks".to_owned() } else { format!("top {}", picks.join(", ")) };
    format!("{} {}: {picks}", scorer.status, scorer.reason)
}

fn holding(holding: &HoldingSignal) -> String {
    let count = |action: Action| holding.items.iter().filter(|item| item.action == action).count();
    let counts = format!("HOLD {} REDUCE {} ADD {}", count(Action::Hold), count(Action::Reduce), count(Action::Add));
    format!("{} {}: {counts}", holding.status, holding.reason)
}
