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

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyMaterial({})", self.name)
    }
}

/// Finds secrets in the bytes of one file; each finding is one rule, in the order of the rules.
pub(super) fn findings(bytes: &[u8], keys: &[KeyMaterial]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    let mut found: Vec<String> = Vec::new();
    let lower = text.to_lowercase();
    for key in keys.iter().filter(|key| key.text.len() >= 8) {
        let encoded = crate::contracts::json::hex(key.text.as_bytes());
        if text.contains(&key.text) || lower.contains(&key.text.to_lowercase()) || lower.contains(&encoded) {
            found.push(format!("OWN_KEY ({})", key.name));
        }
    }
    found.extend(SHAPES.iter().filter(|shape| shape.is_in(&text)).map(|shape| shape.rule.to_owned()));
    for value in documents(&text) {
        walk(&value, "", &mut found);
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|rule| seen.insert(rule.clone()));
    found
}

/// A text with everything that looks like a secret taken out; for what a hook or a remote says.
pub(super) fn masked(text: &str) -> String {
    let mut words = Vec::new();
    for word in text.split(' ') {
        let hidden = SHAPES.iter().any(|shape| shape.is_in(word)) || assigned(word) || is_random(word);
        let mail = word.contains("://") && word.contains('@');
        words.push(if hidden || mail { "***" } else { word });
    }
    words.join(" ")
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
];

/// Fields whose text or number is an account.
const ACCOUNT_NAMES: &[&str] =
    &["cano", "acntprdtcd", "accountno", "accountnumber", "accountid", "account", "kisaccount"];

/// A field of one of these words holds a hash, a signature or a revision.
const HASH_WORDS: &[&str] =
    &["sha256", "sha1", "hash", "fingerprint", "signature", "digest", "checksum", "commit", "revision", "rev"];

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
        ("RANDOM_TEXT", !is_hash_name(name) && held.split(|c: char| !is_base64(c)).any(is_random)),
    ];
    found.extend(rules.into_iter().filter(|(_, holds)| *holds).map(|(rule, _)| rule.to_owned()));
}

/// The name of a field, lower case and without separators.
fn plain(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_lowercase()
}

fn is_named(name: &str, names: &[&str]) -> bool {
    let plain = plain(name);
    names.iter().any(|secret| plain == *secret || (secret.len() >= 6 && plain.ends_with(secret)))
}

fn is_hash_name(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    HASH_WORDS.iter().any(|word| lower.split('_').any(|part| part.starts_with(word)))
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
        let said = masked(&format!("found {token} in a.json, password=hunter22 at https://me:pw@h.example/a"));
        assert_eq!(said, "found *** in a.json, *** at ***");
    }
}
