//! The last lines of the host's own logs, without the secrets that one of them may have caught.

use super::Ops;
use crate::store::StoreFault;

/// Bytes at the end of a log that are looked at.
const REACH: u64 = 1 << 20;
/// What stands for something hidden.
const HIDDEN: &str = "***";
/// What ends a word of a log line.
const ENDS: [char; 9] = [' ', '"', '\'', '/', ',', '=', ';', '(', ')'];

impl Ops {
    /// The last `count` lines of a log of the workspace, oldest first; none when there is no such file.
    ///
    /// # Errors
    /// The file exists and cannot be read.
    pub fn log_lines(&self, file: &str, count: usize) -> Result<Vec<String>, StoreFault> {
        let Some((bytes, is_whole)) = self.store.read_end(file, REACH)? else { return Ok(Vec::new()) };
        let text = String::from_utf8_lossy(&bytes);
        let lines: Vec<&str> = text.lines().skip(usize::from(!is_whole)).collect();
        let secrets = (self.policy)().map(|policy| policy.messenger.secrets);
        let shown = |line: &&str| match &secrets {
            // Without the list of secrets nothing can be proved to be none.
            Err(_) => HIDDEN.to_owned(),
            Ok(secrets) if secrets.is_told_in(line) => HIDDEN.to_owned(),
            Ok(_) => masked(line),
        };
        Ok(lines.iter().skip(lines.len().saturating_sub(count)).map(shown).collect())
    }
}

/// Hides what follows `Bearer`, tokens of ours, tokens of bots, and 64 hex digits or more: a token or a hash. Control
/// characters become blanks.
fn masked(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut is_next = false;
    for word in line.split_inclusive(ENDS) {
        let bare = word.trim_end_matches(ENDS);
        if !bare.is_empty() && (is_next || is_secret(bare)) {
            shown.push_str(HIDDEN);
            shown.push_str(&word[bare.len()..]);
        } else {
            shown.extend(word.chars().map(|c| if c.is_control() { ' ' } else { c }));
        }
        is_next = bare.eq_ignore_ascii_case("bearer") || (is_next && bare.is_empty());
    }
    shown
}

fn is_secret(word: &str) -> bool {
    let is_bot = word.strip_prefix("bot").unwrap_or(word).split_once(':').is_some_and(|(digits, rest)| {
        digits.len() >= 6 && digits.bytes().all(|b| b.is_ascii_digit()) && rest.len() >= 16
    });
    let hex = |run: &[u8]| run.len() >= 64;
    is_bot || word.contains("dops_") || word.as_bytes().split(|b| !b.is_ascii_hexdigit()).any(hex)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret_is_not_shown() {
        let token = "a1".repeat(32);
        let cases = [
            ("plain 2026-11-21 09:05:00 OK", "plain 2026-11-21 09:05:00 OK"),
            ("Authorization: Bearer abc.def x", "Authorization: Bearer *** x"),
            ("Authorization: Bearer  abc x", "Authorization: Bearer  *** x"),
            ("token=dops_0123 y", "token=*** y"),
            ("https://h/bot123456:AAE_x-0123456789abc/send", "https://h/***/send"),
            (&format!("X-OPS-TOKEN: {token}"), "X-OPS-TOKEN: ***"),
            (&format!("id={token}, next"), "id=***, next"),
            ("tab\tand bell\u{7}", "tab and bell "),
        ];
        for (line, want) in cases {
            assert_eq!(masked(line), want);
        }
    }
}
