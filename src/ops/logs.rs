//! The last lines of the host's own logs, without the secrets that one of them may have caught.

use super::Ops;
use crate::store::StoreFault;

/// Bytes at the end of a log that are looked at.
const REACH: u64 = 1 << 20;
/// What stands for something hidden.
const HIDDEN: &str = "***";
/// Names whose values are secrets, also inside longer names.
const NAMES: [&str; 9] =
    ["password", "passwd", "secret", "appkey", "token", "api_key", "apikey", "api-key", "authorization"];
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
            Ok(_) => masked(&without_values(&without_users(line))),
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

/// Hides user and password of every address in a line.
fn without_users(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((before, after)) = rest.split_once("://") {
        shown.push_str(before);
        shown.push_str("://");
        let end = after.find(|c: char| c.is_whitespace() || matches!(c, '/' | '"' | '\'' | '?' | '#'));
        let authority = &after[..end.unwrap_or(after.len())];
        rest = match authority.rfind('@') {
            Some(at) => {
                shown.push_str(HIDDEN);
                &after[at..]
            }
            None => after,
        };
    }
    shown.push_str(rest);
    shown
}

/// Hides what stands behind a secret's name and `=` or `:`, in quotes or not.
fn without_values(line: &str) -> String {
    let mut shown = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(sign) = rest.find(['=', ':']) {
        let (before, after) = rest.split_at(sign + 1);
        shown.push_str(before);
        rest = after;
        if !names_secret(&before[..sign]) {
            continue;
        }
        let value = rest.trim_start_matches([' ', '\t', '\\']);
        shown.push_str(&rest[..rest.len() - value.len()]);
        rest = value;
        if let Some(left) = hidden_value(value, &mut shown) {
            rest = left;
        }
    }
    shown.push_str(rest);
    shown
}

/// Whether a text ends with the name of a secret, perhaps in quotes.
fn names_secret(text: &str) -> bool {
    let text = text.trim_end_matches([' ', '\t', '"', '\'', '\\']);
    let start = text
        .rfind(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '-')))
        .map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    let name = text[start..].to_lowercase();
    NAMES.iter().any(|secret| name.contains(secret))
}

/// Writes a value hidden and returns what follows it; `None` when there is no value.
fn hidden_value<'a>(value: &'a str, shown: &mut String) -> Option<&'a str> {
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''));
    let Some(quote) = quote else {
        // A scheme is told, what follows it is not.
        let (scheme, value) = match value.split_once(' ') {
            Some((word, rest)) if ["bearer", "basic"].contains(&word.to_lowercase().as_str()) => (word, rest),
            _ => ("", value),
        };
        let blanks = value.len() - value.trim_start().len();
        let end =
            value[blanks..].find(|c: char| c.is_whitespace() || matches!(c, ',' | ';' | '&' | '"' | '\'' | ')' | '}'));
        let end = blanks + end.unwrap_or(value.len() - blanks);
        if end == blanks {
            return None;
        }
        shown.push_str(scheme);
        if !scheme.is_empty() {
            shown.push(' ');
        }
        shown.push_str(&value[..blanks]);
        shown.push_str(HIDDEN);
        return Some(&value[end..]);
    };
    let inner = &value[1..];
    let mut is_escaped = false;
    let end = inner.find(|c: char| {
        let ends = c == quote && !is_escaped;
        is_escaped = c == '\\' && !is_escaped;
        ends
    });
    shown.push(quote);
    shown.push_str(HIDDEN);
    Some(&inner[end.unwrap_or(inner.len())..])
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
    fn what_a_name_calls_a_secret_is_not_shown() {
        let cases = [
            ("password=hunter2 user=kim", "password=*** user=kim"),
            ("DB_PASSWD: hunter2, next", "DB_PASSWD: ***, next"),
            (r#"{"appkey": "PSx1", "appsecret":"a\"b=c", "n": 1}"#, r#"{"appkey": "***", "appsecret":"***", "n": 1}"#),
            ("'api_key' = 'k 1' z", "'api_key' = '***' z"),
            ("access_token=abc&scope=all", "access_token=***&scope=all"),
            ("Authorization: Basic dXNlcjpw x", "Authorization: Basic *** x"),
            ("authorization: Bearer abc.def", "authorization: Bearer ***"),
            ("get https://kim:pw@h.example/x?y=1 done", "get https://***@h.example/x?y=1 done"),
            ("redis://:p@ss@h:1 and http://h/@a", "redis://***@h:1 and http://h/@a"),
            ("password=", "password="),
            ("the token is fresh: yes", "the token is fresh: yes"),
            ("비밀번호 x=1 secret=가나다 끝", "비밀번호 x=1 secret=*** 끝"),
        ];
        for (line, want) in cases {
            assert_eq!(masked(&without_values(&without_users(line))), want);
        }
    }

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
