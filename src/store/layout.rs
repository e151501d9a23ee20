//! Every path of a workspace, once, relative to its root and with forward slashes.

/// A kind of document that is kept as snapshots and one `latest` copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Family {
    /// Start of a snapshot's name: `<kind>_YYYYMMDD_HHMMSS.json`.
    pub kind: &'static str,
    /// The newest document.
    pub latest: &'static str,
    /// Where its snapshots lie.
    pub snapshots: &'static str,
}

/// OPS_SUMMARY_V1
pub const SUMMARY: Family = Family {
    kind: "ops_summary",
    latest: "reports/ops/summary/ops_summary_latest.json",
    snapshots: "reports/ops/summary/snapshots",
};
/// LIVE_CYCLE_RECEIPT_V1
pub const CYCLE: Family = Family {
    kind: "live_cycle",
    latest: "reports/live/cycle/latest/live_cycle_latest.json",
    snapshots: "reports/live/cycle/snapshots",
};
/// RECO_REPORT_V1
pub const RECO: Family = Family {
    kind: "reco",
    latest: "reports/live/reco/latest/reco_latest.json",
    snapshots: "reports/live/reco/snapshots",
};
/// PUSH_RENDER_PREVIEW_V1
pub const PREVIEW: Family = Family {
    kind: "preview",
    latest: "reports/ops/push/preview/preview_latest.json",
    snapshots: "reports/ops/push/preview/snapshots",
};
/// STRATEGY_BUNDLE_V1, written on the PC.
pub const BUNDLE: Family = Family {
    kind: "strategy_bundle",
    latest: "state/strategy_bundle/latest/strategy_bundle_latest.json",
    snapshots: "state/strategy_bundle/snapshots",
};
/// DAILY_OPS_RUN_V1
pub const RUN: Family = Family {
    kind: "daily_ops",
    latest: "reports/ops/daily_ops/latest/daily_ops_latest.json",
    snapshots: "reports/ops/daily_ops/snapshots",
};
/// OPS_RUN_RECEIPT_V1
pub const OPS_RUN: Family = Family {
    kind: "ops_run",
    latest: "reports/ops/scheduler/latest/ops_run_latest.json",
    snapshots: "reports/ops/scheduler/snapshots",
};
/// EVIDENCE_HEALTH_REPORT_V1
pub const HEALTH: Family = Family {
    kind: "health",
    latest: "reports/ops/evidence/health/health_latest.json",
    snapshots: "reports/ops/evidence/health/snapshots",
};

/// PUSH_OUTBOX_V1
pub const OUTBOX: Family = Family {
    kind: "outbox",
    latest: "reports/ops/push/outbox/outbox_latest.json",
    snapshots: "reports/ops/push/outbox/snapshots",
};
/// PUSH_SEND_RECEIPT_V1
pub const SEND: Family = Family {
    kind: "send",
    latest: "reports/ops/push/send/send_latest.json",
    snapshots: "reports/ops/push/send/snapshots",
};
/// LIVE_FIRE_OPS_RECEIPT_V1
pub const LIVE_FIRE: Family = Family {
    kind: "live_fire",
    latest: "reports/ops/push/live_fire/live_fire_latest.json",
    snapshots: "reports/ops/push/live_fire/snapshots",
};
/// LIVE_FIRE_POSTMORTEM_V1
pub const POSTMORTEM: Family = Family {
    kind: "postmortem",
    latest: "reports/ops/push/postmortem/postmortem_latest.json",
    snapshots: "reports/ops/push/postmortem/snapshots",
};
/// SECRETS_SELF_TEST_V1
pub const SELF_TEST: Family = Family {
    kind: "self_test",
    latest: "reports/ops/secrets/self_test_latest.json",
    snapshots: "reports/ops/secrets/snapshots",
};
/// EVIDENCE_INDEX_V1
pub const EVIDENCE_INDEX: Family = Family {
    kind: "evidence_index",
    latest: "reports/ops/evidence/index/evidence_index_latest.json",
    snapshots: "reports/ops/evidence/index/snapshots",
};
/// OPS_DRILL_REPORT_V1
pub const DRILL: Family = Family {
    kind: "drill",
    latest: "reports/ops/drill/latest/drill_latest.json",
    snapshots: "reports/ops/drill/snapshots",
};
/// TICKET_REAPER_REPORT_V1
pub const REAPER: Family = Family {
    kind: "reaper",
    latest: "reports/ops/tickets/reaper/latest/reaper_latest.json",
    snapshots: "reports/ops/tickets/reaper/snapshots",
};
/// ORDER_PLAN_V1
pub const ORDER_PLAN: Family = Family {
    kind: "order_plan",
    latest: "reports/live/order_plan/latest/order_plan_latest.json",
    snapshots: "reports/live/order_plan/snapshots",
};
/// PORTFOLIO_SNAPSHOT_V1; personal, never published.
pub const PORTFOLIO: Family = Family {
    kind: "portfolio",
    latest: "state/portfolio/latest/portfolio_latest.json",
    snapshots: "state/portfolio/snapshots",
};
/// ORDER_PLAN_CONFIRMATION_V1 lines: which plan a person confirmed, and who. Never trimmed.
pub const PLAN_CONFIRMATIONS: &str = "state/order_plan/confirmations.jsonl";
/// DAILY_STATUS_PUSH_V1
pub const DAILY_STATUS: Family = Family {
    kind: "daily_status",
    latest: "reports/ops/push/daily_status/latest/daily_status_latest.json",
    snapshots: "reports/ops/push/daily_status/snapshots",
};
/// INCIDENT_PUSH_V1; its snapshots carry the kind of the incident in their name.
pub const INCIDENT: Family = Family {
    kind: "incident",
    latest: "reports/ops/push/incident/latest/incident_latest.json",
    snapshots: "reports/ops/push/incident/snapshots",
};

/// WATCHLIST_V1
pub const WATCHLIST: Family = Family {
    kind: "watchlist",
    latest: "state/watchlist/latest/watchlist_latest.json",
    snapshots: "state/watchlist/snapshots",
};
/// SETTINGS_V1: the watchers' settings.
pub const WATCH_SETTINGS: Family = Family {
    kind: "settings",
    latest: "state/settings/latest/settings_latest.json",
    snapshots: "state/settings/snapshots",
};
/// SPIKE_PUSH_RECEIPT_V1
pub const SPIKE: Family = Family {
    kind: "spike",
    latest: "reports/ops/push/spike/latest/spike_latest.json",
    snapshots: "reports/ops/push/spike/snapshots",
};
/// HOLDING_PUSH_RECEIPT_V1; personal, never published.
pub const HOLDING: Family = Family {
    kind: "holding",
    latest: "reports/ops/push/holding/latest/holding_latest.json",
    snapshots: "reports/ops/push/holding/snapshots",
};

/// WATCHER_STATUS_V1 of the spike watcher.
pub const SPIKE_STATUS: &str = "reports/ops/push/spike_watch/latest/spike_watch_latest.json";
/// WATCHER_STATUS_V1 of the holding watcher.
pub const HOLDING_STATUS: &str = "reports/ops/push/holding_watch/latest/holding_watch_latest.json";
/// SPIKE_STATE_V1
pub const SPIKE_STATE: &str = "state/spike/spike_state.json";
/// HOLDING_STATE_V1
pub const HOLDING_STATE: &str = "state/holding_watch/holding_state.json";
/// SPIKE_SETTINGS_V1: what counted before SETTINGS_V1; read only.
pub const OLD_SPIKE_SETTINGS: &str = "state/spike_settings/latest/spike_settings_latest.json";

/// Where older programs kept the snapshots of ops runs, beside daily reports.
pub const OLD_OPS_RUN_SNAPSHOTS: &str = "reports/ops/daily/snapshots";

/// DAILY_OPS_REPORT_V1
pub const OPS_REPORT: &str = "reports/ops/daily/ops_report_latest.json";
/// PUSH_DELIVERY_RECEIPT_V2
pub const DELIVERY: &str = "reports/ops/push/push_delivery_latest.json";
/// What the console was shown with the newest delivery.
pub const CONSOLE_OUT: &str = "reports/ops/push/console_out_latest.json";
/// PUSH_MESSAGE_V1, written by the PC or by older programs.
pub const PUSH_MESSAGES: &str = "reports/push/latest/push_messages.json";
/// PUSH_DELIVERY_RECEIPT_V2 lines
pub const DELIVERY_RECEIPTS: &str = "state/push/push_delivery_receipts.jsonl";
/// PUSH_SEND_RECEIPT_V1 lines
pub const SEND_RECEIPTS: &str = "state/push/send_receipts.jsonl";

/// EXECUTION_GATE_V1
pub const GATE: &str = "state/execution_gate.json";
/// REAL_SENDER_ENABLE_V1
pub const SENDER: &str = "state/real_sender_enable.json";
/// EMERGENCY_STOP_V1
pub const STOP: &str = "state/emergency_stop.json";
/// REAL_ENABLE_WINDOW_V1 events
pub const WINDOWS: &str = "state/real_enable_windows/real_enable_windows.jsonl";
/// WINDOW_CONSUMED_V1
pub const WINDOW_CONSUMED: &str = "state/real_sender_window_consumed.json";
/// REAL_ENABLE_APPROVAL_V1 events
pub const APPROVALS: &str = "state/approvals/real_enable_approvals.jsonl";
/// REAL_EXECUTION_ALLOWLIST_V1
pub const ALLOWLIST: &str = "docs/contracts/execution_allowlist_v1.json";

/// TICKET_REQUEST_V1 lines
pub const TICKET_REQUESTS: &str = "state/tickets/ticket_requests.jsonl";
/// TICKET_RESULT_V1 lines
pub const TICKET_RESULTS: &str = "state/tickets/ticket_results.jsonl";
/// EXECUTION_RECEIPT_V1 to V3 lines
pub const TICKET_RECEIPTS: &str = "state/tickets/ticket_receipts.jsonl";

/// RECON_SUMMARY_V1
pub const RECON_SUMMARY: &str = "reports/phase_c/latest/recon_summary.json";
/// RECON_DAILY_V1 lines
pub const RECON_DAILY: &str = "reports/phase_c/latest/recon_daily.jsonl";
/// REPORT_HUMAN_V1
pub const REPORT_HUMAN: &str = "reports/phase_c/latest/report_human.json";
/// REPORT_AI_V1
pub const REPORT_AI: &str = "reports/phase_c/latest/report_ai.json";
/// DECISION_PARAMS_V1
pub const DECISION_PARAMS: &str = "state/live/decision_params.json";

/// BACKTEST_RESULT_V1, written on the PC.
pub const BACKTEST: Family = Family {
    kind: "backtest_result",
    latest: "reports/backtest/latest/backtest_result.json",
    snapshots: "reports/backtest/snapshots",
};
/// SWEEP_RESULT_V1: the newest sweep of parameters on the PC.
pub const SWEEP: &str = "reports/backtest/latest/sweep_result.json";
/// TUNE_RESULT_V1, written on the PC.
pub const TUNE: Family =
    Family { kind: "tune_result", latest: "reports/tune/latest/tune_result.json", snapshots: "reports/tune/snapshots" };
/// STRATEGY_PARAMS_V1, written on the PC.
pub const STRATEGY_PARAMS: Family = Family {
    kind: "strategy_params",
    latest: "state/strategy_params/latest/strategy_params_latest.json",
    snapshots: "state/strategy_params/snapshots",
};
/// The simulation's ledger, one line a session.
pub const DAILY_LEDGER: &str = "reports/validation/daily_ledger.jsonl";
/// OOS-MONTHLY-1.0
pub const OOS_VALIDATION: &str = "reports/validation/oos_validation.json";
/// COVERAGE_BASELINE_V1
pub const COVERAGE_BASELINE: &str = "reports/recon/coverage_baseline.json";
/// Snapshots of a reconciliation, one directory each.
pub const RECON_SNAPSHOTS: &str = "reports/phase_c/snapshots";
/// The charts and the page of the newest results; not published.
pub const REPORT_PAGE: &str = "reports/pc/page";
/// PC_PUBLISH_RESULT_V1; not published.
pub const PUBLISH_RESULT: &str = "reports/pc/publish/latest/publish_result.json";
/// PC_RUN_V1: what the day's work on the PC came to; not published.
pub const PC_RUN: &str = "reports/pc/run/latest/pc_run.json";
/// Telemetry of tuning, one file a run.
pub const TUNE_TELEMETRY: &str = "reports/tune/telemetry";
/// Directories of tuning runs.
pub const TUNE_RUNS: &str = "data/tuning_runs";
/// Collected prices: `{ticker}.parquet` and `{ticker}.meta.json`.
pub const PRICES: &str = "data/cache";
/// The lock of collecting prices.
pub const PRICES_LOCK: &str = "state/locks/prices.lock";
/// The lock of simulating the workspace's parameters.
pub const BACKTEST_LOCK: &str = "state/locks/backtest.lock";
/// The lock of the day's work on the PC.
pub const PC_RUN_LOCK: &str = "state/locks/pc_run.lock";
/// The lock of a publish.
pub const PUBLISH_LOCK: &str = "state/pc_publish.lock";
/// What every publish said.
pub const PUBLISH_LOG: &str = "logs/pc_publish_bundle.log";

/// What a rollback restores, and a publish may change.
pub const HANDOFF_PATHS: &[&str] = &["reports/phase_c/latest", "state/strategy_bundle", "state/live"];
/// The record of an active rollback.
pub const ROLLBACK: &str = "state/rollback.json";
/// Every change, who made it and why: one line each, chained by hashes. Never trimmed.
pub const AUDIT: &str = "state/audit/audit.jsonl";
/// AUDIT_HEAD_V1: which entry of the audit trail is the last one.
pub const AUDIT_HEAD: &str = "state/audit/head.json";
/// The lock of the audit trail.
pub const AUDIT_LOCK: &str = "state/locks/audit.lock";
/// The hashes of the tokens that open the backend, with their roles.
pub const TOKENS: &str = "state/secrets/tokens.json";
/// The lock of the tokens.
pub const TOKENS_LOCK: &str = "state/locks/tokens.lock";
/// The lock of approvals and windows.
pub const APPROVALS_LOCK: &str = "state/locks/approvals.lock";
/// The lock of the tickets: who holds it has read every line and may add one.
pub const TICKETS_LOCK: &str = "state/locks/tickets.lock";
/// The lock of the ticket worker.
pub const WORKER_LOCK: &str = "state/worker.lock";
/// The lock of the ops cycle.
pub const OPS_CYCLE_LOCK: &str = "state/ops_runner.lock";
/// The lock of messages that leave the host.
pub const PUSH_LOCK: &str = "state/locks/push.lock";
/// The lock of portfolio and order plan.
pub const ORDERS_LOCK: &str = "state/locks/orders.lock";
/// The lock of the watchers.
pub const WATCH_LOCK: &str = "state/locks/watch.lock";
/// The lock of the observation log: one server of the workspace keeps it.
pub const OBSERVATION_LOCK: &str = "state/locks/observation.lock";
/// The lock of changing watchlist and settings; never held while a watcher looks.
pub const WATCH_EDIT_LOCK: &str = "state/locks/watch_edit.lock";
/// Artifacts of tickets: `{preflight,dryrun,shadow}/<request_id>.json`.
pub const TICKET_ARTIFACTS: &str = "reports/tickets";
/// DEPS_SNAPSHOT_V1
pub const DEPS_SNAPSHOT: &str = "state/deps/installed_deps_snapshot.json";
/// Names and values that messages need, one file for all; mode 600.
pub const MESSAGE_SECRETS: &str = "state/secrets/telegram.env";
/// KILL_SWITCH_V1: the GLOBAL kill switch.
pub const KILL_SWITCH: &str = "state/kill_switch.json";
/// The lock of the kill switch.
pub const KILL_LOCK: &str = "state/locks/kill.lock";
/// Every use of the kill switch, one line each.
pub const KILL_AUDIT: &str = "metrics/kill_audit.jsonl";
/// Events that could not be posted, for the server to take over.
pub const EVENT_SPOOL: &str = "metrics/spool.jsonl";
/// Lines of the spool that are no events, and why.
pub const SPOOL_REJECTED: &str = "metrics/spool_rejected.jsonl";
/// The operator token that the server makes when none is configured; mode 600.
pub const OPS_TOKEN: &str = "state/ops_token";
/// What demos and rehearsals of the dashboard leave; never deleted by the program.
pub const OPS_EVIDENCE: &str = "evidence/phase-ops";
/// One folder a demo of the dashboard.
pub const DEMO_EVIDENCE: &str = "evidence/phase-ops/OVL-003-DEMO";
/// OPS_OBSERVED_V1: what the event bus was last told of the workspace's files.
pub const OPS_OBSERVED: &str = "state/ops_observed.json";
/// HEARTBEAT_V1: when the daily run last started and ended.
pub const HEARTBEAT: &str = "state/heartbeat.json";
/// MESSAGE_KEYS_V1: which messages of which day have left the backend, or may have.
pub const MESSAGE_KEYS: &str = "state/push/message_keys.json";
/// MESSAGE_KEYS_V1: which messages were delivered while the backend was down.
pub const FALLBACK_KEYS: &str = "state/push/fallback_keys.json";
/// The lock of every change of a safety switch.
pub const SWITCH_LOCK: &str = "state/locks/switches.lock";
/// The lock of the daily run.
pub const RUN_LOCK: &str = "state/locks/run.lock";
/// The lock of regenerating documents.
pub const DOCUMENTS_LOCK: &str = "state/locks/documents.lock";
/// The lock of the live cycle.
pub const CYCLE_LOCK: &str = "state/locks/live_cycle.lock";

/// Directory of all logs.
pub const LOGS: &str = "logs";
/// Everything a run said.
pub const RUN_LOG: &str = "logs/daily_ops.log";
/// What the service manager collects from the server.
pub const BACKEND_LOG: &str = "logs/backend.log";
/// One stamped summary line a run.
pub const SUMMARY_LOG: &str = "logs/daily_summary.log";
/// The newest summary line.
pub const SUMMARY_LATEST: &str = "logs/daily_summary.latest";
/// The newest detail line.
pub const SUMMARY_DETAIL: &str = "logs/daily_summary.detail.latest";
/// One line a run: number, id, snapshot, hash. Never trimmed.
pub const RUN_CHAIN: &str = "reports/ops/daily_ops/chain.jsonl";
/// Time and revision of the last start.
pub const PROOF_START: &str = "reports/ops/cron_proof/last_start.txt";
/// Exit code of the last run.
pub const PROOF_EXIT: &str = "reports/ops/cron_proof/last_exit_code.txt";
/// Time of the last end.
pub const PROOF_DONE: &str = "reports/ops/cron_proof/last_done.txt";

/// Every family whose snapshots are kept by count.
pub const FAMILIES: &[Family] = &[
    SUMMARY,
    CYCLE,
    RECO,
    PREVIEW,
    RUN,
    OPS_RUN,
    HEALTH,
    OUTBOX,
    SEND,
    LIVE_FIRE,
    POSTMORTEM,
    SELF_TEST,
    EVIDENCE_INDEX,
    DRILL,
    REAPER,
    ORDER_PLAN,
    PORTFOLIO,
    DAILY_STATUS,
    INCIDENT,
    WATCHLIST,
    WATCH_SETTINGS,
    SPIKE,
    HOLDING,
];
