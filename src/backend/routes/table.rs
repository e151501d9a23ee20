//! The rows of the route table. A second row of the same method and path does not compile.

use super::HEALTH;
use super::Kind;
use super::Member;
use super::Route;
use super::Verb;
use super::approvals;
use super::cycle;
use super::deps;
use super::evidence;
use super::handoff;
use super::live;
use super::openapi;
use super::ops;
use super::orders;
use super::push;
use super::recon;
use super::route::Answer;
use super::route::Handler;
use super::route::Turn;
use super::safety;
use super::secrets;
use super::status;
use super::tickets;
use super::told::OPERATION;
use super::watch;
use crate::contracts::actor::Role;
use crate::store::layout;

pub(super) const fn need(name: &'static str, kind: Kind, about: &'static str) -> Member {
    Member { name, kind, needed: true, about }
}

pub(super) const fn may(name: &'static str, kind: Kind, about: &'static str) -> Member {
    Member { name, kind, needed: false, about }
}

pub(super) const fn get(path: &'static str, schema: &'static str, summary: &'static str, handler: Handler) -> Route {
    Route {
        verb: Verb::Get,
        path,
        summary,
        schema,
        role: Role::Viewer,
        confirm: None,
        query: &[],
        body: &[],
        refusals: &[],
        turn: Turn::Now,
        watched: &[],
        answer: Answer::Reply,
        event: OPERATION,
        dash: None,
        handler,
    }
}

pub(super) const fn post(path: &'static str, schema: &'static str, summary: &'static str, handler: Handler) -> Route {
    Route { verb: Verb::Post, role: Role::Operator, ..get(path, schema, summary, handler) }
}

const REASON: Member = may("reason", Kind::Text, "why");

/// Every route of the operations API, once; those of the dashboard are in `dash`. A second row of the same method and path does not compile.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    get(HEALTH, "DAILY_OPS_HEALTH_V1", "whether the backend, its disk and its workspace work", ops::health).refusing(&[503]),
    get(openapi::PATH, "", "this API as an OpenAPI document", openapi::document),
    get("/api/ops/health", "OPS_HEALTH_V1", "safety state and last ops report", ops::ops_health),
    get("/api/ops/summary/latest", "OPS_SUMMARY_V1", "newest ops summary", ops::summary_latest)
        .watching(&[layout::SUMMARY.latest]),
    post("/api/ops/summary/regenerate", "OPS_SUMMARY_V1", "makes a new ops summary", ops::summary_regenerate).event("ops_summary_regenerated")
        .confirmed(None),
    get("/api/ops/scheduler/latest", "OPS_RUN_RECEIPT_V1", "newest ops run", ops::scheduler_latest)
        .watching(&[layout::OPS_RUN.latest]),
    get("/api/ops/scheduler/snapshots", "OPS_SCHEDULER_SNAPSHOTS_V1", "newest 20 ops runs", ops::scheduler_snapshots)
        .watching(&[layout::OPS_RUN.snapshots, layout::OLD_OPS_RUN_SNAPSHOTS]),
    get("/api/ops/scheduler/snapshots/{id}", "OPS_RUN_RECEIPT_V1", "one ops run", ops::scheduler_snapshot)
        .refusing(&[400, 404, 500]),
    post("/api/ops/cycle/run", "OPS_CYCLE_RUN_V2", "runs one ops cycle: reaper, evidence health, report, one ticket, summary", cycle::run).event("ops_cycle_finished")
        .refusing(&[409, 500])
        .confirmed(Some("run_id")),
    get("/api/ops/daily", "DAILY_OPS_REPORT_V1", "newest daily report; made when there is none", cycle::daily),
    post("/api/ops/daily/regenerate", "DAILY_OPS_REPORT_V1", "makes the daily report anew", cycle::daily_regenerate)
        .refusing(&[500])
        .confirmed(None),
    get("/api/ops/drill/latest", "OPS_DRILL_REPORT_V1", "newest safety drill", cycle::drill_latest)
        .watching(&[layout::DRILL.latest]),
    post("/api/ops/drill/run", "OPS_DRILL_REPORT_V1", "runs the safety drill", cycle::drill_run)
        .refusing(&[500])
        .confirmed(None),
    get("/api/live/cycle/latest", "LIVE_CYCLE_RECEIPT_V1", "newest live-cycle receipt", live::cycle_latest)
        .watching(&[layout::CYCLE.latest, layout::CYCLE.snapshots]),
    post("/api/live/cycle/run", "", "runs one live cycle, console only", live::cycle_run).event("live_cycle_finished")
        .confirmed(Some("cycle_id")).refusing(&[409]),
    get("/api/evidence/resolve", "EVIDENCE_VIEW_V1", "the document behind an evidence ref", evidence::resolve)
        .asked(&[need("ref", Kind::Text, "a path, for JSONL files with :line<N>")]).refusing(&[400, 404]).large(),
    get("/api/evidence/index/latest", "EVIDENCE_INDEX_V1", "newest index of evidence", evidence::index_latest)
        .watching(&[layout::EVIDENCE_INDEX.latest]),
    post("/api/evidence/index/regenerate", "EVIDENCE_INDEX_V1", "makes the index of evidence anew", evidence::index_regenerate)
        .refusing(&[500])
        .confirmed(None),
    get("/api/evidence/health/latest", "EVIDENCE_HEALTH_REPORT_V1", "newest report on the evidence's health", evidence::health_latest)
        .watching(&[layout::HEALTH.latest]),
    post("/api/evidence/health/regenerate", "EVIDENCE_HEALTH_REPORT_V1", "checks the evidence's health", evidence::health_regenerate)
        .refusing(&[500])
        .confirmed(None),
    get("/api/execution_gate", "EXECUTION_GATE_V1", "how far execution may go", safety::gate).watching(&[layout::GATE]),
    post("/api/execution_gate", "", "sets the execution gate; opening it needs an admin", safety::set_gate)
        .told(&[need("mode", Kind::Text, "MOCK_ONLY, DRY_RUN or REAL_ENABLED"), need("reason", Kind::Text, "why")])
        .refusing(&[400, 409]),
    get("/api/real_sender_enable", "REAL_SENDER_ENABLE_V1", "whether messages may leave the host", safety::sender)
        .watching(&[layout::SENDER]),
    post("/api/real_sender_enable", "", "enables or disables the sender; enabling needs an admin", safety::set_sender)
        .told(&[need("enabled", Kind::Switch, "the new position"), REASON]).refusing(&[400]),
    get("/api/emergency_stop", "EMERGENCY_STOP_V1", "whether everything stands still", safety::stop)
        .watching(&[layout::STOP]),
    post("/api/emergency_stop", "", "sets the emergency stop", safety::set_stop)
        .told(&[need("enabled", Kind::Switch, "the new position"), may("operator_id", Kind::Text, "who"), REASON])
        .refusing(&[400]),
    post("/api/approvals/real_enable/request", "", "asks for real execution; two people must approve", approvals::request)
        .told(&[need("requested_by", Kind::Text, "who"), need("reason", Kind::Text, "why")]).refusing(&[400]),
    post("/api/approvals/real_enable/approve", "", "adds one key to an approval", approvals::approve)
        .told(&[
            need("approval_id", Kind::Text, "which"),
            need("key_id", Kind::Text, "the approver's key"),
            need("approver_id", Kind::Text, "who"),
        ])
        .admin().refusing(&[400, 404, 409]),
    get("/api/approvals/real_enable/latest", "REAL_ENABLE_APPROVAL_V1", "the approval that counts now", approvals::latest),
    post("/api/real_enable_window/request", "REAL_ENABLE_WINDOW_V1", "opens the one-shot window for real execution", approvals::window_request)
        .told(&[need("reason", Kind::Text, "why"), may("ttl_seconds", Kind::Count, "1 to 3600, 600 by default")])
        .admin().refusing(&[400, 409]),
    get("/api/real_enable_window/latest", "REAL_ENABLE_WINDOW_V1", "the open window, if one is open", approvals::window_latest),
    post("/api/real_enable_window/revoke", "", "closes a window", approvals::window_revoke)
        .told(&[need("window_id", Kind::Text, "which"), REASON]).refusing(&[404]),
    get("/api/execution_allowlist", "REAL_EXECUTION_ALLOWLIST_V1", "what real execution may run; nobody changes it here", approvals::allowlist)
        .refusing(&[404, 500]),
    post("/api/tickets", "", "opens a ticket", tickets::create).event("ticket_changed")
        .told(&[
            need("request_type", Kind::Text, "REQUEST_RECONCILE, REQUEST_REPORTS or ACKNOWLEDGE"),
            need("payload", Kind::Object, "the members of that kind"),
            may("trace_id", Kind::Text, "the run that asks"),
        ])
        .refusing(&[400, 500]),
    post("/api/tickets/consume", "", "takes an open ticket; one caller wins", tickets::consume).event("ticket_changed")
        .told(&[need("request_id", Kind::Text, "which"), may("processor_id", Kind::Text, "who")]).refusing(&[404, 409, 500]),
    post("/api/tickets/complete", "", "finishes a ticket that was taken", tickets::complete).event("ticket_changed")
        .told(&[
            need("request_id", Kind::Text, "which"),
            need("status", Kind::Text, "DONE or FAILED"),
            may("message", Kind::Text, "what happened"),
            may("processor_id", Kind::Text, "who"),
            may("artifacts", Kind::List, "refs of what was made"),
        ])
        .refusing(&[400, 404, 409, 500]),
    get("/api/tickets/latest", "TICKETS_BOARD_V1", "the newest tickets and their states", tickets::board)
        .asked(&[may("limit", Kind::Count, "rows, 200 by default, 1000 at most"), may("status", Kind::Text, "only tickets in this state")])
        .large(),
    post("/api/tickets/reaper/run", "", "fails tickets that were taken and never finished", tickets::reaper_run)
        .told(&[
            may("threshold_seconds", Kind::Count, "86400 by default"),
            may("max_clean", Kind::Count, "50 by default, 1000 at most"),
        ])
        .refusing(&[500])
        .confirmed(None),
    get("/api/tickets/reaper/latest", "TICKET_REAPER_REPORT_V1", "newest report of the reaper", tickets::reaper_latest)
        .watching(&[layout::REAPER.latest]),
    get("/api/push/latest", "PUSH_MESSAGE_V1", "messages that the PC wrote", push::messages),
    get("/api/push/delivery/latest", "PUSH_DELIVERY_RECEIPT_V1", "newest delivery decision", push::delivery_latest),
    post("/api/push/delivery/run", "PUSH_DELIVERY_RECEIPT_V1", "decides where messages go and fills the outbox; console only", push::delivery_run).event("push_finished")
        .confirmed(Some("delivery_run_id")).slow(),
    get("/api/push/preview/latest", "PUSH_RENDER_PREVIEW_V1", "the outbox as each channel would show it", push::preview_latest),
    get("/api/push/send/latest", "PUSH_SEND_RECEIPT_V1", "newest attempt to send", push::send_latest)
        .watching(&[layout::SEND.latest]),
    post("/api/push/send/run", "", "sends the outbox when stop, gate, sender, self-test and window all allow it", push::send_run).event("push_finished")
        .confirmed(Some("send_id")).slow(),
    get("/api/ops/push/postmortem/latest", "LIVE_FIRE_POSTMORTEM_V1", "newest look back at a live fire", push::postmortem_latest)
        .watching(&[layout::POSTMORTEM.latest]),
    post("/api/ops/push/postmortem/regenerate", "", "looks back at the last live fire", push::postmortem_regenerate)
        .confirmed(Some("event_id")).slow(),
    get("/api/ops/push/live_fire/latest", "LIVE_FIRE_OPS_RECEIPT_V1", "newest live fire", push::live_fire_latest)
        .watching(&[layout::LIVE_FIRE.latest]),
    post("/api/ops/push/live_fire/run", "", "sends one real message, then closes window and sender", push::live_fire_run).event("push_finished")
        .confirmed(Some("run_id")).admin().slow(),
    get("/api/secrets/status", "SECRETS_STATUS_V1", "which names have a value; never a value", secrets::status),
    get("/api/secrets/self_test", "SECRETS_SELF_TEST_V1", "newest self-test of the channels' names", secrets::self_test)
        .watching(&[layout::SELF_TEST.latest]),
    post("/api/secrets/self_test/run", "", "tests whether one channel has all its names", secrets::self_test_run)
        .confirmed(None).slow(),
    post("/api/push/daily_status/send", "DAILY_STATUS_PUSH_V1", "sends the day's status, once a day", status::send).event("push_finished")
        .asked(&[may("mode", Kind::Text, "normal or test")]).confirmed(None).refusing(&[400, 500]).slow(),
    get("/api/push/daily_status/latest", "DAILY_STATUS_PUSH_V1", "newest daily status message", status::latest)
        .watching(&[layout::DAILY_STATUS.latest]),
    post("/api/push/incident/send", "INCIDENT_PUSH_V1", "sends an incident, once a kind and day", status::incident_send).event("push_finished")
        .asked(&[
            may("mode", Kind::Text, "normal or test"),
            need("kind", Kind::Text, "BACKEND_DOWN, OPS_FAILED ..."),
            may("step", Kind::Text, "the stage"),
            REASON,
        ])
        .confirmed(None).refusing(&[400, 500]).slow(),
    get("/api/push/incident/latest", "INCIDENT_PUSH_V1", "newest incident message", status::incident_latest)
        .watching(&[layout::INCIDENT.latest]),
    get("/api/strategy_bundle/latest", "STRATEGY_BUNDLE_V1", "newest strategy bundle and its validation", handoff::bundle_latest),
    post("/api/strategy_bundle/regenerate_snapshot", "", "keeps a snapshot of the newest bundle", handoff::bundle_snapshot)
        .confirmed_anywhere(Some("snapshot_ref")).refusing(&[400, 500]),
    get("/api/reco/latest", "RECO_REPORT_V1", "newest recommendation report", handoff::reco_latest)
        .watching(&[layout::RECO.latest, layout::RECO.snapshots]),
    post("/api/reco/regenerate", "", "makes a new recommendation report", handoff::reco_regenerate)
        .confirmed_anywhere(Some("report_id")).refusing(&[500]),
    get("/api/portfolio/latest", "PORTFOLIO_SNAPSHOT_V1", "the holdings", orders::portfolio_latest),
    post("/api/portfolio/upsert", "PORTFOLIO_SNAPSHOT_V1", "replaces the holdings", orders::portfolio_upsert)
        .told(&[
            may("cash", Kind::Number, "won; needed unless updated_by is manual_seed and holdings is left out too"),
            may("holdings", Kind::List, "ticker, name, quantity, avg_price, current_price each; needed with cash"),
            may("updated_by", Kind::Text, "ui, api, sync, manual_seed or manual_update"),
        ])
        .confirmed_anywhere(None).refusing(&[400, 409, 500]).slow(),
    get("/api/order_plan/latest", "ORDER_PLAN_V1", "newest order plan", orders::plan_latest),
    post("/api/order_plan/regenerate", "ORDER_PLAN_V1", "makes an order plan from recommendation and holdings; sends nothing", orders::plan_regenerate)
        .asked(&[may("force", Kind::Switch, "make it anew although nothing changed")])
        .confirmed_anywhere(Some("plan_id")).refusing(&[500]).slow(),
    post("/api/order_plan/confirm", "", "a person says that exactly this plan may be executed by hand", orders::plan_confirm)
        .told(&[
            need("plan_id", Kind::Text, "which"),
            need("payload_sha256", Kind::Text, "the hash of the orders that the person read"),
            need("operator_id", Kind::Text, "who"),
            need("reason", Kind::Text, "why"),
        ])
        .refusing(&[400, 409, 500]).slow(),
    get("/api/order_plan/export", "ORDER_PLAN_EXPORT_V1", "the confirmed plan's orders for execution by hand", orders::plan_export)
        .refusing(&[409, 500]),
    get("/api/recon/summary", "RECON_SUMMARY_V1", "the PC's reconciliation", recon::summary)
        .watching(&[layout::RECON_SUMMARY, layout::RECON_DAILY]),
    get("/api/recon/daily", "RECON_DAILY_V1", "the reconciliation day by day", recon::daily),
    get("/api/report/human", "REPORT_HUMAN_V1", "the PC's report for people", recon::report_human)
        .watching(&[layout::REPORT_HUMAN]),
    get("/api/report/ai", "REPORT_AI_V1", "the PC's report for models", recon::report_ai).watching(&[layout::REPORT_AI]),
    get("/api/deps/reconcile", "RECONCILE_DEPENDENCY_V2", "what reconciling needs on this host", deps::reconcile),
    post("/api/deps/reconcile/check", "", "the preflight of one ticket", tickets::check)
        .told(&[
            need("request_id", Kind::Text, "which"),
            need("request_type", Kind::Text, "its kind"),
            need("payload", Kind::Object, "its members"),
        ])
        .refusing(&[400, 500]),
    get("/api/deps/snapshot", "DEPS_SNAPSHOT_V1", "what this program is made of", deps::snapshot),
    post("/api/deps/snapshot", "DEPS_SNAPSHOT_V1", "writes down what this program is made of", deps::snapshot_write)
        .confirmed(None),
    get("/api/watchlist/latest", "WATCHLIST_V1", "the watched symbols", watch::list_latest),
    post("/api/watchlist/upsert", "WATCHLIST_V1", "replaces the watched symbols", watch::list_upsert)
        .told(&[need("items", Kind::List, "ticker, name, enabled each"), may("updated_by", Kind::Text, "who")])
        .confirmed_anywhere(None).refusing(&[400, 500]),
    get("/api/settings/latest", "SETTINGS_V1", "the watchers' settings", watch::settings_latest),
    post("/api/settings/upsert", "SETTINGS_V1", "replaces the given sections of the watchers' settings", watch::settings_upsert)
        .told(&[
            may("spike", Kind::Object, "the spike watcher"),
            may("holding", Kind::Object, "the holding watcher"),
            may("updated_by", Kind::Text, "who"),
        ])
        .confirmed_anywhere(None).refusing(&[400, 500]),
    get("/api/push/spike/latest", "SPIKE_PUSH_RECEIPT_V1", "newest look of the spike watcher, and its status", watch::spike_latest),
    post("/api/push/spike/run", "WATCHER_STATUS_V1", "looks for spikes of the watched symbols", watch::spike_run).event("watch_finished")
        .confirmed(None).refusing(&[500]).slow(),
    get("/api/push/holding/latest", "HOLDING_PUSH_RECEIPT_V1", "newest look of the holding watcher, and its status", watch::holding_latest),
    post("/api/push/holding/run", "WATCHER_STATUS_V1", "looks at the profit and loss of holdings", watch::holding_run).event("watch_finished")
        .confirmed(None).refusing(&[500]).slow(),
];

/// Whether two rows have the same method and path.
pub(super) const fn has_twins(routes: &[Route]) -> bool {
    let mut a = 0;
    while a < routes.len() {
        let mut b = a + 1;
        while b < routes.len() {
            if routes[a].verb as u8 == routes[b].verb as u8 && same(routes[a].path, routes[b].path) {
                return true;
            }
            b += 1;
        }
        a += 1;
    }
    false
}

const fn same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

const _: () = assert!(!has_twins(ROUTES), "a route is listed twice");
