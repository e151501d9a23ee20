//! Tokens: made, listed, revoked, and found again by their hash.

use std::fmt;

use super::Change;
use super::Gates;
use super::Shortfall;
use crate::contracts::Document;
use crate::contracts::actor::Actor;
use crate::contracts::actor::Role;
use crate::contracts::json::hex;
use crate::contracts::token::TokenHash;
use crate::contracts::token::TokenRow;
use crate::contracts::token::Tokens;
use crate::contracts::token::is_token_name;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// What every token begins with, so that people and scanners know one when they see it.
const PREFIX: &str = "dops_";
/// Random bytes of a token.
const BYTES: usize = 32;
/// Fewest characters of the machine's own token.
const SHORTEST: usize = 16;

/// A token was not made, revoked or read.
#[derive(Debug, thiserror::Error)]
pub enum TokenFault {
    /// No name of a token.
    #[error("{0:?} is no name of a token: use 1 to 64 of A-Z a-z 0-9 _ . -, and not OPS_TOKEN")]
    Name(String),
    /// The name is in use, or was once.
    #[error("the name {0} is taken: names of tokens never come back")]
    Taken(String),
    /// There is no such token.
    #[error("there is no token {0}")]
    Unknown(String),
    /// The file is there and is not to be trusted: no token is valid.
    #[error("no token is valid: {file}: {0}", file = layout::TOKENS)]
    Unusable(String),
    /// The system has no randomness.
    #[error("no randomness for a token: {0}")]
    Randomness(getrandom::Error),
    /// The token is revoked, and the audit trail could not be told.
    #[error("{0}")]
    NotRecorded(Shortfall),
    /// The machine's own token is there and is not to be trusted.
    #[error("{file}: {0}", file = layout::OPS_TOKEN)]
    Machine(String),
    /// The file cannot be written.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl From<Shortfall> for TokenFault {
    fn from(short: Shortfall) -> Self {
        Self::NotRecorded(short)
    }
}

/// The operator token of this machine.
pub struct MachineToken {
    /// The token itself; never shown.
    pub text: String,
    /// Whether it was made just now.
    pub is_new: bool,
}

impl fmt::Debug for MachineToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineToken").field("is_new", &self.is_new).finish_non_exhaustive()
    }
}

/// A token that was just made. Its text exists only here.
pub struct NewToken {
    /// What is kept of it.
    pub row: TokenRow,
    /// The token itself, to be shown once.
    pub text: String,
}

impl fmt::Debug for NewToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewToken").field("row", &self.row).finish_non_exhaustive()
    }
}

impl Gates<'_> {
    /// Every token that was ever made.
    ///
    /// # Errors
    /// The file cannot be read, is open to others or is no TOKENS_V1.
    pub fn tokens(&self) -> Result<Tokens, TokenFault> {
        match self.store.read_secret(layout::TOKENS) {
            Ok(None) => Ok(Tokens::default()),
            Ok(Some(bytes)) => Tokens::parse(&bytes).map_err(|fault| TokenFault::Unusable(fault.to_string())),
            Err(fault) => Err(TokenFault::Unusable(fault.source.to_string())),
        }
    }

    /// Makes a token.
    ///
    /// # Errors
    /// The name is none or is taken, the file is not usable, or it cannot be written.
    pub fn create_token(&self, name: &str, role: Role, actor: &Actor, now: KstTime) -> Result<NewToken, TokenFault> {
        if !is_token_name(name) {
            return Err(TokenFault::Name(name.to_owned()));
        }
        let _held = self.store.exclusive_within(layout::TOKENS_LOCK, super::PATIENCE)?;
        let mut tokens = self.tokens()?;
        if tokens.tokens.iter().any(|row| row.name.eq_ignore_ascii_case(name)) {
            return Err(TokenFault::Taken(name.to_owned()));
        }
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(TokenFault::Randomness)?;
        let text = format!("{PREFIX}{}", hex(&bytes));
        let row = TokenRow {
            name: name.to_owned(),
            role,
            sha256: TokenHash::of(&text),
            created_at: Stamp::of(now),
            revoked_at: None,
        };
        tokens.tokens.push(row.clone());
        let change = Change::new("token.create", format!("token {name}"), "").to(&told(&row));
        self.recorded(actor, change, now, || self.write_tokens(&tokens))?;
        Ok(NewToken { row, text })
    }

    /// Revokes a token, from the next request on, whether or not that can be recorded. Revoking it once more changes nothing.
    ///
    /// # Errors
    /// There is no such token, the file is not usable or cannot be written; or the token is revoked and the audit trail
    /// could not be told.
    pub fn revoke_token(&self, name: &str, actor: &Actor, now: KstTime) -> Result<TokenRow, TokenFault> {
        let _held = self.store.exclusive_within(layout::TOKENS_LOCK, super::PATIENCE)?;
        let mut tokens = self.tokens()?;
        let row = tokens.tokens.iter_mut().find(|row| row.name == name);
        let row = row.ok_or_else(|| TokenFault::Unknown(name.to_owned()))?;
        if row.revoked_at.is_some() {
            return Ok(row.clone());
        }
        let before = told(row);
        row.revoked_at = Some(Stamp::of(now));
        let after = row.clone();
        let change = Change::new("token.revoke", format!("token {name}"), "").of(&before).to(&told(&after));
        let done = format!("the token {name} is revoked");
        self.made_first(done, (actor, change), now, || self.write_tokens(&tokens))?;
        Ok(after)
    }

    /// The operator token of this machine, made when there is none: `state/ops_token`, 32 random bytes in hex, mode 0600.
    ///
    /// # Errors
    /// The file cannot be read or made, is open to others, or holds no token. It is never replaced.
    pub fn machine_token(&self) -> Result<MachineToken, TokenFault> {
        if let Some(text) = self.kept_machine_token()? {
            return Ok(MachineToken { text, is_new: false });
        }
        let mut bytes = [0; BYTES];
        getrandom::fill(&mut bytes).map_err(TokenFault::Randomness)?;
        let text = hex(&bytes);
        match self.store.write_new_secret(layout::OPS_TOKEN, format!("{text}\n").as_bytes()) {
            Ok(()) => Ok(MachineToken { text, is_new: true }),
            // Another process made it between the look and the write: that one counts.
            Err(fault) => match self.kept_machine_token()? {
                Some(text) => Ok(MachineToken { text, is_new: false }),
                None => Err(fault.into()),
            },
        }
    }

    /// The operator token of this machine, if it was made; for programs that talk to the server.
    ///
    /// # Errors
    /// The file cannot be read, is open to others, or holds no token.
    pub fn kept_machine_token(&self) -> Result<Option<String>, TokenFault> {
        let unusable = |why: &str| TokenFault::Machine(why.to_owned());
        let Some(bytes) = self.store.read_secret(layout::OPS_TOKEN).map_err(|f| unusable(&f.source.to_string()))?
        else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(&bytes).trim().to_owned();
        let is_token = text.len() >= SHORTEST && text.bytes().all(|b| b.is_ascii_graphic());
        if is_token { Ok(Some(text)) } else { Err(unusable("it holds no token of 16 characters or more")) }
    }

    fn write_tokens(&self, tokens: &Tokens) -> Result<(), TokenFault> {
        let bytes = tokens.to_bytes().map_err(|fault| TokenFault::Unusable(fault.to_string()))?;
        Ok(self.store.write_secret(layout::TOKENS, &bytes)?)
    }
}

/// A token as the audit trail and lists show it: without its hash.
fn told(row: &TokenRow) -> serde_json::Value {
    serde_json::json!({
        "name": row.name, "role": row.role, "created_at": row.created_at, "revoked_at": row.revoked_at,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use crate::time::Clock as _;
    use crate::time::SystemClock;

    fn admin() -> Actor {
        Actor::new("op", Role::Admin, "test")
    }

    #[test]
    fn a_token_is_kept_as_a_hash_in_a_file_of_its_owner() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let gates = Gates::new(&store);
        let now = SystemClock::new().now();
        let made = gates.create_token("dash", Role::Viewer, &admin(), now).expect("made");
        assert!(made.text.starts_with(PREFIX) && made.text.len() == PREFIX.len() + 2 * BYTES);
        assert!(!format!("{made:?}").contains(&made.text));
        let kept = store.read(layout::TOKENS).expect("readable").expect("a file");
        let trail = store.read(layout::AUDIT).expect("readable").expect("a file");
        for bytes in [&kept, &trail] {
            assert!(!String::from_utf8_lossy(bytes).contains(&made.text[PREFIX.len()..]));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let path = store.path(layout::TOKENS);
            assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o600);
            let found =
                |gates: &Gates<'_>| gates.tokens().map(|tokens| tokens.find(&TokenHash::of(&made.text)).cloned());
            assert_eq!(found(&gates).expect("usable"), Some(made.row.clone()));
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
            let fault = gates.tokens().expect_err("open to others").to_string();
            assert!(fault.contains("no token is valid") && fault.contains("0644"), "{fault}");
            assert!(gates.create_token("other", Role::Viewer, &admin(), now).is_err(), "nothing is written over it");
        }
    }

    #[test]
    fn a_name_is_given_once_and_a_revoked_token_is_not_found() {
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let gates = Gates::new(&store);
        let now = SystemClock::new().now();
        let made = gates.create_token("dash", Role::Operator, &admin(), now).expect("made");
        assert!(matches!(gates.create_token("Dash", Role::Viewer, &admin(), now), Err(TokenFault::Taken(_))));
        assert!(matches!(gates.create_token("a b", Role::Viewer, &admin(), now), Err(TokenFault::Name(_))));
        assert!(matches!(gates.revoke_token("nobody", &admin(), now), Err(TokenFault::Unknown(_))));
        let gone = gates.revoke_token("dash", &admin(), now).expect("revoked");
        assert_eq!(gates.revoke_token("dash", &admin(), now).expect("again"), gone);
        assert_eq!(gates.tokens().expect("usable").find(&TokenHash::of(&made.text)), None);
        assert!(matches!(gates.create_token("dash", Role::Viewer, &admin(), now), Err(TokenFault::Taken(_))));
        store.write(layout::TOKENS, b"{").expect("written");
        assert!(matches!(gates.tokens(), Err(TokenFault::Unusable(_))));
    }

    #[cfg(unix)]
    #[test]
    fn the_machines_token_is_made_once_and_never_replaced() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().expect("a directory");
        let store = Store::new(dir.path());
        let gates = Gates::new(&store);
        assert_eq!(gates.kept_machine_token().expect("none"), None);
        let made = gates.machine_token().expect("made");
        assert!(made.is_new && made.text.len() == 2 * BYTES && !format!("{made:?}").contains(&made.text));
        let path = store.path(layout::OPS_TOKEN);
        assert_eq!(path.metadata().expect("there").permissions().mode() & 0o777, 0o600);
        let again = gates.machine_token().expect("kept");
        assert!(!again.is_new && again.text == made.text);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("set");
        assert!(gates.machine_token().expect_err("open to others").to_string().contains("0644"));
        store.write_secret(layout::OPS_TOKEN, b"short\n").expect("written");
        assert!(matches!(gates.machine_token(), Err(TokenFault::Machine(_))));
        assert_eq!(store.read(layout::OPS_TOKEN).expect("readable").as_deref(), Some(&b"short\n"[..]));
    }

    #[test]
    fn of_many_processes_that_make_the_machines_token_all_get_the_same() {
        let dir = tempfile::tempdir().expect("a directory");
        let made: Vec<MachineToken> = std::thread::scope(|scope| {
            let make = || Gates::new(&Store::new(dir.path())).machine_token().expect("made");
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(make)).collect();
            threads.into_iter().map(|thread| thread.join().expect("ended")).collect()
        });
        assert_eq!(made.iter().filter(|token| token.is_new).count(), 1);
        assert!(made.iter().all(|token| token.text == made[0].text));
    }
}
