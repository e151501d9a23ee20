//! Every document that the program has a type for.

use daily_ops::contracts::Document;
use daily_ops::contracts::PriceMeta;
use daily_ops::contracts::approval::WindowConsumed;
use daily_ops::contracts::audit::AuditHead;
use daily_ops::contracts::cycle::CycleReceipt;
use daily_ops::contracts::daily_report::DailyReport;
use daily_ops::contracts::deps::DepsSnapshot;
use daily_ops::contracts::drill::DrillReport;
use daily_ops::contracts::evidence_index::EvidenceIndex;
use daily_ops::contracts::health::EvidenceHealth;
use daily_ops::contracts::heartbeat::Heartbeat;
use daily_ops::contracts::kill::KillSwitch;
use daily_ops::contracts::message::DailyStatusPush;
use daily_ops::contracts::message::IncidentPush;
use daily_ops::contracts::message::MessageKeys;
use daily_ops::contracts::observed::OpsObserved;
use daily_ops::contracts::ops_run::OpsRunReceipt;
use daily_ops::contracts::order_plan::OrderPlan;
use daily_ops::contracts::pc_run::PcRun;
use daily_ops::contracts::publish::PublishResult;
use daily_ops::contracts::push::ConsoleOut;
use daily_ops::contracts::push::DeliveryReceipt;
use daily_ops::contracts::push::LiveFireReceipt;
use daily_ops::contracts::push::Postmortem;
use daily_ops::contracts::push::PushOutbox;
use daily_ops::contracts::push::PushPreview;
use daily_ops::contracts::push::SelfTest;
use daily_ops::contracts::push::SendReceipt;
use daily_ops::contracts::reco::RecoReport;
use daily_ops::contracts::recon::AiReport;
use daily_ops::contracts::recon::HumanReport;
use daily_ops::contracts::recon::ReconSummary;
use daily_ops::contracts::run::RunRecord;
use daily_ops::contracts::safety::EmergencyStop;
use daily_ops::contracts::safety::ExecutionGate;
use daily_ops::contracts::safety::SenderEnable;
use daily_ops::contracts::summary::OpsSummary;
use daily_ops::contracts::ticket::documents::DryRun;
use daily_ops::contracts::ticket::documents::Preflight;
use daily_ops::contracts::ticket::documents::ReaperReport;
use daily_ops::contracts::token::Tokens;
use daily_ops::contracts::tune::GatekeeperDecision;
use daily_ops::contracts::tune::TuneResult;
use daily_ops::contracts::watch::HoldingReceipt;
use daily_ops::contracts::watch::HoldingState;
use daily_ops::contracts::watch::SpikeReceipt;
use daily_ops::contracts::watch::SpikeState;
use daily_ops::contracts::watch::WatchSettings;
use daily_ops::contracts::watch::WatcherStatus;
use daily_ops::contracts::watch::Watchlist;
use daily_ops::release::Rollback;

/// Reads as the document's type and writes again.
type Rewrite = fn(&[u8]) -> Result<Vec<u8>, String>;

pub(crate) fn rewritten<D: Document>(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let document = D::parse(bytes).map_err(|fault| fault.to_string())?;
    document.to_bytes().map_err(|fault| fault.to_string())
}

/// Whether the program writes the document, which makes the golden its own bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ours {
    Written,
    /// A value of another type makes the whole document unreadable.
    WrittenStrict,
    Read,
}

pub(crate) const TYPED: &[(&str, Rewrite, Ours)] = &[
    ("daily_ops_run_v1", rewritten::<RunRecord>, Ours::WrittenStrict),
    ("ops_summary_v1", rewritten::<OpsSummary>, Ours::Written),
    ("live_cycle_receipt_v1", rewritten::<CycleReceipt>, Ours::Written),
    ("reco_report_v1", rewritten::<RecoReport>, Ours::Written),
    ("order_plan_v1", rewritten::<OrderPlan>, Ours::Written),
    ("deps_snapshot_v1", rewritten::<DepsSnapshot>, Ours::Written),
    ("push_render_preview_v1", rewritten::<PushPreview>, Ours::Written),
    ("push_outbox_v1", rewritten::<PushOutbox>, Ours::Written),
    ("push_delivery_receipt_v2", rewritten::<DeliveryReceipt>, Ours::Written),
    ("console_out_v2", rewritten::<ConsoleOut>, Ours::Written),
    ("push_send_receipt_v1", rewritten::<SendReceipt>, Ours::Written),
    ("live_fire_ops_receipt_v1", rewritten::<LiveFireReceipt>, Ours::Written),
    ("live_fire_postmortem_v1", rewritten::<Postmortem>, Ours::Written),
    ("secrets_self_test_v1", rewritten::<SelfTest>, Ours::Written),
    ("execution_gate_v1", rewritten::<ExecutionGate>, Ours::Written),
    ("real_sender_enable_v1", rewritten::<SenderEnable>, Ours::WrittenStrict),
    ("emergency_stop_v1", rewritten::<EmergencyStop>, Ours::Written),
    ("kill_switch_v1", rewritten::<KillSwitch>, Ours::WrittenStrict),
    ("ops_observed_v1", rewritten::<OpsObserved>, Ours::WrittenStrict),
    ("window_consumed_v1", rewritten::<WindowConsumed>, Ours::Written),
    ("tokens_v1", rewritten::<Tokens>, Ours::WrittenStrict),
    ("rollback_v1", rewritten::<Rollback>, Ours::Written),
    ("tune_result_v1", rewritten::<TuneResult>, Ours::WrittenStrict),
    ("gatekeeper_decision_v3", rewritten::<GatekeeperDecision>, Ours::WrittenStrict),
    ("price_meta_v1", rewritten::<PriceMeta>, Ours::WrittenStrict),
    ("pc_run_v1", rewritten::<PcRun>, Ours::WrittenStrict),
    ("pc_publish_result_v1", rewritten::<PublishResult>, Ours::Written),
    ("reconcile_preflight_v1", rewritten::<Preflight>, Ours::Written),
    ("dryrun_artifact_v1", rewritten::<DryRun>, Ours::Written),
    ("ticket_reaper_report_v1", rewritten::<ReaperReport>, Ours::Written),
    ("evidence_health_report_v1", rewritten::<EvidenceHealth>, Ours::Written),
    ("evidence_index_v1", rewritten::<EvidenceIndex>, Ours::Written),
    ("ops_run_receipt_v1", rewritten::<OpsRunReceipt>, Ours::Written),
    ("ops_drill_report_v1", rewritten::<DrillReport>, Ours::Written),
    ("daily_ops_report_v1", rewritten::<DailyReport>, Ours::Written),
    ("recon_summary_v1", rewritten::<ReconSummary>, Ours::WrittenStrict),
    ("report_human_v1", rewritten::<HumanReport>, Ours::WrittenStrict),
    ("report_ai_v1", rewritten::<AiReport>, Ours::WrittenStrict),
    ("watchlist_v1", rewritten::<Watchlist>, Ours::WrittenStrict),
    ("settings_v1", rewritten::<WatchSettings>, Ours::WrittenStrict),
    ("watcher_status_v1", rewritten::<WatcherStatus>, Ours::Written),
    ("spike_push_receipt_v1", rewritten::<SpikeReceipt>, Ours::Written),
    ("holding_push_receipt_v1", rewritten::<HoldingReceipt>, Ours::Written),
    ("spike_state_v1", rewritten::<SpikeState>, Ours::WrittenStrict),
    ("holding_state_v1", rewritten::<HoldingState>, Ours::WrittenStrict),
    ("daily_status_push_v1", rewritten::<DailyStatusPush>, Ours::Written),
    ("incident_push_v1", rewritten::<IncidentPush>, Ours::Written),
    ("heartbeat_v1", rewritten::<Heartbeat>, Ours::Written),
    ("message_keys_v1", rewritten::<MessageKeys>, Ours::WrittenStrict),
    ("audit_head_v1", rewritten::<AuditHead>, Ours::WrittenStrict),
];
