//! The keys of bundle signatures, read from their files before each use: those that check, and the one that signs.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::fault::Place;
use super::fault::SettingFault;
use super::fault::SettingsFaults;
use super::model::Settings;
use super::secret::Secret;
use crate::contracts::BundlePolicy;
use crate::contracts::SigningKey;
use crate::contracts::VerifyingKey;
use crate::contracts::bundle::Algorithm;

/// Fewest bytes of the operator token.
const TOKEN_BYTES: usize = 16;
/// A key file is never larger; more is a wrong path.
const LARGEST_KEY_FILE: u64 = 64 << 10;

/// Who may read a key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Readers {
    /// Only its owner.
    Owner,
    /// Everybody: a public key is no secret.
    Anyone,
}

impl Settings {
    /// Which bundles are accepted. The key files are read at each call, so that a changed key counts at once.
    ///
    /// # Errors
    /// A key file that is missing, unreadable, open to others, or holds no key. No message repeats what a file holds.
    pub fn bundle_policy(&self) -> Result<BundlePolicy, SettingsFaults> {
        let mut keys = Vec::new();
        let mut faults = Vec::new();
        let mut take = |place: Place, key: Result<VerifyingKey, String>| match key {
            Ok(key) => keys.push(key),
            Err(rule) => faults.push(SettingFault::new(place, rule)),
        };
        let shared = |bytes: &[u8]| VerifyingKey::hmac(bytes).map_err(|why| why.to_string());
        match &self.bundle.hmac_key {
            Some(key) => {
                let place = Place::Env { name: "STRATEGY_BUNDLE_HMAC_KEY".to_owned() };
                take(place, shared(key.expose().as_bytes()));
            }
            None => {
                for path in &self.bundle.hmac_key_file {
                    let path = self.root.join(path);
                    let key = content(&path, Readers::Owner).and_then(|bytes| shared(without_newline(&bytes)));
                    take(Place::KeyFile { path }, key);
                }
            }
        }
        // Who can sign can also check: the PC judges its own bundles without a second file.
        for path in &self.bundle.ed25519_key_file {
            let path = self.root.join(path);
            let key = private_key(&path).map(|key| key.verifying());
            take(Place::KeyFile { path }, key);
        }
        for path in &self.bundle.ed25519_public_key_file {
            let path = self.root.join(path);
            let key = content(&path, Readers::Anyone).and_then(|bytes| {
                let text = String::from_utf8_lossy(&bytes);
                VerifyingKey::ed25519(text.trim()).map_err(|why| why.to_string())
            });
            take(Place::KeyFile { path }, key);
        }
        if !faults.is_empty() {
            return Err(SettingsFaults { faults });
        }
        Ok(BundlePolicy {
            max_age_seconds: self.bundle.max_age_seconds,
            staleness: self.bundle.staleness,
            allow_unsigned: self.bundle.allow_unsigned,
            algorithms: self.bundle.algorithms.clone(),
            keys,
        })
    }

    /// The key that signs a bundle; `None` when no key is configured. The first of these that is configured: the shared
    /// key of the environment, the first file of shared keys, the private ed25519 key. `algorithm` passes over the others.
    /// The files are read at each call.
    ///
    /// # Errors
    /// The file is missing, unreadable, open to others, or holds no key; or several private keys are named. No message
    /// repeats what a file holds.
    pub fn signing_key(&self, algorithm: Option<Algorithm>) -> Result<Option<SigningKey>, SettingsFaults> {
        let wants = |one: Algorithm| algorithm.is_none_or(|wanted| wanted == one);
        let faulty = |place: Place, rule: String| SettingsFaults { faults: vec![SettingFault::new(place, rule)] };
        let shared = |bytes: &[u8]| SigningKey::hmac(bytes).map_err(|why| why.to_string());
        if wants(Algorithm::HmacSha256) {
            if let Some(key) = &self.bundle.hmac_key {
                let place = Place::Env { name: "STRATEGY_BUNDLE_HMAC_KEY".to_owned() };
                return shared(key.expose().as_bytes()).map(Some).map_err(|rule| faulty(place, rule));
            }
            // While a key is being changed, the first file signs and all of them check.
            if let Some(path) = self.bundle.hmac_key_file.first() {
                let path = self.root.join(path);
                let key = content(&path, Readers::Owner).and_then(|bytes| shared(without_newline(&bytes)));
                return key.map(Some).map_err(|rule| faulty(Place::KeyFile { path }, rule));
            }
        }
        match self.bundle.ed25519_key_file.as_slice() {
            [path, ..] if wants(Algorithm::Ed25519) => {
                let path = self.root.join(path);
                if self.bundle.ed25519_key_file.len() > 1 {
                    let rule = "is one of several private keys; exactly one may sign".to_owned();
                    return Err(faulty(Place::KeyFile { path }, rule));
                }
                private_key(&path).map(Some).map_err(|rule| faulty(Place::KeyFile { path }, rule))
            }
            _ => Ok(None),
        }
    }
}

impl Settings {
    /// The operator token of the environment, else of its file; `None` when neither is set.
    ///
    /// # Errors
    /// The file is missing, unreadable, open to others or too short, or several are named. No message repeats what it
    /// holds.
    pub fn operator_token(&self) -> Result<Option<Secret>, SettingsFaults> {
        if let Some(token) = &self.serve.token {
            return Ok(Some(token.clone()));
        }
        let Some(path) = self.serve.token_file.first() else { return Ok(None) };
        let path = self.root.join(path);
        let faulty =
            |path, rule: String| SettingsFaults { faults: vec![SettingFault::new(Place::KeyFile { path }, rule)] };
        if self.serve.token_file.len() > 1 {
            return Err(faulty(path, "is one of several token files; name one".to_owned()));
        }
        let read = content(&path, Readers::Owner).and_then(|bytes| {
            let text = String::from_utf8(bytes).map_err(|_other_encoding| "must be UTF-8".to_owned())?;
            let token = text.trim();
            if token.len() < TOKEN_BYTES {
                return Err(format!("the token has {} bytes, at least {TOKEN_BYTES} are needed", token.len()));
            }
            Ok(Secret::new(token))
        });
        read.map(Some).map_err(|rule| faulty(path, rule))
    }
}

/// A private key from its file of 64 hex digits.
fn private_key(path: &Path) -> Result<SigningKey, String> {
    let bytes = content(path, Readers::Owner)?;
    let text = String::from_utf8_lossy(&bytes);
    SigningKey::ed25519(text.trim()).map_err(|why| why.to_string())
}

fn content(path: &Path, readers: Readers) -> Result<Vec<u8>, String> {
    let cannot = |why: std::io::Error| format!("cannot be read: {why}");
    // Asked before opening, because opening a pipe would wait for a writer.
    if !std::fs::metadata(path).map_err(cannot)?.is_file() {
        return Err("must be a regular file".to_owned());
    }
    let file = File::open(path).map_err(cannot)?;
    if readers == Readers::Owner {
        owner_only(&file).map_err(cannot)??;
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_KEY_FILE + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > LARGEST_KEY_FILE {
        return Err(format!("is larger than {LARGEST_KEY_FILE} bytes, so it is no key file"));
    }
    Ok(bytes)
}

/// Judges the mode of the opened file, which nobody can swap any more.
#[cfg(unix)]
fn owner_only(file: &File) -> std::io::Result<Result<(), String>> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = file.metadata()?.permissions().mode() & 0o7777;
    let is_strict = mode & !0o600 == 0;
    Ok(if is_strict { Ok(()) } else { Err(format!("has mode {mode:04o}, must be 0600 or stricter")) })
}

#[cfg(not(unix))]
fn owner_only(_file: &File) -> std::io::Result<Result<(), String>> {
    Ok(Ok(()))
}

fn without_newline(bytes: &[u8]) -> &[u8] {
    let cut = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if cut.len() < bytes.len() { cut.strip_suffix(b"\r").unwrap_or(cut) } else { cut }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::io::Write as _;

    use tempfile::TempDir;

    use super::*;
    use crate::contracts::bundle::Staleness;

    const KEY: &str = "test-key-do-not-use";
    const NEXT: &str = "test-key-for-tomorrow";

    type Pairs = &'static [(&'static str, &'static str)];

    struct Site {
        folder: TempDir,
    }

    impl Site {
        fn new() -> Self {
            Self { folder: tempfile::tempdir().expect("a folder") }
        }

        fn file(self, name: &str, content: &str, mode: u32) -> Self {
            let path = self.folder.path().join(name);
            let mut file = File::create(&path).expect("a file");
            file.write_all(content.as_bytes()).expect("written");
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt as _;
                file.set_permissions(std::fs::Permissions::from_mode(mode)).expect("a mode");
            }
            let _ = mode;
            self
        }

        fn policy(&self, variables: &[(&str, &str)]) -> Result<BundlePolicy, SettingsFaults> {
            let env = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Settings::load(self.folder.path(), &env, &BTreeMap::new())?.bundle_policy()
        }
    }

    /// Which of the two keys the policy accepts.
    fn accepted(policy: &BundlePolicy) -> [bool; 2] {
        [KEY, NEXT].map(|text| {
            let signature = SigningKey::hmac(text.as_bytes()).expect("a key").sign("message");
            policy.keys.iter().any(|key| key.verifies("message", &signature))
        })
    }

    #[test]
    fn keys_come_from_the_environment_or_else_from_files() {
        let site = Site::new().file("now.key", &format!("{KEY}\n"), 0o600).file("next.key", NEXT, 0o400);
        const FILE: &str = "STRATEGY_BUNDLE_HMAC_KEY_FILE";
        let cases: [(&str, Pairs, [bool; 2]); 4] = [
            ("none", &[], [false, false]),
            ("environment", &[("STRATEGY_BUNDLE_HMAC_KEY", KEY)], [true, false]),
            ("two files while a key changes", &[(FILE, "now.key:next.key")], [true, true]),
            ("environment before files", &[("STRATEGY_BUNDLE_HMAC_KEY", KEY), (FILE, "missing.key")], [true, false]),
        ];
        for (name, variables, want) in cases {
            let policy = site.policy(variables).expect(name);
            assert_eq!(accepted(&policy), want, "{name}");
        }
    }

    #[test]
    fn one_newline_at_the_end_of_a_key_is_not_part_of_it() {
        let cases = [("none", "", true), ("one", "\n", true), ("windows", "\r\n", true), ("two", "\n\n", false)];
        for (name, end, same) in cases {
            let site = Site::new().file("a.key", &format!("{KEY}{end}"), 0o600);
            let policy = site.policy(&[("STRATEGY_BUNDLE_HMAC_KEY_FILE", "a.key")]).expect(name);
            assert_eq!(accepted(&policy)[0], same, "{name}");
        }
    }

    #[test]
    fn a_changed_key_file_counts_at_the_next_call() {
        let site = Site::new().file("a.key", KEY, 0o600);
        let env = BTreeMap::from([("STRATEGY_BUNDLE_HMAC_KEY_FILE".to_owned(), "a.key".to_owned())]);
        let settings = Settings::load(site.folder.path(), &env, &BTreeMap::new()).expect("settings");
        assert_eq!(accepted(&settings.bundle_policy().expect("a key")), [true, false]);
        let _site = site.file("a.key", NEXT, 0o600);
        assert_eq!(accepted(&settings.bundle_policy().expect("a key")), [false, true]);
    }

    #[test]
    fn a_public_key_is_read_whatever_its_mode() {
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let site = Site::new().file("public.key", &format!("{public}\n"), 0o644).file("bad.key", "xyz", 0o644);
        let name = "STRATEGY_BUNDLE_ED25519_PUBLIC_KEY_FILE";
        assert_eq!(site.policy(&[(name, "public.key")]).expect("a key").keys.len(), 1);
        let faults = site.policy(&[(name, "bad.key")]).expect_err("no key").to_string();
        assert!(faults.contains("bad.key: not an ed25519 key of 64 hex digits"), "{faults}");
    }

    #[test]
    fn every_unusable_key_file_is_named_without_its_content() {
        let site = Site::new()
            .file("open.key", KEY, 0o644)
            .file("run.key", KEY, 0o700)
            .file("short.key", "hidden", 0o600)
            .file("large.key", &"hidden".repeat(20_000), 0o600);
        std::fs::create_dir(site.folder.path().join("folder.key")).expect("a folder");
        let all = "open.key:run.key:short.key:large.key:folder.key:missing.key";
        let faults = site.policy(&[("STRATEGY_BUNDLE_HMAC_KEY_FILE", all)]).expect_err("no keys");
        let text = faults.to_string();
        let wanted = [
            #[cfg(unix)]
            "open.key: has mode 0644, must be 0600 or stricter",
            #[cfg(unix)]
            "run.key: has mode 0700, must be 0600 or stricter",
            "short.key: the key has 6 bytes, at least 16 are needed",
            "large.key: is larger than 65536 bytes",
            "folder.key: must be a regular file",
            "missing.key: cannot be read",
        ];
        for want in wanted {
            assert!(text.contains(want), "{want} is not in {text}");
        }
        assert!(!text.contains("hidden") && !text.contains(KEY), "{text}");
    }

    #[test]
    fn the_operator_token_comes_from_the_environment_or_else_from_one_file() {
        const FILE: &str = "OPS_TOKEN_FILE";
        let site = Site::new().file("token", "token-of-the-file-1\n", 0o600).file("short", "hidden", 0o600).file(
            "open",
            "hidden-token-value-1",
            0o644,
        );
        type Want = Result<Option<&'static str>, &'static str>;
        let cases: [(&str, Pairs, Want); 7] = [
            ("none", &[], Ok(None)),
            ("environment", &[("OPS_TOKEN", "token-of-the-shell")], Ok(Some("token-of-the-shell"))),
            ("file", &[(FILE, "token")], Ok(Some("token-of-the-file-1"))),
            ("both", &[("OPS_TOKEN", "token-of-the-shell"), (FILE, "open")], Ok(Some("token-of-the-shell"))),
            ("too short", &[(FILE, "short")], Err("has 6 bytes")),
            ("missing", &[(FILE, "nothing")], Err("cannot be read")),
            ("several", &[(FILE, "token:short")], Err("one of several")),
        ];
        let token = |variables: Pairs| {
            let env = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            Settings::load(site.folder.path(), &env, &BTreeMap::new()).expect("settings").operator_token()
        };
        for (name, variables, want) in cases {
            match (token(variables), want) {
                (Ok(got), Ok(want)) => assert_eq!(got.as_ref().map(Secret::expose), want, "{name}"),
                (Err(fault), Err(part)) => {
                    assert!(
                        fault.to_string().contains(part) && !fault.to_string().contains("hidden"),
                        "{name}: {fault}"
                    );
                }
                (got, want) => panic!("{name}: {got:?} is not {want:?}"),
            }
        }
        #[cfg(unix)]
        assert!(token(&[(FILE, "open")]).expect_err("open to others").to_string().contains("0644"));
    }

    /// The algorithm that signs, and whether a message that it signs is accepted by the policy.
    fn signer(site: &Site, variables: &[(&str, &str)], wanted: Option<Algorithm>) -> Option<(Algorithm, bool)> {
        let env = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let settings = Settings::load(site.folder.path(), &env, &BTreeMap::new()).expect("settings");
        let key = settings.signing_key(wanted).expect("readable")?;
        let signature = key.sign("message");
        let keys = settings.bundle_policy().expect("a policy").keys;
        Some((key.algorithm(), keys.iter().any(|key| key.verifies("message", &signature))))
    }

    #[test]
    fn the_first_key_that_is_configured_signs_and_its_own_policy_accepts_it() {
        const ENV: (&str, &str) = ("STRATEGY_BUNDLE_HMAC_KEY", KEY);
        const FILES: (&str, &str) = ("STRATEGY_BUNDLE_HMAC_KEY_FILE", "now.key:next.key");
        const CURVE: (&str, &str) = ("STRATEGY_BUNDLE_ED25519_KEY_FILE", "curve.key");
        let site = Site::new().file("now.key", KEY, 0o600).file("next.key", NEXT, 0o600).file(
            "curve.key",
            &format!("{}\n", "07".repeat(32)),
            0o600,
        );
        let (hmac, curve) = (Algorithm::HmacSha256, Algorithm::Ed25519);
        type Case = (&'static str, Pairs, Option<Algorithm>, Option<Algorithm>);
        let cases: [Case; 9] = [
            ("none", &[], None, None),
            ("environment", &[ENV], None, Some(hmac)),
            ("files", &[FILES], None, Some(hmac)),
            ("private key", &[CURVE], None, Some(curve)),
            ("both: the shared one is first", &[FILES, CURVE], None, Some(hmac)),
            ("both: chosen", &[FILES, CURVE], Some(curve), Some(curve)),
            ("environment and private key: chosen", &[ENV, CURVE], Some(curve), Some(curve)),
            ("chosen but not there", &[FILES], Some(curve), None),
            ("chosen but not there, the other way", &[CURVE], Some(hmac), None),
        ];
        for (name, variables, wanted, want) in cases {
            assert_eq!(signer(&site, variables, wanted), want.map(|algorithm| (algorithm, true)), "{name}");
        }
        // The first file signs: the other key alone does not accept it.
        let env = BTreeMap::from([(FILES.0.to_owned(), FILES.1.to_owned())]);
        let settings = Settings::load(site.folder.path(), &env, &BTreeMap::new()).expect("settings");
        let signature = settings.signing_key(None).expect("readable").expect("a key").sign("message");
        let next = SigningKey::hmac(NEXT.as_bytes()).expect("a key");
        assert!(!next.verifying().verifies("message", &signature));
    }

    #[test]
    fn a_private_key_is_one_file_that_only_its_owner_reads() {
        let site = Site::new()
            .file("open.key", &"07".repeat(32), 0o644)
            .file("fine.key", &"07".repeat(32), 0o600)
            .file("bad.key", "hidden", 0o600);
        let cases = [
            #[cfg(unix)]
            ("open.key", "open.key: has mode 0644, must be 0600 or stricter"),
            ("bad.key", "bad.key: not an ed25519 key of 64 hex digits"),
            ("missing.key", "missing.key: cannot be read"),
            ("fine.key:bad.key", "fine.key: is one of several private keys"),
        ];
        for (files, want) in cases {
            let env = BTreeMap::from([("STRATEGY_BUNDLE_ED25519_KEY_FILE".to_owned(), files.to_owned())]);
            let settings = Settings::load(site.folder.path(), &env, &BTreeMap::new()).expect("settings");
            let said = settings.signing_key(None).expect_err(files).to_string();
            assert!(said.contains(want) && !said.contains("hidden") && !said.contains("0707"), "{files}: {said}");
            assert!(settings.signing_key(Some(Algorithm::HmacSha256)).expect("none").is_none(), "{files}");
        }
    }

    #[test]
    fn the_rest_of_the_policy_comes_from_the_settings() {
        let variables = [
            ("BUNDLE_MAX_AGE_SECONDS", "3600"),
            ("BUNDLE_STALENESS", "age"),
            ("BUNDLE_ALLOW_UNSIGNED", "true"),
            ("BUNDLE_ALGORITHMS", "ed25519"),
        ];
        let policy = Site::new().policy(&variables).expect("a policy");
        assert_eq!((policy.max_age_seconds, policy.staleness, policy.allow_unsigned), (3600, Staleness::Age, true));
        assert_eq!(policy.algorithms.len(), 1);
    }
}
