//! Which files travel, by kind; everything else in the work tree is not the publish's business and must not be changed.

use crate::store::layout;
use crate::sync::Change;
use crate::sync::Changed;

/// What the publish itself writes. It is not published and never counts as a change.
const OWN: [&str; 3] = [layout::PUBLISH_RESULT, layout::PUBLISH_LOCK, layout::PUBLISH_LOG];

/// The fixed files of a reconciliation.
const RECON: [&str; 4] = [layout::RECON_SUMMARY, layout::REPORT_HUMAN, layout::REPORT_AI, layout::RECON_DAILY];

/// The directory of parameters that the research found.
const LIVE: &str = "state/live";

/// A kind of published file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Reconciliation, report pair, `state/live`.
    Recon,
    /// The bundle and its snapshots.
    Bundle,
    /// Strategy parameters and other state; on request only.
    State,
}

/// What is published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PublishWhat {
    /// Reconciliation, reports and bundle in one commit.
    #[default]
    Everything,
    /// The bundle alone.
    Bundle,
    /// Strategy parameters and other state alone.
    State,
}

impl PublishWhat {
    /// Whether files of this kind are published.
    pub(super) fn has(self, kind: Kind) -> bool {
        match self {
            Self::Everything => matches!(kind, Kind::Recon | Kind::Bundle),
            Self::Bundle => kind == Kind::Bundle,
            Self::State => kind == Kind::State,
        }
    }

    /// Whether a path is published.
    pub(super) fn has_path(self, path: &str) -> bool {
        kind(path).is_some_and(|kind| self.has(kind))
    }
}

/// The kind of a path; `None` for what never travels.
pub(super) fn kind(path: &str) -> Option<Kind> {
    let (directory, name) = path.rsplit_once('/')?;
    let is_json = name.ends_with(".json") && !name.starts_with('.');
    if RECON.contains(&path) || (directory == LIVE && is_json) {
        return Some(Kind::Recon);
    }
    if path == layout::BUNDLE.latest || (directory == layout::BUNDLE.snapshots && is_json) {
        return Some(Kind::Bundle);
    }
    let first = |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'));
    // A portfolio is personal, and secrets are secrets, wherever a pattern would reach.
    let private = first("state/portfolio") || first("state/secrets");
    let is_state = first("state/strategy_params") || (first("state") && directory.ends_with("/latest"));
    (is_json && is_state && !private).then_some(Kind::State)
}

/// What is changed and does not belong to a publish. A snapshot of a bundle is written once: a changed or deleted one is
/// nobody's data.
pub(super) fn foreign(changes: &[Change]) -> Vec<String> {
    let is_foreign = |change: &&Change| {
        let once = change.path.starts_with(&format!("{}/", layout::BUNDLE.snapshots)) && change.how != Changed::New;
        !OWN.contains(&change.path.as_str()) && (kind(&change.path).is_none() || once)
    };
    changes.iter().filter(is_foreign).map(|change| change.path.clone()).collect()
}

/// What is still changed after a publish of `what`: neither foreign nor published work may be left.
pub(super) fn left_over(changes: &[Change], what: PublishWhat) -> Vec<String> {
    let mut left = foreign(changes);
    left.extend(changes.iter().filter(|change| what.has_path(&change.path)).map(|change| change.path.clone()));
    left.sort();
    left.dedup();
    left
}

/// The files that have to be there or may be there, of the kinds that are published.
pub(super) fn fixed(what: PublishWhat) -> Vec<String> {
    let all = RECON.into_iter().chain([layout::BUNDLE.latest]);
    all.filter(|path| what.has_path(path)).map(str::to_owned).collect()
}

/// The directories whose files are published one by one.
pub(super) fn open_ended(what: PublishWhat) -> Vec<&'static str> {
    let all = [
        (LIVE, Kind::Recon),
        (layout::BUNDLE.snapshots, Kind::Bundle),
        ("state/strategy_params/latest", Kind::State),
        (layout::STRATEGY_PARAMS.snapshots, Kind::State),
    ];
    all.into_iter().filter(|(_, kind)| what.has(*kind)).map(|(directory, _)| directory).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_has_its_kind_and_most_have_none() {
        let cases = [
            ("reports/phase_c/latest/recon_summary.json", Some(Kind::Recon)),
            ("reports/phase_c/latest/recon_daily.jsonl", Some(Kind::Recon)),
            ("reports/phase_c/latest/report_human.json", Some(Kind::Recon)),
            ("reports/phase_c/latest/report_ai.json", Some(Kind::Recon)),
            ("reports/phase_c/latest/other.json", None),
            ("reports/phase_c/snapshots/20260101_090000/recon_summary.json", None),
            ("state/live/decision_params.json", Some(Kind::Recon)),
            ("state/live/deep/decision_params.json", None),
            ("state/live/.decision_params.json.7.0.tmp", None),
            ("state/live/notes.txt", None),
            ("state/strategy_bundle/latest/strategy_bundle_latest.json", Some(Kind::Bundle)),
            ("state/strategy_bundle/snapshots/strategy_bundle_20260101_090000.json", Some(Kind::Bundle)),
            ("state/strategy_params/latest/strategy_params_latest.json", Some(Kind::State)),
            ("state/strategy_params/snapshots/deep/x.json", Some(Kind::State)),
            ("state/watchlist/latest/watchlist_latest.json", Some(Kind::State)),
            ("state/latest/x.json", Some(Kind::State)),
            ("state/portfolio/latest/portfolio_latest.json", None),
            ("state/secrets/latest/tokens.json", None),
            ("state/execution_gate.json", None),
            ("src/main.rs", None),
            ("README.md", None),
        ];
        for (path, want) in cases {
            assert_eq!(kind(path), want, "{path}");
        }
    }

    #[test]
    fn what_is_foreign_is_listed_and_what_is_ours_is_not() {
        let change = |path: &str, how| Change { path: path.to_owned(), how };
        let snapshot = "state/strategy_bundle/snapshots/strategy_bundle_20260101_090000.json";
        let changes = [
            change("README.md", Changed::Modified),
            change(layout::RECON_SUMMARY, Changed::Modified),
            change(layout::PUBLISH_RESULT, Changed::New),
            change(layout::PORTFOLIO.latest, Changed::New),
            change(snapshot, Changed::Deleted),
            change("state/strategy_params/x.json", Changed::New),
        ];
        assert_eq!(foreign(&changes), ["README.md", layout::PORTFOLIO.latest, snapshot]);
        assert_eq!(foreign(&[change(snapshot, Changed::New)]), Vec::<String>::new());
        let left = left_over(&changes, PublishWhat::Everything);
        assert_eq!(left, ["README.md", layout::RECON_SUMMARY, layout::PORTFOLIO.latest, snapshot]);
        assert!(left_over(&changes[1..3], PublishWhat::Bundle).is_empty(), "what was not asked for may stay");
    }
}
