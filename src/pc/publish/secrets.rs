//! The secret scan: what must never be in a file that travels. A finding names the file and the rule, never the text.
//!
//! Hashes, signatures and ids look random too and are everywhere in our documents; they are known by the names of their
//! fields, so the rules for random-looking text do not ask about them.

use std::fmt;

use serde_json::Value;

/// A text that must not be published because it is a key of ours.
#[derive(Clone)]
pub struct KeyMaterial {
    name: String,
    text: String,
}

impl KeyMaterial {
    /// A key and what it is called in a finding. Texts shorter than eight characters are no keys and match nothing.
    #[must_use]
    pub fn new(name: impl Into<String>, text: impl AsRef<str>) -> Self {
        Self { name: name.into(), text: text.as_ref().trim().to_owned() }
    }
}

impl KeyMaterial {
    /// What gives the key away, squeezed: the whole text, each long line of it, and the text as hex.
    fn traces(&self) -> Vec<Vec<u8>> {
        if self.text.len() < 8 {
            return Vec::new();
        }
        let lines = self.text.lines().map(str::trim).filter(|line| line.len() >= 16 && !line.starts_with("-----"));
        let hex = crate::contracts::json::hex(self.text.as_bytes());
        let all = [self.text.as_str(), hex.as_str()].into_iter().chain(lines);
        all.map(bare).filter(|trace| trace.len() >= 8).collect()
    }
}

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyMaterial({})", self.name)
    }
}

/// Finds secrets in the bytes of one file; each finding is one rule, in the order of the rules.
pub(super) fn findings(bytes: &[u8], keys: &[KeyMaterial]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let documents = documents(&text);
    let mut found: Vec<String> = Vec::new();
    let mut strings = String::new();
    documents.iter().for_each(|document| collect(document, &mut strings));
    let (lower, looked_at) = (text.to_lowercase(), [bare(&text), bare(&strings)]);
    for key in keys.iter().filter(|key| key.text.len() >= 8) {
        let traces = key.traces();
        let is_cut =
            traces.iter().any(|trace| looked_at.iter().any(|text| text.windows(trace.len()).any(|part| part == trace)));
        if is_cut || lower.contains(&key.text.to_lowercase()) {
            found.push(format!("OWN_KEY ({})", key.name));
        }
    }
    found.extend(SHAPES.iter().filter(|shape| shape.is_in(&text)).map(|shape| shape.rule.to_owned()));
    for value in documents {
        walk(&value, "", &mut found);
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|rule| seen.insert(rule.clone()));
    found
}

/// A text with every key of ours and everything that looks like a secret taken out; for what a hook or a remote says.
pub(super) fn masked(text: &str, keys: &[KeyMaterial]) -> String {
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
fn bare(text: &str) -> Vec<u8> {
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

/// Every name and text of a document, one after the other.
fn collect(value: &Value, strings: &mut String) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| {
            strings.push_str(key);
            collect(inner, strings);
        }),
        Value::Array(items) => items.iter().for_each(|item| collect(item, strings)),
        Value::String(held) => strings.push_str(held),
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

/// The file's documents: one, or one a line.
fn documents(text: &str) -> Vec<Value> {
    match serde_json::from_str(text.trim_start_matches('\u{feff}')) {
        Ok(value) => vec![value],
        Err(_) => text.lines().map(|line| serde_json::from_str(line).unwrap_or(Value::from(line))).collect(),
    }
}

/// A text of known form: what it starts with, and how many characters of which kind follow at least.
struct Shape {
    rule: &'static str,
    start: &'static str,
    kind: fn(u8) -> bool,
    least: usize,
}

impl Shape {
    const fn new(rule: &'static str, start: &'static str, kind: fn(u8) -> bool, least: usize) -> Self {
        Self { rule, start, kind, least }
    }

    fn is_in(&self, text: &str) -> bool {
        text.match_indices(self.start).any(|(at, _)| {
            let before = text.as_bytes().get(at.wrapping_sub(1)).copied();
            let alone = self.start.starts_with('-') || !before.is_some_and(|b| b.is_ascii_alphanumeric());
            let rest = text.as_bytes().get(at + self.start.len()..).unwrap_or_default();
            alone && rest.iter().take_while(|b| (self.kind)(**b)).count() >= self.least
        })
    }
}

fn any(_: u8) -> bool {
    true
}

fn word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}

fn capital(b: u8) -> bool {
    b.is_ascii_uppercase() || b.is_ascii_digit()
}

fn token(b: u8) -> bool {
    word(b) || matches!(b, b'.' | b'+' | b'/' | b'=' | b'~')
}

const SHAPES: &[Shape] = &[
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

/// Fields whose text is a secret, without separators and in lower case.
const SECRET_NAMES: &[&str] = &[
    "appsecret",
    "appkey",
    "secretkey",
    "apikey",
    "apisecret",
    "accesstoken",
    "refreshtoken",
    "approvalkey",
    "bottoken",
    "clientsecret",
    "authorization",
    "password",
    "passwd",
    "privatekey",
    "hmackey",
    "signingkey",
    "webhookurl",
    "token",
    "secret",
    "pwd",
    "passphrase",
    "credential",
    "credentials",
];

/// Fields whose text or number is an account.
const ACCOUNT_NAMES: &[&str] = &[
    "cano",
    "acntprdtcd",
    "acct",
    "acctno",
    "acctnumber",
    "acntno",
    "accountno",
    "accountnumber",
    "accountid",
    "account",
];

/// A field of one of these words holds a hash, a signature or a revision.
const HASH_WORDS: &[&str] =
    &["sha256", "sha1", "hash", "fingerprint", "signature", "digest", "checksum", "commit", "revision", "rev"];

/// A field of one of these words holds a path, whose parts are looked at one by one.
const PATH_WORDS: &[&str] = &["path", "paths", "ref", "refs", "file", "files"];

fn walk(value: &Value, name: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => map.iter().for_each(|(key, inner)| {
            text(key, "key", found);
            walk(inner, key, found);
        }),
        Value::Array(items) => items.iter().for_each(|item| walk(item, name, found)),
        Value::String(held) => {
            if is_named(name, SECRET_NAMES) && !held.trim().is_empty() {
                found.push(format!("SECRET_FIELD ({})", plain(name)));
            }
            if is_named(name, ACCOUNT_NAMES) && held.bytes().any(|b| b.is_ascii_digit()) {
                found.push(format!("ACCOUNT_FIELD ({})", plain(name)));
            }
            text(held, name, found);
        }
        Value::Number(_) if is_named(name, SECRET_NAMES) => found.push(format!("SECRET_FIELD ({})", plain(name))),
        Value::Number(_) if is_named(name, ACCOUNT_NAMES) => found.push(format!("ACCOUNT_FIELD ({})", plain(name))),
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

fn text(held: &str, name: &str, found: &mut Vec<String>) {
    let rules: [(&str, bool); 6] = [
        ("ACCOUNT_NUMBER", has_account(held)),
        ("ASSIGNED_SECRET", assigned(held)),
        ("URL_WITH_PASSWORD", has_user_info(held)),
        ("CHAT_BOT_TOKEN", has_bot_token(held)),
        ("RAW_KEY", !is_hash_name(name) && has_raw_key(held)),
        ("RANDOM_TEXT", !is_hash_name(name) && has_random(held, name)),
    ];
    found.extend(rules.into_iter().filter(|(_, holds)| *holds).map(|(rule, _)| rule.to_owned()));
}

/// The name of a field, lower case and without separators.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

fn is_named(name: &str, names: &[&str]) -> bool {
    let plain = plain(name);
    let last = name.rsplit(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
    // "cano" ends plain words, too; every other name counts at the end of a longer one.
    let ends = |secret: &str| secret != "cano" && plain.ends_with(secret);
    names.iter().any(|secret| plain == *secret || last.eq_ignore_ascii_case(secret) || ends(secret))
}

fn is_hash_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    // An order plan's key of its recommendation is two ids and a payload's hash.
    lower == "reco_key" || lower.split('_').any(|part| HASH_WORDS.contains(&part))
}

/// Whether a field holds a path of ours.
fn is_path_name(name: &str) -> bool {
    name.to_ascii_lowercase().split('_').any(|part| PATH_WORDS.contains(&part))
}

/// Eight digits, a hyphen and two digits, alone.
fn has_account(text: &str) -> bool {
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
fn assigned(text: &str) -> bool {
    text.split(['\n', ' ', ';', ',', '"', '\'']).any(|part| {
        let Some((name, value)) = part.split_once(['=', ':']) else { return false };
        let is_value = value.trim_matches('=').len() >= 6;
        is_value && is_named(name.rsplit(['&', '?', '/']).next().unwrap_or_default(), SECRET_NAMES)
    })
}

fn has_user_info(text: &str) -> bool {
    text.match_indices("://").any(|(at, _)| {
        let rest = text.get(at + 3..).unwrap_or_default();
        let authority = rest.split(['/', ' ', '"', '?', '#']).next().unwrap_or_default();
        authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':') || user.len() >= 16)
    })
}

/// Eight to ten digits, a colon and 35 characters.
fn has_bot_token(text: &str) -> bool {
    text.match_indices(':').any(|(at, _)| {
        let bytes = text.as_bytes();
        let digits = bytes.iter().take(at).rev().take_while(|b| b.is_ascii_digit()).count();
        let rest = bytes.get(at + 1..).unwrap_or_default().iter().take_while(|b| word(**b)).count();
        (8..=10).contains(&digits) && (34..=40).contains(&rest)
    })
}

/// 64 hex digits, alone and not named a hash where they stand.
fn has_raw_key(text: &str) -> bool {
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

fn is_base64(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '+' || c == '='
}

/// 32 characters or more, of all three kinds, and hardly any twice: what no name and no word looks like.
fn is_random(text: &str) -> bool {
    let bytes = text.as_bytes();
    let count = |kind: fn(&u8) -> bool| bytes.iter().filter(|b| kind(b)).count();
    let kinds =
        count(u8::is_ascii_digit) >= 3 && count(u8::is_ascii_uppercase) >= 3 && count(u8::is_ascii_lowercase) >= 3;
    kinds && bytes.len() >= 32 && text.chars().all(is_base64) && entropy(bytes) >= 4.0
}

/// A run of letters, digits and the signs of both kinds of base64 that is random: as a whole, or between `/`, `_`, `-`.
fn has_random(text: &str, name: &str) -> bool {
    let whole = |c: char| is_base64(c) || matches!(c, '/' | '_' | '-');
    let is_whole = |run: &str| !is_path_name(name) && is_mixed(run);
    text.split(|c| !whole(c)).any(|run| is_whole(run) || run.split(|c| !is_base64(c)).any(is_random))
}

/// Like [`is_random`] for a run with separators, where a path or a name could be: letters, capitals and digits also change
/// with almost every character, which no words do.
fn is_mixed(run: &str) -> bool {
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
fn entropy(bytes: &[u8]) -> f64 {
    let mut counts = [0_u32; 256];
    bytes.iter().for_each(|b| counts[usize::from(*b)] += 1);
    let all = f64::from(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
    let share = |count: &u32| {
        let share = f64::from(*count) / all;
        -share * share.log2()
    };
    counts.iter().filter(|count| **count > 0).map(share).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Vec<String> {
        findings(text.as_bytes(), &[KeyMaterial::new("bundle.hmac_key", "our-own-shared-key-16")])
    }

    // Joined here so that no scanner of repositories takes the examples for real.
    fn joined(parts: &[&str]) -> String {
        parts.concat()
    }

    #[test]
    fn each_planted_secret_is_found_by_its_rule_and_not_repeated() {
        let hex64 = "0123456789abcdef".repeat(4);
        let jwt = joined(&["ey", "JhbGciOiJIUzI1NiJ9.ey", "JzdWIiOiIxMjM0NTY3ODkwIn0.c2lnbmF0dXJlLWhlcmU"]);
        let mixed = joined(&["PSmGk3Qz9xWb2Rt7", "Yh4Lc8Vn1Jd6Fp5Ks0"]);
        let cases = [
            ("private key", joined(&["-----BEGIN ", "RSA PRIVATE KEY-----\\nMIIE"]), "PRIVATE_KEY"),
            ("openssh key", joined(&["-----BEGIN ", "OPENSSH PRIVATE KEY-----"]), "PRIVATE_KEY"),
            ("github", joined(&["gh", "p_0123456789abcdefghijABCDEFGHIJ012345"]), "GITHUB_TOKEN"),
            ("github, fine", joined(&["github", "_pat_0123456789abcdefghijAB"]), "GITHUB_TOKEN"),
            ("gitlab", joined(&["gl", "pat-0123456789abcdefghij"]), "GITLAB_TOKEN"),
            ("aws", joined(&["AK", "IAIOSFODNN7EXAMPLE"]), "AWS_KEY"),
            ("jwt", jwt, "JWT"),
            ("bearer", joined(&["Bea", "rer abcdefghijklmnopqrst"]), "BEARER_TOKEN"),
            ("slack", joined(&["xo", "xb-123456789012-abcdef"]), "SLACK_TOKEN"),
            ("telegram", joined(&["1234567", "89:AAE", &"x".repeat(32)]), "CHAT_BOT_TOKEN"),
            ("account", "my account is 50123456-01.".to_owned(), "ACCOUNT_NUMBER"),
            ("password in a URL", joined(&["https://me:", "hunter22@h.example/a.git"]), "URL_WITH_PASSWORD"),
            ("environment file", joined(&["KIS_APP_", "SECRET=abcdefgh"]), "ASSIGNED_SECRET"),
            ("64 hex digits", format!("see {hex64} there"), "RAW_KEY"),
            ("app key by its look", mixed.clone(), "RANDOM_TEXT"),
            ("our own key", "x our-own-shared-key-16 y".to_owned(), "OWN_KEY (bundle.hmac_key)"),
            ("our own key, other case", "OUR-OWN-SHARED-KEY-16".to_owned(), "OWN_KEY (bundle.hmac_key)"),
            ("our own key as hex", crate::contracts::json::hex(b"our-own-shared-key-16"), "OWN_KEY (bundle.hmac_key)"),
        ];
        for (name, secret, rule) in cases {
            let document = format!("{{\"a\": {{\"note\": [\"{secret}\"]}}}}");
            let found = rules(&document);
            assert!(found.iter().any(|found| found == rule), "{name}: {found:?}");
            assert!(!found.iter().any(|found| found.contains(&secret)), "{name}: repeated");
            assert!(!rules(&secret.replace("\\n", "\n")).is_empty(), "{name}: as plain text");
        }
    }

    #[test]
    fn a_field_of_a_secret_name_may_not_hold_anything() {
        let cases = [
            (r#"{"app_secret": "x"}"#, "SECRET_FIELD (appsecret)"),
            (r#"{"appkey": "x"}"#, "SECRET_FIELD (appkey)"),
            (r#"{"kis": {"KIS_APP_KEY": "x"}}"#, "SECRET_FIELD (kisappkey)"),
            (r#"[{"access-token": "x"}]"#, "SECRET_FIELD (accesstoken)"),
            (r#"{"password": "x"}"#, "SECRET_FIELD (password)"),
            (r#"{"CANO": "50123456"}"#, "ACCOUNT_FIELD (cano)"),
            (r#"{"account_no": 50123456}"#, "ACCOUNT_FIELD (accountno)"),
            ("{\"a\": 1}\n{\"api_key\": \"x\"}\n", "SECRET_FIELD (apikey)"),
        ];
        for (text, rule) in cases {
            assert_eq!(rules(text), [rule], "{text}");
        }
        assert!(rules(r#"{"app_secret": "", "password": null, "cano": ""}"#).is_empty(), "nothing is in them");
    }

    #[test]
    fn hashes_ids_times_and_names_are_no_secrets() {
        let hex64 = "945f86fdb9ed90d214bcbf983673a7b1c4cdd49a1c4cde178daa5b2f8abcf241";
        let signature = hex64.repeat(2);
        let documents = [
            format!(r#"{{"payload_sha256": "{hex64}", "signature": "{hex64}"}}"#),
            format!(r#"{{"integrity": {{"signature": "{signature}", "algorithm": "ed25519"}}}}"#),
            format!(
                r#"{{"sources": [{{"path": "a/b.jsonl", "sha256": "{hex64}"}}], "active_surface_sha256": "{hex64}"}}"#
            ),
            format!(
                r#"{{"items_hash": "{hex64}", "input_fingerprint": "945f86fdb9ed90d2", "git_commit": "4f100f1c"}}"#
            ),
            format!(r#"{{"note": "the file's sha256 is sha256:{hex64}"}}"#),
            r#"{"bundle_id": "206c5ca5-6baf-4d97-8483-c32e0fd5411c", "id": "12345678-1234-4d97-8483-c32e0fd5411c"}"#
                .to_owned(),
            r#"{"created_at": "2026-01-24T19:00:04.789863+09:00", "period": "2024-01-01~2025-12-31"}"#.to_owned(),
            r#"{"ref": "state/strategy_bundle/snapshots/strategy_bundle_20260124_190004.json"}"#.to_owned(),
            r#"{"run_id": "run_20261121_144245_0d69771c", "ticker": "069500", "price": 12345678.25}"#.to_owned(),
            r#"{"policy_ids": ["TRADE_COUNT_POLICY_V1", "COVERAGE_BASELINE_V1"], "label_ko": "시장 개장"}"#.to_owned(),
            r#"{"url": "https://finance.naver.com/item?code=069500", "key": "gate_open_days", "accounting": "x"}"#
                .to_owned(),
        ];
        for document in documents {
            assert_eq!(rules(&document), Vec::<String>::new(), "{document}");
        }
    }

    #[test]
    fn what_a_hook_says_is_shown_without_its_secrets() {
        let token = joined(&["gh", "p_0123456789abcdefghijABCDEFGHIJ012345"]);
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

    #[test]
    fn names_and_looks_that_slipped_through_are_found() {
        let md5 = "d41d8cd98f00b204e9800998ecf8427e";
        let hex64 = "945f86fdb9ed90d214bcbf983673a7b1c4cdd49a1c4cde178daa5b2f8abcf241";
        let standard = joined(&["mZ3k/Q9xWb+2Rt7Yh4/Lc8Vn1", "Jd6Fp5Ks0/aB7c+D9eF1g="]);
        let url = joined(&["mZ3k_Q9xWb-2Rt7Yh4_Lc8Vn1", "Jd6Fp5Ks0-aB7c_D9eF1g"]);
        let cases = [
            (format!(r#"{{"token": "{md5}"}}"#), "SECRET_FIELD (token)"),
            (r#"{"secret": "x"}"#.to_owned(), "SECRET_FIELD (secret)"),
            (r#"{"kis_token": "x"}"#.to_owned(), "SECRET_FIELD (kistoken)"),
            (r#"{"pwd": "x"}"#.to_owned(), "SECRET_FIELD (pwd)"),
            (r#"{"PGPASSWORD": 12345678}"#.to_owned(), "SECRET_FIELD (pgpassword)"),
            (r#"{"OPS_TOKEN": "x"}"#.to_owned(), "SECRET_FIELD (opstoken)"),
            (r#"{"kis_credentials": ["x"]}"#.to_owned(), "SECRET_FIELD (kiscredentials)"),
            (r#"{"passphrase": "x"}"#.to_owned(), "SECRET_FIELD (passphrase)"),
            (r#"{"acct": "1234567801"}"#.to_owned(), "ACCOUNT_FIELD (acct)"),
            (r#"{"my_account": 1234567801}"#.to_owned(), "ACCOUNT_FIELD (myaccount)"),
            (r#"{"KIS_CANO": "50123456"}"#.to_owned(), "ACCOUNT_FIELD (kiscano)"),
            (format!(r#"{{"review": "{hex64}"}}"#), "RAW_KEY"),
            (format!(r#"{{"note": "{standard}"}}"#), "RANDOM_TEXT"),
            (format!(r#"{{"note": "{url}"}}"#), "RANDOM_TEXT"),
            (r#"{"note": "our-own- shared-key -16"}"#.to_owned(), "OWN_KEY (bundle.hmac_key)"),
            (r#"{"note": ["our-own-", "shared-key-16"]}"#.to_owned(), "OWN_KEY (bundle.hmac_key)"),
            (r#"{"note": "our-own-\nshared-key-16"}"#.to_owned(), "OWN_KEY (bundle.hmac_key)"),
        ];
        for (document, rule) in cases {
            let found = rules(&document);
            assert!(found.iter().any(|found| found == rule), "{document}: {found:?}");
        }
        let path = r#"{"snapshot_ref": "reports/Phase_C/A1b2-C3d4/E5f6-G7h8/I9j0-K1l2/x.json", "volcano": "1"}"#;
        assert_eq!(rules(path), Vec::<String>::new());
    }

    #[test]
    fn our_own_goldens_hold_no_secret_but_what_is_personal() {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("contracts");
        let mut tried = 0;
        for entry in std::fs::read_dir(directory).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.extension().is_some_and(|end| end == "json" || end == "jsonl") {
                let bytes = std::fs::read(&path).expect("readable");
                let found = findings(&bytes, &[KeyMaterial::new("ours", "our-own-shared-key-16")]);
                assert_eq!(found, Vec::<String>::new(), "{}", path.display());
                tried += 1;
            }
        }
        assert!(tried > 20, "the goldens are there");
    }
}
