//! Credentials: what git already has on this machine, asked once each and never kept.

use git2::Config;
use git2::Cred;
use git2::CredentialType;
use git2::Error;
use git2::ErrorClass;
use git2::ErrorCode;

/// The ways that have been tried in one conversation. libgit2 asks again after each refusal; each way is offered once.
#[derive(Debug, Default)]
pub(super) struct Keys {
    asked: bool,
    name: bool,
    agent: bool,
    helper: bool,
}

impl Keys {
    /// Whether the remote wanted credentials at all.
    pub(super) fn asked(&self) -> bool {
        self.asked
    }

    /// The next way that is allowed and has not been tried.
    pub(super) fn next(&mut self, url: &str, user: Option<&str>, allowed: CredentialType) -> Result<Cred, Error> {
        self.asked = true;
        let account = user.unwrap_or("git");
        if allowed.contains(CredentialType::USERNAME) && !self.name {
            self.name = true;
            return Cred::username(account);
        }
        if allowed.contains(CredentialType::SSH_KEY) && !self.agent {
            self.agent = true;
            return Cred::ssh_key_from_agent(account);
        }
        if allowed.contains(CredentialType::USER_PASS_PLAINTEXT) && !self.helper {
            self.helper = true;
            return helper(url, user);
        }
        Err(refusal("the credentials were refused, or there are none in the ssh agent and the credential helper"))
    }
}

/// Asks the credential helper of the user's or the system's configuration. The repository's own configuration is not
/// read, because a helper is a program and nothing that a repository brings may run.
fn helper(url: &str, user: Option<&str>) -> Result<Cred, Error> {
    let config = Config::open_default()?;
    Cred::credential_helper(&config, url, user).or(Err(refusal("no credential helper knows this remote")))
}

fn refusal(why: &str) -> Error {
    Error::new(ErrorCode::Auth, ErrorClass::Callback, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_way_is_offered_once_and_then_refused() {
        let cases = [
            ("ssh asks for the name first", CredentialType::USERNAME),
            ("ssh asks for a key", CredentialType::SSH_KEY),
        ];
        for (name, allowed) in cases {
            let mut keys = Keys::default();
            assert!(!keys.asked(), "{name}");
            assert!(keys.next("ssh://h.example/a", None, allowed).is_ok(), "{name}");
            let refused = keys.next("ssh://h.example/a", None, allowed).err().map(|e| e.code());
            assert_eq!(refused, Some(ErrorCode::Auth), "{name}");
            assert!(keys.asked(), "{name}");
        }
        let mut keys = Keys::default();
        let refused = keys.next("https://h.invalid/a", None, CredentialType::DEFAULT).err().map(|e| e.code());
        assert_eq!(refused, Some(ErrorCode::Auth), "a way that is not supported");
    }
}
