//! The route table, and the one way from a request to a reply.

mod approvals;
mod cycle;
mod deps;
mod evidence;
mod handoff;
mod live;
mod openapi;
mod ops;
mod orders;
mod push;
mod recon;
mod safety;
mod secrets;
mod status;
#[cfg(test)]
mod tests;
mod tickets;
mod watch;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::body::Bytes;
use axum::extract::Request;
use axum::http::HeaderMap;
use axum::http::HeaderValue;
use axum::http::Method;
use axum::http::StatusCode;
use axum::http::header;
use axum::response::Response;
use axum::routing::MethodFilter;
use axum::routing::on;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::Semaphore;

use super::access::Access;
use super::access::ROLE_TOO_LOW;
use super::access::Reach;
use super::body::RequestBody;
use super::cache::Cache;
use super::guard;
use super::guard::Refusal;
use super::query::Query;
use super::reply::Fields;
use super::reply::Reply;
use crate::contracts::actor::Actor;
use crate::contracts::actor::Role;
use crate::gates::Gates;
use crate::ops::Ops;
use crate::store::Store;
use crate::store::layout;
use crate::time::KstTime;

/// Slow handlers at a time. They leave most threads to everything else, the emergency stop above all.
const SLOW: usize = 2;
/// The one address that any Host may read.
const HEALTH: &str = "/health";

/// What a route does with its method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads; changes nothing.
    Get,
    /// Changes, runs or regenerates.
    Post,
}

impl Verb {
    /// The word in a request.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }
}

type Handler = fn(&App, &Call) -> Result<Reply, Reply>;

/// One row of the route table. The router, the guards, the table in the README and the OpenAPI document come from it.
#[derive(Clone, Copy, Debug)]
pub struct Route {
    /// The method.
    pub verb: Verb,
    /// The path; `{id}` stands for one part.
    pub path: &'static str,
    /// What it does, for people.
    pub summary: &'static str,
    /// The schema of the document in its reply; empty when the reply is no document.
    pub schema: &'static str,
    /// The least role that may call it, where roles count.
    pub role: Role,
    /// Whether `confirm=true` must be said.
    pub confirm: Option<Confirm>,
    /// Members of the query.
    pub query: &'static [Member],
    /// Members of the body.
    pub body: &'static [Member],
    /// Status codes beside 200 that belong to it, beyond those of every route.
    pub refusals: &'static [u16],
    /// Whether it may wait for the network, or for somebody who does.
    slow: bool,
    /// The files that its reply depends on, when it depends on nothing else.
    watched: &'static [&'static str],
    handler: Handler,
}

/// Where a confirmation may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confirm {
    /// Whether `{"confirm": true}` in the body counts too.
    pub in_body: bool,
    /// The key that names what was made, null in the refusal.
    pub id: Option<&'static str>,
}

/// One parameter of a query or member of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether it must be there.
    pub needed: bool,
    /// What it is, for people.
    pub about: &'static str,
}

/// What a parameter or member holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// true or false.
    Switch,
    /// A whole number, not negative.
    Count,
    /// A number.
    Number,
    /// An object.
    Object,
    /// A list.
    List,
}

const fn need(name: &'static str, kind: Kind, about: &'static str) -> Member {
    Member { name, kind, needed: true, about }
}

const fn may(name: &'static str, kind: Kind, about: &'static str) -> Member {
    Member { name, kind, needed: false, about }
}

const fn get(path: &'static str, schema: &'static str, summary: &'static str, handler: Handler) -> Route {
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
        slow: false,
        watched: &[],
        handler,
    }
}

const fn post(path: &'static str, schema: &'static str, summary: &'static str, handler: Handler) -> Route {
    Route { verb: Verb::Post, role: Role::Operator, ..get(path, schema, summary, handler) }
}

impl Route {
    const fn watching(self, watched: &'static [&'static str]) -> Self {
        Self { watched, ..self }
    }

    /// May wait for the network, or for somebody who does: few of these run at a time.
    const fn slow(self) -> Self {
        Self { slow: true, ..self }
    }

    const fn asked(self, query: &'static [Member]) -> Self {
        Self { query, ..self }
    }

    const fn told(self, body: &'static [Member]) -> Self {
        Self { body, ..self }
    }

    const fn refusing(self, refusals: &'static [u16]) -> Self {
        Self { refusals, ..self }
    }

    const fn admin(self) -> Self {
        Self { role: Role::Admin, ..self }
    }

    /// `confirm=true` in the query.
    const fn confirmed(self, id: Option<&'static str>) -> Self {
        Self { confirm: Some(Confirm { in_body: false, id }), ..self }
    }

    /// `confirm=true` in the query or `{"confirm": true}` in the body.
    const fn confirmed_anywhere(self, id: Option<&'static str>) -> Self {
        Self { confirm: Some(Confirm { in_body: true, id }), ..self }
    }
}

const REASON: Member = may("reason", Kind::Text, "why");

/// Every route of the backend, once. A second row of the same method and path does not compile.
#[rustfmt::skip]
pub const ROUTES: &[Route] = &[
    get(HEALTH, "DAILY_OPS_HEALTH_V1", "whether the backend, its disk and its workspace work", ops::health).refusing(&[503]),
    get(openapi::PATH, "", "this API as an OpenAPI document", openapi::document),
    get("/api/ops/health", "OPS_HEALTH_V1", "safety state and last ops report", ops::ops_health),
    get("/api/ops/summary/latest", "OPS_SUMMARY_V1", "newest ops summary", ops::summary_latest)
        .watching(&[layout::SUMMARY.latest]),
    post("/api/ops/summary/regenerate", "OPS_SUMMARY_V1", "makes a new ops summary", ops::summary_regenerate)
        .confirmed(None),
    get("/api/ops/scheduler/latest", "OPS_RUN_RECEIPT_V1", "newest ops run", ops::scheduler_latest)
        .watching(&[layout::OPS_RUN.latest]),
    get("/api/ops/scheduler/snapshots", "OPS_SCHEDULER_SNAPSHOTS_V1", "newest 20 ops runs", ops::scheduler_snapshots)
        .watching(&[layout::OPS_RUN.snapshots, layout::OLD_OPS_RUN_SNAPSHOTS]),
    get("/api/ops/scheduler/snapshots/{id}", "OPS_RUN_RECEIPT_V1", "one ops run", ops::scheduler_snapshot)
        .refusing(&[400, 404, 500]),
    post("/api/ops/cycle/run", "OPS_CYCLE_RUN_V2", "runs one ops cycle: reaper, evidence health, report, one ticket, summary", cycle::run)
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
    post("/api/live/cycle/run", "", "runs one live cycle, console only", live::cycle_run)
        .confirmed(Some("cycle_id")).refusing(&[409]),
    get("/api/evidence/resolve", "EVIDENCE_VIEW_V1", "the document behind an evidence ref", evidence::resolve)
        .asked(&[need("ref", Kind::Text, "a path, for JSONL files with :line<N>")]).refusing(&[400, 404]),
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
    post("/api/tickets", "", "opens a ticket", tickets::create)
        .told(&[
            need("request_type", Kind::Text, "REQUEST_RECONCILE, REQUEST_REPORTS or ACKNOWLEDGE"),
            need("payload", Kind::Object, "the members of that kind"),
            may("trace_id", Kind::Text, "the run that asks"),
        ])
        .refusing(&[400, 500]),
    post("/api/tickets/consume", "", "takes an open ticket; one caller wins", tickets::consume)
        .told(&[need("request_id", Kind::Text, "which"), may("processor_id", Kind::Text, "who")]).refusing(&[404, 409, 500]),
    post("/api/tickets/complete", "", "finishes a ticket that was taken", tickets::complete)
        .told(&[
            need("request_id", Kind::Text, "which"),
            need("status", Kind::Text, "DONE or FAILED"),
            may("message", Kind::Text, "what happened"),
            may("processor_id", Kind::Text, "who"),
            may("artifacts", Kind::List, "refs of what was made"),
        ])
        .refusing(&[400, 404, 409, 500]),
    get("/api/tickets/latest", "TICKETS_BOARD_V1", "the newest tickets and their states", tickets::board)
        .asked(&[may("limit", Kind::Count, "rows, 200 by default, 1000 at most"), may("status", Kind::Text, "only tickets in this state")]),
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
    post("/api/push/delivery/run", "PUSH_DELIVERY_RECEIPT_V1", "decides where messages go and fills the outbox; console only", push::delivery_run)
        .confirmed(Some("delivery_run_id")).slow(),
    get("/api/push/preview/latest", "PUSH_RENDER_PREVIEW_V1", "the outbox as each channel would show it", push::preview_latest),
    get("/api/push/send/latest", "PUSH_SEND_RECEIPT_V1", "newest attempt to send", push::send_latest)
        .watching(&[layout::SEND.latest]),
    post("/api/push/send/run", "", "sends the outbox when stop, gate, sender, self-test and window all allow it", push::send_run)
        .confirmed(Some("send_id")).slow(),
    get("/api/ops/push/postmortem/latest", "LIVE_FIRE_POSTMORTEM_V1", "newest look back at a live fire", push::postmortem_latest)
        .watching(&[layout::POSTMORTEM.latest]),
    post("/api/ops/push/postmortem/regenerate", "", "looks back at the last live fire", push::postmortem_regenerate)
        .confirmed(Some("event_id")).slow(),
    get("/api/ops/push/live_fire/latest", "LIVE_FIRE_OPS_RECEIPT_V1", "newest live fire", push::live_fire_latest)
        .watching(&[layout::LIVE_FIRE.latest]),
    post("/api/ops/push/live_fire/run", "", "sends one real message, then closes window and sender", push::live_fire_run)
        .confirmed(Some("run_id")).admin().slow(),
    get("/api/secrets/status", "SECRETS_STATUS_V1", "which names have a value; never a value", secrets::status),
    get("/api/secrets/self_test", "SECRETS_SELF_TEST_V1", "newest self-test of the channels' names", secrets::self_test)
        .watching(&[layout::SELF_TEST.latest]),
    post("/api/secrets/self_test/run", "", "tests whether one channel has all its names", secrets::self_test_run)
        .confirmed(None).slow(),
    post("/api/push/daily_status/send", "DAILY_STATUS_PUSH_V1", "sends the day's status, once a day", status::send)
        .asked(&[may("mode", Kind::Text, "normal or test")]).confirmed(None).refusing(&[400, 500]).slow(),
    get("/api/push/daily_status/latest", "DAILY_STATUS_PUSH_V1", "newest daily status message", status::latest)
        .watching(&[layout::DAILY_STATUS.latest]),
    post("/api/push/incident/send", "INCIDENT_PUSH_V1", "sends an incident, once a kind and day", status::incident_send)
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
        .confirmed_anywhere(None).refusing(&[400, 409, 500]),
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
        .refusing(&[400, 409, 500]),
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
    post("/api/push/spike/run", "WATCHER_STATUS_V1", "looks for spikes of the watched symbols", watch::spike_run)
        .confirmed(None).refusing(&[500]).slow(),
    get("/api/push/holding/latest", "HOLDING_PUSH_RECEIPT_V1", "newest look of the holding watcher, and its status", watch::holding_latest),
    post("/api/push/holding/run", "WATCHER_STATUS_V1", "looks at the profit and loss of holdings", watch::holding_run)
        .confirmed(None).refusing(&[500]).slow(),
];

/// Whether two rows have the same method and path.
const fn has_twins(routes: &[Route]) -> bool {
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

/// What every handler works on.
#[derive(Debug)]
struct App {
    ops: Arc<Ops>,
    cache: Cache,
    access: Access,
    bounds: Bounds,
    /// One permit for each slow handler at work.
    slow: Arc<Semaphore>,
}

/// How much of a body is read, and how long is waited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) bytes: usize,
    /// For a body.
    pub(super) time: Duration,
    /// For slow handlers that run already.
    pub(super) turn: Duration,
}

/// The other end of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peer(pub(super) IpAddr);

impl App {
    fn now(&self) -> KstTime {
        self.ops.clock().now()
    }

    fn store(&self) -> &Store {
        self.ops.store()
    }

    fn gates(&self) -> Gates<'_> {
        Gates::new(self.store())
    }
}

/// What a handler is told about a request.
#[derive(Debug)]
struct Call {
    query: Query,
    headers: HeaderMap,
    body: Bytes,
    /// Who asks.
    actor: Actor,
    /// The last part of the path, not decoded.
    tail: String,
}

/// Builds the router from the table.
pub(super) fn router(ops: Arc<Ops>, access: Access, bounds: Bounds) -> Router {
    let cache = Cache::new(ops.store().root(), ROUTES.iter().map(|route| route.watched));
    let app = Arc::new(App { ops, cache, access, bounds, slow: Arc::new(Semaphore::new(SLOW)) });
    let mut router = Router::new();
    for (at, route) in ROUTES.iter().enumerate() {
        let app = Arc::clone(&app);
        let filter = match route.verb {
            Verb::Get => MethodFilter::GET,
            Verb::Post => MethodFilter::POST,
        };
        router = router.route(route.path, on(filter, move |request: Request| answer(app, at, request)));
    }
    let (unknown, not_allowed) = (Arc::clone(&app), app);
    router
        .fallback(move |request: Request| nowhere(unknown, request, StatusCode::NOT_FOUND, "Not Found"))
        .method_not_allowed_fallback(move |request: Request| {
            nowhere(not_allowed, request, StatusCode::METHOD_NOT_ALLOWED, "Method Not Allowed")
        })
}

async fn nowhere(app: Arc<App>, request: Request, status: StatusCode, text: &'static str) -> Response {
    match named(&app, &request).and_then(|()| who(&app, &request)) {
        Ok(_) => Reply::detail(status, text).into_response(),
        Err(refusal) => turned_away(&app, refusal),
    }
}

async fn answer(app: Arc<App>, at: usize, request: Request) -> Response {
    let Some(route) = ROUTES.get(at) else { return failed(&app).into_response() };
    let actor = match admit(&app, route, &request) {
        Ok(actor) => actor,
        Err(refusal) => return turned_away(&app, refusal),
    };
    // A server that is open to other machines answers their pages only when they are its own.
    let readable = *request.method() != Method::POST && app.access.reach == Reach::Loopback;
    let reply = match app.cache.fresh(at, || app.now()) {
        Some(kept) => kept,
        None => match read(&app, route, request, actor).await {
            Ok(call) => match turn(&app, route).await {
                Ok(turn) => run(app, (at, turn), call).await,
                Err(refusal) => return turned_away(&app, refusal),
            },
            Err(refusal) => refused(&app, refusal),
        },
    };
    let mut response = reply.into_response();
    if readable {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    }
    response
}

/// Who may come in, and as whom.
fn admit(app: &App, route: &Route, request: &Request) -> Result<Actor, Refusal> {
    let is_health = route.path == HEALTH;
    if !is_health {
        named(app, request)?;
    }
    if route.verb == Verb::Post {
        match app.access.reach {
            Reach::Loopback => guard::origin(request.headers())?,
            Reach::Remote => guard::same_origin(request.headers())?,
        }
        guard::length(request.headers(), app.bounds.bytes)?;
    }
    let asks_openly = is_health && !request.headers().contains_key(header::AUTHORIZATION);
    if asks_openly {
        return Ok(Actor::new("anybody", Role::Viewer, "http"));
    }
    let actor = who(app, request)?;
    if actor.role < route.role { Err(ROLE_TOO_LOW) } else { Ok(actor) }
}

/// Checks by which name this server was called.
fn named(app: &App, request: &Request) -> Result<(), Refusal> {
    match app.access.reach {
        Reach::Loopback => guard::host(request.headers(), request.uri()),
        Reach::Remote => guard::any_host(request.headers(), request.uri()),
    }
}

fn who(app: &App, request: &Request) -> Result<Actor, Refusal> {
    // Every connection states its other end; without one nobody is trusted.
    let unspecified = Peer(IpAddr::V6(std::net::Ipv6Addr::UNSPECIFIED));
    let Peer(peer) = request.extensions().get::<Peer>().copied().unwrap_or(unspecified);
    app.access.actor(request.headers(), peer, &app.gates(), app.ops.clock().monotonic())
}

/// The reply to a request that was not let in. What 401, 429 and 503 ask for stands in its head.
fn turned_away(app: &App, refusal: Refusal) -> Response {
    let mut response = refused(app, refusal).into_response();
    let headers = response.headers_mut();
    if refusal.status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if refusal.status == StatusCode::TOO_MANY_REQUESTS {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("60"));
    }
    if refusal.status == StatusCode::SERVICE_UNAVAILABLE {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
    }
    response
}

/// Refuses in a handler what the role of the route allows and this change does not.
fn needs(app: &App, call: &Call, role: Role) -> Result<(), Reply> {
    if call.actor.role < role { Err(refused(app, ROLE_TOO_LOW)) } else { Ok(()) }
}

async fn read(app: &App, route: &Route, request: Request, actor: Actor) -> Result<Call, Refusal> {
    let (parts, body) = request.into_parts();
    let body = match route.verb {
        Verb::Get => Bytes::new(),
        Verb::Post => collect(body, app).await?,
    };
    let tail = parts.uri.path().rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Call { query: Query::parse(parts.uri.query()), headers: parts.headers, body, actor, tail })
}

async fn collect(body: Body, app: &App) -> Result<Bytes, Refusal> {
    match tokio::time::timeout(app.bounds.time, axum::body::to_bytes(body, app.bounds.bytes)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        // The other fault is a client that went away, and it reads no reply.
        Ok(Err(_too_large)) => Err(guard::TOO_LARGE),
        Err(_elapsed) => Err(guard::TOO_SLOW),
    }
}

/// Waits until a slow handler may run; any other may at once. Nothing waits on a thread here.
async fn turn(app: &App, route: &Route) -> Result<Option<OwnedSemaphorePermit>, Refusal> {
    if !route.slow {
        return Ok(None);
    }
    match tokio::time::timeout(app.bounds.turn, Arc::clone(&app.slow).acquire_owned()).await {
        Ok(permit) => Ok(permit.ok()),
        Err(_elapsed) => Err(guard::BUSY),
    }
}

/// Runs the handler on the blocking pool. A panic there becomes a reply, and the server lives on.
async fn run(app: Arc<App>, (at, turn): (usize, Option<OwnedSemaphorePermit>), call: Call) -> Reply {
    let inner = Arc::clone(&app);
    let done = tokio::task::spawn_blocking(move || {
        // The handler works on when its client has gone away, so the permit is the handler's.
        let _turn = turn;
        let route = ROUTES.get(at)?;
        let before = inner.cache.before(at);
        let reply = confirmed(route, &call).and_then(|()| (route.handler)(&inner, &call)).unwrap_or_else(|no| no);
        match (route.verb, before) {
            (Verb::Post, _) => inner.cache.forget(),
            (Verb::Get, Some(before)) => inner.cache.keep(at, before, &reply),
            (Verb::Get, None) => {}
        }
        Some(reply)
    });
    match done.await {
        Ok(Some(reply)) => reply,
        Ok(None) => failed(&app),
        Err(fault) => {
            tracing::error!(route = ROUTES.get(at).map(|r| r.path), %fault, "a handler ended by a panic");
            // What the handler wrote before it ended counts.
            app.cache.forget();
            failed(&app)
        }
    }
}

/// Asks for the confirmation that the route wants.
fn confirmed(route: &Route, call: &Call) -> Result<(), Reply> {
    let Some(confirm) = route.confirm else { return Ok(()) };
    let in_body = match (confirm.in_body, RequestBody::optional(&call.body)) {
        (true, Ok(Some(body))) => body.boolean_or_default("confirm")?.unwrap_or(false),
        (true, Err(reply)) => return Err(reply),
        _ => false,
    };
    if call.query.flag("confirm")? || in_body { Ok(()) } else { Err(Reply::unconfirmed(confirm.id)) }
}

fn refused(app: &App, refusal: Refusal) -> Reply {
    Reply::problem(refusal.status, refusal.code, refusal.message, app.now())
}

fn failed(app: &App) -> Reply {
    let message = "the request could not be answered, see the server's log";
    Reply::problem(StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR", message, app.now())
}

/// The reply when a document could not be made.
fn not_made(fault: &dyn std::error::Error) -> Reply {
    Fields::new().with("result", "FAILED").with("reason", &fault.to_string()).wrapped(StatusCode::INTERNAL_SERVER_ERROR)
}
