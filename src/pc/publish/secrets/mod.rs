//! The secret scan: what must never be in a file that travels. A finding names the file and the rule, never the text.
//!
//! Hashes, signatures and ids look random too and are everywhere in our documents; they are known by the names of their
//! fields, so the rules for random-looking text do not ask about them.

mod forms;
mod mask;

use std::fmt;

use serde_json::Value;

use forms::SHAPES;
use forms::assigned;
use forms::has_account;
use forms::has_bot_token;
use forms::has_random;
use forms::has_raw_key;
use forms::has_user_info;
use mask::bare;
pub(super) use mask::masked;

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
    lower.split('_').any(|part| HASH_WORDS.contains(&part))
}

/// Whether a field holds a path of ours.
fn is_path_name(name: &str) -> bool {
    name.to_ascii_lowercase().split('_').any(|part| PATH_WORDS.contains(&part))
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
