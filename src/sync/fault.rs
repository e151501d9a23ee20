//! What can go wrong with git, named once, and the cleaning of every text that may reach a log.

use std::fmt;

use git2::ErrorClass;
use git2::ErrorCode;
use percent_encoding::percent_decode_str;

/// Why git could not do what was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum GitDetail {
    /// The directory is no git work tree.
    NotARepo,
    /// There is no git; kept for records of other versions, because git is built into this program.
    GitMissing,
    /// The transfer took longer than its limit.
    Timeout,
    /// The remote refused the credentials, there were none, or the remote could not prove who it is.
    Auth,
    /// The remote could not be reached or did not talk git.
    Network,
    /// Both sides have commits that the other lacks, or the remote was rewritten.
    Diverged,
    /// Local changes are in the way.
    LocalChanges,
    /// The work tree is on another branch than the configured one, or on none.
    WrongBranch,
    /// Another git process holds a lock, or a killed one left it.
    Locked,
    /// A merge, rebase, cherry-pick, revert or bisect was begun and not ended.
    MergeInProgress,
    /// Something else; the message says what.
    Unknown,
}

impl GitDetail {
    /// All details, in the order of their declaration.
    pub const ALL: [Self; 11] = [
        Self::NotARepo,
        Self::GitMissing,
        Self::Timeout,
        Self::Auth,
        Self::Network,
        Self::Diverged,
        Self::LocalChanges,
        Self::WrongBranch,
        Self::Locked,
        Self::MergeInProgress,
        Self::Unknown,
    ];

    /// The name in documents.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotARepo => "NOT_A_REPO",
            Self::GitMissing => "GIT_MISSING",
            Self::Timeout => "TIMEOUT",
            Self::Auth => "AUTH",
            Self::Network => "NETWORK",
            Self::Diverged => "DIVERGED",
            Self::LocalChanges => "LOCAL_CHANGES",
            Self::WrongBranch => "WRONG_BRANCH",
            Self::Locked => "LOCKED",
            Self::MergeInProgress => "MERGE_IN_PROGRESS",
            Self::Unknown => "UNKNOWN",
        }
    }
}

impl fmt::Display for GitDetail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Git could not do what was asked: the detail for the machine, one line for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct GitFault {
    /// The cause.
    pub detail: GitDetail,
    /// One line without any secret.
    pub message: String,
}

impl GitFault {
    pub(super) fn new(detail: GitDetail, message: impl AsRef<str>) -> Self {
        Self { detail, message: one_line(message.as_ref()) }
    }

    /// A fault of the local repository while doing `what`.
    pub(super) fn local(what: &str, error: &git2::Error) -> Self {
        let detail = match error.code() == ErrorCode::Locked {
            true => GitDetail::Locked,
            false => GitDetail::Unknown,
        };
        Self::new(detail, format!("{what}: {}", error.message()))
    }

    /// A fault of a conversation with the remote; `asked` says that it wanted credentials.
    pub(super) fn transfer(url: &str, asked: bool, error: &git2::Error) -> Self {
        let (code, class) = (error.code(), error.class());
        let (detail, hint) = if code == ErrorCode::Locked {
            (GitDetail::Locked, "")
        } else if code == ErrorCode::Certificate && class == ErrorClass::Ssh {
            (GitDetail::Auth, " (the host's key is not in known_hosts or has changed)")
        } else if code == ErrorCode::Certificate {
            (GitDetail::Auth, " (the server's certificate is not trusted)")
        } else if code == ErrorCode::Auth || (asked && class == ErrorClass::Ssh) {
            (GitDetail::Auth, "")
        } else if code == ErrorCode::Timeout {
            (GitDetail::Timeout, "")
        } else if code == ErrorCode::Eof || REACH.contains(&class) {
            (GitDetail::Network, "")
        } else {
            (GitDetail::Unknown, "")
        };
        let text = scrubbed(error.message(), url);
        Self::new(detail, format!("{}: {text}{hint}", shown_url(url)))
    }
}

/// A remote that is a path and is not there reports through the classes of the file system.
const REACH: [ErrorClass; 7] = [
    ErrorClass::Net,
    ErrorClass::Http,
    ErrorClass::Ssl,
    ErrorClass::Ssh,
    ErrorClass::Os,
    ErrorClass::Repository,
    ErrorClass::Filesystem,
];

/// The address of a remote as it may be shown: without user info, query and fragment.
///
/// ```
/// use daily_ops::sync::shown_url;
/// assert_eq!(shown_url("https://me:token@host.example/a.git?key=1"), "https://host.example/a.git");
/// assert_eq!(shown_url("git@host.example:a.git"), "host.example:a.git");
/// assert_eq!(shown_url("/srv/site@home/a.git"), "/srv/site@home/a.git");
/// ```
#[must_use]
pub fn shown_url(url: &str) -> String {
    let shown = match url.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", without_user(rest)),
        None if url.starts_with(['/', '.', '~']) => url.to_owned(),
        None => match url.rfind(':').and_then(|colon| url.get(..colon)?.rfind('@')) {
            Some(at) => url.get(at + 1..).unwrap_or_default().to_owned(),
            None => url.to_owned(),
        },
    };
    one_line(&shown)
}

fn without_user(rest: &str) -> &str {
    // A password with an unescaped slash puts the `@` into what looks like the path; showing less is the safe mistake.
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let port_is_odd = authority.split_once(':').is_some_and(|(_, port)| !port.bytes().all(|b| b.is_ascii_digit()));
    let hidden = authority.contains('@') || (port_is_odd && path.contains('@'));
    let cut = if authority.contains('@') { authority.rfind('@') } else { rest.rfind('@') };
    let kept = cut.filter(|_| hidden).and_then(|at| rest.get(at + 1..)).unwrap_or(rest);
    kept.split(['?', '#']).next().unwrap_or_default()
}

/// Takes out of a foreign text everything of the address that may be secret.
pub(super) fn scrubbed(text: &str, url: &str) -> String {
    let mut clean = text.replace(url, &shown_url(url));
    for secret in secrets(url) {
        clean = clean.replace(&secret, "***");
    }
    clean
}

fn secrets(url: &str) -> Vec<String> {
    let Some((scheme, rest)) = url.split_once("://") else { return Vec::new() };
    let query = rest.split_once('?').map(|(_, query)| query);
    let user = rest.strip_suffix(without_user(rest.split('?').next().unwrap_or_default()));
    let user = user.or_else(|| rest.rsplit_once('@').map(|(user, _)| user)).map(|user| user.trim_end_matches('@'));
    let password = user.and_then(|user| user.split_once(':')).map(|(_, password)| password);
    // The account name of ssh is no secret; a token is often given as the name of an https address.
    let name = user.filter(|_| scheme != "ssh");
    let plain = [query, password, name].into_iter().flatten();
    let both = plain.flat_map(|part| [part.to_owned(), percent_decode_str(part).decode_utf8_lossy().into_owned()]);
    both.filter(|part| part.len() >= 4).collect()
}

/// Makes a text fit one line of a log.
pub(super) fn one_line(text: &str) -> String {
    const LONGEST: usize = 480;
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
    plain.trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_user_info() {
        let cases = [
            ("plain", "https://h.example/a.git", "https://h.example/a.git"),
            ("port", "https://h.example:8443/a.git", "https://h.example:8443/a.git"),
            ("name and password", "https://me:pw@h.example/a.git", "https://h.example/a.git"),
            ("token as name", "https://ghp_0123@h.example/a.git", "https://h.example/a.git"),
            ("two at signs", "https://me:p@ss@h.example/a.git", "https://h.example/a.git"),
            ("slash in the password", "https://me:p/ss@h.example/a.git", "https://h.example/a.git"),
            ("at sign in the path", "https://h.example/@team/a.git", "https://h.example/@team/a.git"),
            ("query and fragment", "https://h.example/a.git?token=abcd#x", "https://h.example/a.git"),
            ("ssh", "ssh://git@h.example:22/a.git", "ssh://h.example:22/a.git"),
            ("scp form", "git@h.example:team/a.git", "h.example:team/a.git"),
            ("scp form, at sign later", "git@h.example:te@m/a.git", "h.example:te@m/a.git"),
            ("path", "/srv/a@b/c.git", "/srv/a@b/c.git"),
            ("file", "file:///srv/c.git", "file:///srv/c.git"),
            ("empty", "", ""),
            ("line break", "https://h.example/a\nb", "https://h.example/a b"),
        ];
        for (name, url, want) in cases {
            assert_eq!(shown_url(url), want, "{name}");
        }
    }

    #[test]
    fn a_foreign_text_loses_the_secrets_of_the_address() {
        let cases = [
            ("https://me:hunter2@h.example/a.git", "no https://me:hunter2@h.example/a.git for hunter2"),
            ("https://me:hun%74er2@h.example/a.git", "refused hunter2 and hun%74er2"),
            ("https://hunter2@h.example/a.git", "refused hunter2"),
            ("https://h.example/a.git?key=hunter2", "GET /a.git?key=hunter2"),
            ("https://me:hunter2/x@h.example/a.git", "bad port hunter2/x"),
        ];
        for (url, text) in cases {
            let clean = scrubbed(text, url);
            assert!(!clean.contains("hunter2"), "{url}: {clean}");
        }
        assert_eq!(scrubbed("git is not here", "ssh://git@h.example/a"), "git is not here");
    }

    #[test]
    fn every_detail_has_its_own_name() {
        let names: std::collections::BTreeSet<_> = GitDetail::ALL.iter().map(|d| d.as_str()).collect();
        assert_eq!(names.len(), GitDetail::ALL.len());
        assert!(names.iter().all(|n| n.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')));
    }

    #[test]
    fn an_error_of_the_transfer_is_classified_by_code_and_class() {
        use ErrorClass as Class;
        use ErrorCode as Code;
        let cases = [
            ("unknown host key", Code::Certificate, Class::Ssh, false, GitDetail::Auth),
            ("bad certificate", Code::Certificate, Class::Http, false, GitDetail::Auth),
            ("refused password", Code::Auth, Class::Http, true, GitDetail::Auth),
            ("no ssh agent", Code::GenericError, Class::Ssh, true, GitDetail::Auth),
            ("ssh before authentication", Code::GenericError, Class::Ssh, false, GitDetail::Network),
            ("status 500", Code::GenericError, Class::Http, false, GitDetail::Network),
            ("handshake", Code::GenericError, Class::Ssl, false, GitDetail::Network),
            ("connection closed", Code::Eof, Class::None, false, GitDetail::Network),
            ("no such directory", Code::GenericError, Class::Repository, false, GitDetail::Network),
            ("system's own limit", Code::Timeout, Class::Net, false, GitDetail::Timeout),
            ("locked file", Code::Locked, Class::Os, false, GitDetail::Locked),
            ("broken pack", Code::GenericError, Class::Indexer, false, GitDetail::Unknown),
        ];
        for (name, code, class, asked, want) in cases {
            let fault = GitFault::transfer("ssh://git@h.example/a", asked, &git2::Error::new(code, class, "x"));
            assert_eq!(fault.detail, want, "{name}");
            assert!(fault.message.starts_with("ssh://h.example/a: x"), "{name}: {}", fault.message);
        }
    }
}
