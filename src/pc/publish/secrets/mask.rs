//! A text with every secret taken out, for what a hook or a remote says.

use super::ACCOUNT_NAMES;
use super::KeyMaterial;
use super::SECRET_NAMES;
use super::forms::SHAPES;
use super::forms::has_account;
use super::forms::has_bot_token;
use super::forms::has_random;
use super::forms::is_random;
use super::is_named;

/// A text with every key of ours and everything that looks like a secret taken out; for what a hook or a remote says.
pub(in crate::pc::publish) fn masked(text: &str, keys: &[KeyMaterial]) -> String {
    let mut text = text.to_owned();
    for trace in keys.iter().flat_map(KeyMaterial::traces) {
        text = without(&text, &trace);
    }
    for key in keys.iter().filter(|key| key.text.len() >= 8) {
        text = text.replace(&key.text, HIDDEN);
    }
    Masking::default().over(&without_long_hex(&text))
}

/// What stands for something hidden.
const HIDDEN: &str = "***";

/// The letters and digits of a text, in lower case, each with its place: a key that was cut or wrapped is still the key.
fn squeezed(text: &str) -> Vec<(usize, u8)> {
    let bytes = text.bytes().enumerate().filter(|(_, b)| b.is_ascii_alphanumeric() || !b.is_ascii());
    bytes.map(|(at, b)| (at, b.to_ascii_lowercase())).collect()
}

/// The same without the places.
pub(super) fn bare(text: &str) -> Vec<u8> {
    let bytes = text.bytes().filter(|b| b.is_ascii_alphanumeric() || !b.is_ascii());
    bytes.map(|b| b.to_ascii_lowercase()).collect()
}

fn position(text: &[(usize, u8)], trace: &[u8]) -> Option<usize> {
    let first = trace.first()?;
    let is_here = |at: &usize| {
        let part = text.get(*at..*at + trace.len());
        part.is_some_and(|part| part.iter().map(|(_, byte)| byte).eq(trace))
    };
    (0..text.len()).filter(|at| text.get(*at).is_some_and(|(_, byte)| byte == first)).find(is_here)
}

fn without(text: &str, trace: &[u8]) -> String {
    let mut text = text.to_owned();
    loop {
        let places = squeezed(&text);
        let Some(at) = position(&places, trace) else { return text };
        let place = |at: usize| places.get(at).map(|(place, _)| *place);
        let (Some(from), Some(last)) = (place(at), place(at + trace.len() - 1)) else { return text };
        text.replace_range(from..=last, HIDDEN);
    }
}

/// 64 hex digits in a row or more are a key or a hash, and nobody needs either in a message; a commit has 40.
fn without_long_hex(text: &str) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let run = rest.bytes().take_while(u8::is_ascii_hexdigit).count();
        let other = rest.bytes().skip(run).take_while(|b| !b.is_ascii_hexdigit()).count();
        let (digits, tail) = rest.split_at(run);
        let (plain, tail) = tail.split_at(other);
        shown.push_str(if run >= 64 { HIDDEN } else { digits });
        shown.push_str(plain);
        rest = tail;
    }
    shown
}

/// What the next word of a text is.
#[derive(Default)]
enum Next {
    /// Nothing special.
    #[default]
    Plain,
    /// A secret, when a `:` or `=` comes first.
    AfterSign,
    /// The value of a secret name.
    Value,
    /// The rest of a quoted value.
    Until(char),
}

#[derive(Default)]
struct Masking {
    next: Next,
}

impl Masking {
    fn over(mut self, text: &str) -> String {
        let mut shown = String::new();
        for part in text.split_inclusive(char::is_whitespace) {
            let word = part.trim_end();
            shown.push_str(if !word.is_empty() && self.hides(word) { HIDDEN } else { word });
            shown.push_str(part.get(word.len()..).unwrap_or_default());
        }
        shown
    }

    fn hides(&mut self, word: &str) -> bool {
        match std::mem::take(&mut self.next) {
            Next::Until(quote) => {
                if !word.contains(quote) {
                    self.next = Next::Until(quote);
                }
                return true;
            }
            Next::Value => return self.value(word),
            Next::AfterSign if word.starts_with([':', '=']) => return self.value(word.trim_start_matches([':', '='])),
            Next::Plain | Next::AfterSign => {}
        }
        let is_scheme = word.trim_matches(|c: char| !c.is_ascii_alphanumeric()).eq_ignore_ascii_case("bearer");
        if is_scheme {
            self.next = Next::Value;
            return false;
        }
        if let Some(value) = value_of(word) {
            return self.value(value);
        }
        if is_secret_name(word) {
            self.next = Next::AfterSign;
        }
        let is_shape = SHAPES.iter().any(|shape| shape.is_in(word)) || has_account(word) || has_bot_token(word);
        let mail = word.contains("://") && word.contains('@');
        is_shape || mail || is_random(word) || has_random(word, "")
    }

    /// A word, or a part of one, in the place of a secret value.
    fn value(&mut self, word: &str) -> bool {
        let held = word.trim_matches(|c: char| matches!(c, ':' | '=' | '>'));
        let scheme = held.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_ascii_lowercase();
        if held.is_empty() || matches!(scheme.as_str(), "bearer" | "basic") {
            self.next = Next::Value;
            return false;
        }
        let quote = held.chars().next().filter(|c| matches!(c, '"' | '\''));
        if let Some(quote) = quote.filter(|quote| !held.get(1..).unwrap_or_default().contains(*quote)) {
            self.next = Next::Until(quote);
        }
        true
    }
}

/// What follows `name:` or `name=` in a word when the name is that of a secret; it may be empty.
fn value_of(word: &str) -> Option<&str> {
    let signs = word.match_indices([':', '=']);
    signs.filter(|(at, _)| is_secret_name(word.get(..*at).unwrap_or_default())).find_map(|(at, _)| word.get(at + 1..))
}

/// Whether a text ends with the name of a secret.
fn is_secret_name(text: &str) -> bool {
    let text = text.trim_end_matches(['"', '\'']);
    let name = text.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-')).next().unwrap_or_default();
    is_named(name, SECRET_NAMES) || is_named(name, ACCOUNT_NAMES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_hook_says_is_shown_without_its_secrets() {
        let token = ["gh", "p_0123456789abcdefghijABCDEFGHIJ012345"].concat();
        let hex64 = "0123456789abcdef".repeat(4);
        let keys = [KeyMaterial::new("ours", "our-own-shared-key-16")];
        let encoded = crate::contracts::json::hex(b"our-own-shared-key-16").to_uppercase();
        let commit = "0123456789abcdef0123456789abcdef01234567";
        let cases = [
            (
                format!("found {token} in a.json, password=hunter22 at https://me:pw@h.example/a"),
                "found *** in a.json, *** at ***",
            ),
            ("the key is our-own-shared-key-16.".to_owned(), "the key is ***."),
            ("in capitals OUR-OWN-SHARED-KEY-16".to_owned(), "in capitals ***"),
            ("cut our-own-sh ared-key-16 here".to_owned(), "cut *** here"),
            (format!("as hex {encoded}!"), "as hex ***!"),
            (format!("a key {hex64}, longer {hex64}ab"), "a key ***, longer ***"),
            (format!("commit {commit} is shown"), "commit 0123456789abcdef0123456789abcdef01234567 is shown"),
            ("password: hunter2 was used".to_owned(), "password: *** was used"),
            ("api_key = abc def".to_owned(), "api_key = *** def"),
            ("api_key =abc def".to_owned(), "api_key *** def"),
            ("KIS_APP_SECRET : 'two words' end".to_owned(), "KIS_APP_SECRET : *** *** end"),
            ("{\"token\": \"x\"}".to_owned(), "{\"token\": ***"),
            ("Authorization: Bearer abc end".to_owned(), "Authorization: Bearer *** end"),
            ("use bearer abc end".to_owned(), "use bearer *** end"),
            ("account 50123456-01 ok".to_owned(), "account *** ok"),
            ("no password for state/live/a.json".to_owned(), "no password for state/live/a.json"),
            ("line one\nline two".to_owned(), "line one\nline two"),
        ];
        for (said, want) in cases {
            assert_eq!(masked(&said, &keys), want, "{said}");
        }
    }
}
