//! One row of the route table: what it takes, who may call it and how it answers.

use super::App;
use super::Call;
use crate::backend::reply::Reply;
use crate::contracts::actor::Role;

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

/// What makes the reply of a row.
pub(super) type Handler = fn(&App, &Call) -> Result<Reply, Reply>;

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
    /// Whether it waits for others of its kind.
    pub(super) turn: Turn,
    /// The files that its reply depends on, when it depends on nothing else.
    pub(super) watched: &'static [&'static str],
    /// How it answers.
    pub(super) answer: Answer,
    /// The type of the event that tells of it when it has changed something.
    pub(super) event: &'static str,
    /// What is special about a row of the dashboard; none for the operations API.
    pub(super) dash: Option<DashRow>,
    pub(super) handler: Handler,
}

/// How a route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// With what its handler makes.
    Reply,
    /// With server-sent events.
    Events,
    /// By becoming a WebSocket.
    Socket,
}

/// When a handler may begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// At once.
    Now,
    /// It may wait for the network, or for somebody who does: few of these run at a time.
    Network,
    /// It reads logs or many files: few of these run at a time.
    Read,
}

/// What is special about a row of the dashboard.
#[derive(Clone, Copy, Debug)]
pub(super) struct DashRow {
    /// Whether it needs a token on this machine too.
    pub(super) token: bool,
    /// Whether it exists for rehearsals only.
    pub(super) dev: bool,
    /// The address that replaces this one.
    pub(super) successor: Option<&'static str>,
    /// Largest request body, in bytes.
    pub(super) body_limit: usize,
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

impl Route {
    /// Whether it belongs to the dashboard.
    #[must_use]
    pub const fn is_dash(&self) -> bool {
        self.dash.is_some()
    }

    /// Whether it needs a token on this machine too.
    #[must_use]
    pub const fn needs_token(&self) -> bool {
        matches!(self.dash, Some(row) if row.token)
    }

    /// Whether it exists for rehearsals only.
    #[must_use]
    pub const fn is_rehearsal(&self) -> bool {
        matches!(self.dash, Some(row) if row.dev)
    }

    /// The address that replaces this one.
    #[must_use]
    pub const fn successor(&self) -> Option<&'static str> {
        match self.dash {
            Some(row) => row.successor,
            None => None,
        }
    }

    /// Whether its answer is a stream that does not end by itself.
    #[must_use]
    pub const fn is_stream(&self) -> bool {
        !matches!(self.answer, Answer::Reply)
    }

    pub(super) const fn answered(self, answer: Answer) -> Self {
        Self { answer, ..self }
    }

    pub(super) const fn watching(self, watched: &'static [&'static str]) -> Self {
        Self { watched, ..self }
    }

    /// May wait for the network, or for somebody who does: few of these run at a time.
    pub(super) const fn slow(self) -> Self {
        Self { turn: Turn::Network, ..self }
    }

    /// Reads logs or many files: few of these run at a time.
    pub(super) const fn large(self) -> Self {
        Self { turn: Turn::Read, ..self }
    }

    /// The bus is told of it under this type.
    pub(super) const fn event(self, event: &'static str) -> Self {
        Self { event, ..self }
    }

    pub(super) const fn asked(self, query: &'static [Member]) -> Self {
        Self { query, ..self }
    }

    pub(super) const fn told(self, body: &'static [Member]) -> Self {
        Self { body, ..self }
    }

    pub(super) const fn refusing(self, refusals: &'static [u16]) -> Self {
        Self { refusals, ..self }
    }

    pub(super) const fn admin(self) -> Self {
        Self { role: Role::Admin, ..self }
    }

    /// `confirm=true` in the query.
    pub(super) const fn confirmed(self, id: Option<&'static str>) -> Self {
        Self { confirm: Some(Confirm { in_body: false, id }), ..self }
    }

    /// `confirm=true` in the query or `{"confirm": true}` in the body.
    pub(super) const fn confirmed_anywhere(self, id: Option<&'static str>) -> Self {
        Self { confirm: Some(Confirm { in_body: true, id }), ..self }
    }
}
