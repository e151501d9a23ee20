//! Who may come in, and as whom: asked before a byte of the body is read, and again by a handler for a change that needs a
//! higher role than its route.

use std::net::IpAddr;
use std::net::Ipv6Addr;

use axum::extract::Request;
use axum::http::header;

use super::App;
use super::Call;
use super::HEALTH;
use super::Peer;
use super::dash;
use super::intake::limit;
use super::refused;
use super::route::Answer;
use super::route::Route;
use super::route::Verb;
use crate::backend::access::NO_TOKEN;
use crate::backend::access::NOT_CONFIGURED;
use crate::backend::access::ROLE_TOO_LOW;
use crate::backend::access::Reach;
use crate::backend::guard;
use crate::backend::guard::Refusal;
use crate::backend::reply::Reply;
use crate::contracts::actor::Actor;
use crate::contracts::actor::Role;

/// Whether a request may come to its row, and in whose name.
pub(super) fn admit(app: &App, route: &Route, request: &Request) -> Result<Actor, Refusal> {
    let is_health = route.path == HEALTH;
    // Simple monitors name no host; a browser always does, and may have been led here by a foreign name.
    let is_monitor = is_health && (app.access.reach == Reach::Remote || !request.headers().contains_key(header::HOST));
    if !is_monitor {
        named(app, request)?;
    }
    if dash::is_hidden(app, route.path) {
        return Err(guard::NOT_FOUND);
    }
    let is_change = route.verb == Verb::Post;
    if (is_change || route.answer == Answer::Socket) && !dash::is_listed(app, route, request.headers()) {
        guard::same_origin(request.headers())?;
    }
    if is_change {
        guard::length(request.headers(), limit(app, route))?;
    }
    let asks_openly = is_health && !request.headers().contains_key(header::AUTHORIZATION);
    if asks_openly {
        return Ok(Actor::new("anybody", Role::Viewer, "http"));
    }
    if route.needs_token() && !app.access.has_tokens(&app.gates()).unwrap_or(false) {
        return Err(NOT_CONFIGURED);
    }
    let actor = who(app, request)?;
    if route.needs_token() && !app.access.shows_token(request.headers()) {
        return Err(NO_TOKEN);
    }
    let least = if route.needs_token() { route.role.max(Role::Operator) } else { route.role };
    if actor.role < least { Err(ROLE_TOO_LOW) } else { Ok(actor) }
}

/// Checks by which name this server was called.
pub(super) fn named(app: &App, request: &Request) -> Result<(), Refusal> {
    let allowed = &app.dash.options.settings.allowed_hosts;
    match app.access.reach {
        Reach::Loopback if guard::is_allowed(request.headers(), request.uri(), allowed) => Ok(()),
        Reach::Loopback => guard::host(request.headers(), request.uri()),
        Reach::Remote => guard::any_host(request.headers(), request.uri()),
    }
}

/// Who asks.
pub(super) fn who(app: &App, request: &Request) -> Result<Actor, Refusal> {
    // Every connection states its other end; without one nobody is trusted.
    let unspecified = Peer(IpAddr::V6(Ipv6Addr::UNSPECIFIED));
    let Peer(peer) = request.extensions().get::<Peer>().copied().unwrap_or(unspecified);
    app.access.actor(request.headers(), peer, &app.gates(), app.ops.clock().monotonic())
}

/// Refuses in a handler what the role of the route allows and this change does not.
pub(super) fn needs(app: &App, call: &Call, role: Role) -> Result<(), Reply> {
    if call.actor.role < role { Err(refused(app, None, ROLE_TOO_LOW)) } else { Ok(()) }
}
