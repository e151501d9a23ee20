//! One installation: where it is and who runs it, checked once, so that the texts made from it cannot break.

use std::path::Path;

/// Characters that change their meaning in a shell, in cron or in a unit file, and that no sane path needs.
const REFUSED: &[char] = &['\\', '"', '$', '`', '*', '?', '['];

/// Where the program is installed. Paths are absolute; they may hold blanks, `%`, quotes and Korean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Install {
    root: String,
    binary: String,
    user: String,
}

/// Why no schedule can be written for an installation.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InstallFault {
    /// A path that does not start at the root of the file system.
    #[error("{what} {path:?} must be an absolute path")]
    NotAbsolute {
        /// Which path.
        what: &'static str,
        /// The path.
        path: String,
    },
    /// A path with a character that cron, the shell or systemd would read as something else.
    #[error("{what} {path:?} must not hold {found:?}")]
    Character {
        /// Which path.
        what: &'static str,
        /// The path.
        path: String,
        /// The character.
        found: char,
    },
    /// A text that is no user name.
    #[error("user {user:?} must be a user name: letters, digits, '.', '_' and '-'")]
    User {
        /// The text.
        user: String,
    },
}

impl Install {
    /// Checks an installation: the workspace, the program, and the user who runs both.
    ///
    /// # Errors
    /// A path that is not absolute or holds a character that a schedule cannot carry; a text that is no user name.
    pub fn new(root: &Path, binary: &Path, user: &str) -> Result<Self, InstallFault> {
        let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        let is_user = user.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && user.chars().all(is_name);
        if !is_user {
            return Err(InstallFault::User { user: user.to_owned() });
        }
        Ok(Self { root: path("workspace", root)?, binary: path("program", binary)?, user: user.to_owned() })
    }

    /// The workspace.
    #[must_use]
    pub fn root(&self) -> &str {
        &self.root
    }

    /// The program.
    #[must_use]
    pub fn binary(&self) -> &str {
        &self.binary
    }

    /// The user who runs it.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }
}

fn path(what: &'static str, path: &Path) -> Result<String, InstallFault> {
    // A path that is no text shows the mark of what cannot be shown, which is then the refused character.
    let text = path.to_string_lossy().into_owned();
    let refused = |c: char| c.is_control() || c == char::REPLACEMENT_CHARACTER || REFUSED.contains(&c);
    if !text.starts_with('/') {
        return Err(InstallFault::NotAbsolute { what, path: text });
    }
    let last_blank = text.chars().last().filter(|c| c.is_whitespace());
    match text.chars().find(|c| refused(*c)).or(last_blank) {
        Some(found) => Err(InstallFault::Character { what, path: text, found }),
        None => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_installation_is_checked_before_any_text_is_made() {
        let cases = [
            ("plain", "/home/ubuntu/daily-ops", "/usr/local/bin/daily_ops", "ubuntu", None),
            ("blank, percent, quote, Korean", "/srv/it's 100% 운영", "/opt/a b/daily_ops", "ops.user", None),
            ("relative", "daily-ops", "/bin/x", "ubuntu", Some("workspace \"daily-ops\" must be an absolute path")),
            ("relative program", "/srv", "daily_ops", "ubuntu", Some("program \"daily_ops\" must be an absolute path")),
            ("line", "/srv/a\n* * * * * evil", "/bin/x", "ubuntu", Some("must not hold '\\n'")),
            ("dollar", "/srv/$HOME", "/bin/x", "ubuntu", Some("must not hold '$'")),
            ("backslash", "/srv/a\\%b", "/bin/x", "ubuntu", Some("must not hold '\\\\'")),
            ("blank at the end", "/srv/a ", "/bin/x", "ubuntu", Some("must not hold ' '")),
            ("no user", "/srv", "/bin/x", "", Some("must be a user name")),
            ("two users", "/srv", "/bin/x", "ubuntu root", Some("must be a user name")),
            ("flag", "/srv", "/bin/x", "-r", Some("must be a user name")),
        ];
        for (name, root, binary, user, want) in cases {
            let fault = Install::new(root.as_ref(), binary.as_ref(), user).err().map(|fault| fault.to_string());
            match (&fault, want) {
                (None, None) => {}
                (Some(text), Some(part)) => assert!(text.contains(part), "{name}: {text}"),
                (got, want) => panic!("{name}: {got:?} is not {want:?}"),
            }
        }
    }
}
