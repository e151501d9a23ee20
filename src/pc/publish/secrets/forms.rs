//! What secrets look like: texts of known form, and texts that no word or name looks like.

use super::SECRET_NAMES;
use super::is_named;
use super::is_path_name;

/// A text of known form: what it starts with, and how many characters of which kind follow at least.
pub(super) struct Shape {
    pub(super) rule: &'static str,
    start: &'static str,
    kind: fn(u8) -> bool,
    least: usize,
}

impl Shape {
    const fn new(rule: &'static str, start: &'static str, kind: fn(u8) -> bool, least: usize) -> Self {
        Self { rule, start, kind, least }
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        text.match_indices(self.start).any(|(at, _)| {
            let before = text.as_bytes().get(at.wrapping_sub(1)).copied();
            let alone = self.start.starts_with('-') || !before.is_some_and(|b| b.is_ascii_alphanumeric());
            let rest = text.as_bytes().get(at + self.start.len()..).unwrap_or_default();
            alone && rest.iter().take_while(|b| (self.kind)(**b)).count() >= self.least
        })
    }
}

pub(super) fn any(_: u8) -> bool {
    true
}

pub(super) fn word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}

pub(super) fn capital(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

pub(super) fn token(b: u8) -> bool {
    word(b) || matches!(b, b'.' | b'+' | b'/' | b'=' | b'~')
}

pub(super) const SHAPES: &[Shape] = &[
    Shape::new("PRIVATE_KEY", "-----BEGIN PRIVATE KEY", any, 0),
    Shape::new("PRIVATE_KEY", "-----BEGIN RSA PRIVATE KEY", any, 0),
    Shape::new("PRIVATE_KEY", "-----BEGIN EC PRIVATE KEY", any, 0),
    Shape::new("PRIVATE_KEY", "-----BEGIN DSA PRIVATE KEY", any, 0),
    Shape::new("PRIVATE_KEY", "-----BEGIN OPENSSH PRIVATE KEY", any, 0),
    Shape::new("PRIVATE_KEY", "-----BEGIN ENCRYPTED PRIVATE KEY", any, 0),
    Shape::new("PRIVATE_KEY", "-----BEGIN PGP PRIVATE KEY", any, 0),
    Shape::new("PRIVATE_KEY", "PuTTY-User-Key-File", any, 0),
    Shape::new("PRIVATE_KEY", "AGE-SECRET-KEY-1", capital, 20),
    Shape::new("GITHUB_TOKEN", "ghp_", word, 20),
    Shape::new("GITHUB_TOKEN", "gho_", word, 20),
    Shape::new("GITHUB_TOKEN", "ghu_", word, 20),
    Shape::new("GITHUB_TOKEN", "ghs_", word, 20),
    Shape::new("GITHUB_TOKEN", "ghr_", word, 20),
    Shape::new("GITHUB_TOKEN", "github_pat_", word, 20),
    Shape::new("GITLAB_TOKEN", "glpat-", word, 16),
    Shape::new("AWS_KEY", "AKIA", capital, 16),
    Shape::new("AWS_KEY", "ASIA", capital, 16),
    Shape::new("GOOGLE_KEY", "AIza", word, 30),
    Shape::new("SLACK_TOKEN", "xoxb-", word, 10),
    Shape::new("SLACK_TOKEN", "xoxp-", word, 10),
    Shape::new("SLACK_TOKEN", "xoxa-", word, 10),
    Shape::new("SLACK_TOKEN", "xapp-", word, 10),
    Shape::new("SLACK_WEBHOOK", "hooks.slack.com/services/", token, 10),
    Shape::new("PAYMENT_KEY", "sk_live_", word, 10),
    Shape::new("NPM_TOKEN", "npm_", word, 30),
    Shape::new("JWT", "eyJ", token, 30),
    Shape::new("BEARER_TOKEN", "Bearer ", token, 16),
    Shape::new("BEARER_TOKEN", "bearer ", token, 16),
];

/// Eight digits, a hyphen and two digits, alone.
pub(super) fn has_account(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.windows(11).enumerate().any(|(at, part)| {
        let digits = |range: &[u8]| range.iter().all(u8::is_ascii_digit);
        let (head, tail) = part.split_at(8);
        let is_form = digits(head) && tail.first() == Some(&b'-') && tail.get(1..).is_some_and(digits);
        let joined = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_alphanumeric() || *b == b'-');
        is_form && !joined(at.checked_sub(1).and_then(|i| bytes.get(i))) && !joined(bytes.get(at + 11))
    })
}

/// A line of an environment file: `APP_SECRET=...`.
pub(super) fn assigned(text: &str) -> bool {
    text.split(['\n', ' ', ';', ',', '"', '\'']).any(|part| {
        let Some((name, value)) = part.split_once(['=', ':']) else { return false };
        let is_value = value.trim_matches('=').len() >= 6;
        is_value && is_named(name.rsplit(['&', '?', '/']).next().unwrap_or_default(), SECRET_NAMES)
    })
}

pub(super) fn has_user_info(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let rest = text.get(at + 3..).unwrap_or_default();
        let authority = rest.split(['/', ' ', '"', '?', '#']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':') || user.len() >= 16)
    })
}

/// Eight to ten digits, a colon and 35 characters.
pub(super) fn has_bot_token(text: &str) -> bool {
    text.match_indices(':').any(|(at, _)| {
        let bytes = text.as_bytes();
        let digits = bytes.iter().take(at).rev().take_while(|b| b.is_ascii_digit()).count();
        let rest = bytes.get(at + 1..).unwrap_or_default().iter().take_while(|b| word(**b)).count();
        (8..=10).contains(&digits) && (34..=40).contains(&rest)
    })
}

/// 64 hex digits, alone and not named a hash where they stand.
pub(super) fn has_raw_key(text: &str) -> bool {
    let mut start = 0;
    for part in text.split(|c: char| !c.is_ascii_hexdigit()) {
        let (at, end) = (start, start + part.len());
        start = end + 1;
        if part.len() != 64 {
            continue;
        }
        let before = text.get(..at).unwrap_or_default().to_ascii_lowercase();
        let joined = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        let named = before.trim_end_matches([':', '=', ' ']).ends_with("sha256");
        let alone = !joined(before.chars().next_back()) && !joined(text.get(end..).and_then(|t| t.chars().next()));
        if alone && !named {
            return true;
        }
    }
    false
}

pub(super) fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '+' || c == '='
}

/// 32 characters or more, of all three kinds, and hardly any twice: what no name and no word looks like.
pub(super) fn is_random(text: &str) -> bool {
    let bytes = text.as_bytes();
    let count = |kind: fn(&u8) -> bool| bytes.iter().filter(|b| kind(b)).count();
    let kinds =
        count(u8::is_ascii_digit) >= 3 && count(u8::is_ascii_uppercase) >= 3 && count(u8::is_ascii_lowercase) >= 3;
    kinds && bytes.len() >= 32 && text.chars().all(is_base64) && entropy(bytes) >= 4.0
}

/// A run of letters, digits and the signs of both kinds of base64 that is random: as a whole, or between `/`, `_`, `-`.
pub(super) fn has_random(text: &str, name: &str) -> bool {
    let whole = |c: char| is_base64(c) || matches!(c, '/' | '_' | '-');
    let is_whole = |run: &str| !is_path_name(name) && is_mixed(run);
    text.split(|c| !whole(c)).any(|run| is_whole(run) || run.split(|c| !is_base64(c)).any(is_random))
}

/// Like [`is_random`] for a run with separators, where a path or a name could be: letters, capitals and digits also change
/// with almost every character, which no words do.
pub(super) fn is_mixed(run: &str) -> bool {
    let kind = |b: u8| match b {
        b'0'..=b'9' => 1,
        b'A'..=b'Z' => 2,
        b'a'..=b'z' => 3,
        _ => 0,
    };
    let kinds: Vec<u8> = run.bytes().map(kind).filter(|kind| *kind > 0).collect();
    let count = |wanted: u8| kinds.iter().filter(|kind| **kind == wanted).count();
    let changes = kinds.windows(2).filter(|pair| pair.first() != pair.get(1)).count();
    let is_of_all = count(1) >= 2 && count(2) >= 3 && count(3) >= 3;
    run.len() >= 32 && is_of_all && changes * 5 >= kinds.len() * 2 && entropy(run.as_bytes()) >= 4.0
}

/// Bits a character.
pub(super) fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    bytes.iter().for_each(|b| counts[usize::from(*b)] += 1);
    let all = f64::from(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    let share = |count: &u32| {
        let share = f64::from(*count) / all;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(share).sum()
}
