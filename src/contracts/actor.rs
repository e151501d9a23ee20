//! Who asks for a change: a name, a role, and the door through which the request came.

use serde::Deserialize;
use serde::Serialize;

/// What somebody may do. Each role includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Reads.
    Viewer,
    /// Operates: regenerates documents, runs cycles, closes the gate, sets the stop, works on tickets.
    Operator,
    /// Decides: approvals, windows, opening the gate, enabling the sender, tokens.
    Admin,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The word in documents and commands.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// The role of a word; `None` for any other word.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}

/// Somebody who asks for a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// The name of a token, of the system's user, or what the request says of itself.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// `cli`, `http 127.0.0.1`, `run`, `backend`.
    pub from: String,
    /// Whether the name was proved by a token, so that no request can state another one.
    #[serde(skip)]
    proved: bool,
}

impl Actor {
    /// Somebody with a role behind a door.
    #[must_use]
    pub fn new(name: impl Into<String>, role: Role, from: impl Into<String>) -> Self {
        Self { name: name.into(), role, from: from.into(), proved: false }
    }

    /// Somebody whose name a token proved: [`Actor::named`] does not change it.
    #[must_use]
    pub fn proved(name: impl Into<String>, role: Role, from: impl Into<String>) -> Self {
        Self { proved: true, ..Self::new(name, role, from) }
    }

    /// The program itself, on its own account.
    #[must_use]
    pub fn program(name: &str) -> Self {
        Self::new(name, Role::Operator, "backend")
    }

    /// The same door and role under the name that a request states, when it states one and no token says who it is.
    #[must_use]
    pub fn named(&self, name: Option<&str>) -> Self {
        match name.map(str::trim).filter(|name| !name.is_empty() && !self.proved) {
            Some(name) => Self { name: name.to_owned(), ..self.clone() },
            None => self.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_includes_the_ones_before_it_and_is_one_word() {
        assert!(Role::Admin > Role::Operator && Role::Operator > Role::Viewer);
        for role in Role::ALL {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        assert_eq!(Role::parse("root"), None);
    }

    #[test]
    fn a_request_cannot_rename_whom_a_token_named() {
        let local = Actor::new("local_api", Role::Admin, "http 127.0.0.1");
        let token = Actor::proved("dash", Role::Operator, "http 127.0.0.1");
        for (name, local_name) in [(Some("kim"), "kim"), (Some(" "), "local_api"), (None, "local_api")] {
            assert_eq!(local.named(name).name, local_name, "{name:?}");
            assert_eq!(token.named(name), token, "{name:?}");
        }
    }
}
