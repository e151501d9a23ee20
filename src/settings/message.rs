//! The secrets of outgoing messages: from the environment, else from one file of mode 600. Read anew before each use.
//!
//! Nothing here tells a value, its length or a part of it; only whether a name has one. A file that others could read or
//! write is not read at all, and the reason names the file's mode or owner, never what it holds.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::secret::Secret;

/// The names that messages know.
pub const MESSAGE_SECRETS: [&str; 7] =
    ["TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID", "SLACK_WEBHOOK_URL", "SMTP_HOST", "SMTP_USER", "SMTP_PASS", "EMAIL_TO"];

/// The name of a token whose second half is the secret.
const BOT_TOKEN: &str = "TELEGRAM_BOT_TOKEN";
/// The names whose value opens something by itself. The others say where a message goes.
const KEYS: [&str; 3] = [BOT_TOKEN, "SLACK_WEBHOOK_URL", "SMTP_PASS"];
/// A shorter value is too common to be looked for in a text.
const TELLING: usize = 6;
/// How often a text may have been encoded.
const ENCODINGS: usize = 3;
/// The file is never larger; more is a wrong path.
const LARGEST: u64 = 64 << 10;

/// What was found under the seven names.
#[derive(Clone, Debug, Default)]
pub struct MessageSecrets {
    found: BTreeMap<&'static str, Secret>,
    has_file: bool,
    problem: Option<String>,
}

impl MessageSecrets {
    /// Takes the names from `env`; those that are missing there from the file, when its owner alone can use it. A value
    /// of white space is none.
    #[must_use]
    pub fn read(file: &Path, env: &BTreeMap<String, String>) -> Self {
        let (mut found, has_file, problem) = match content(file) {
            Ok(None) => (BTreeMap::new(), false, None),
            Ok(Some(text)) => match parsed(&text) {
                Ok(found) => (found, true, None),
                Err(why) => (BTreeMap::new(), false, Some(why)),
            },
            Err(why) => (BTreeMap::new(), false, Some(why)),
        };
        for name in MESSAGE_SECRETS {
            if let Some(text) = env.get(name).map(|text| text.trim()).filter(|text| !text.is_empty()) {
                found.insert(name, Secret::new(text));
            }
        }
        Self { found, has_file, problem }
    }

    /// The value of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Secret> {
        self.found.get(name)
    }

    /// Whether a name has a value.
    #[must_use]
    pub fn is_present(&self, name: &str) -> bool {
        self.found.contains_key(name)
    }

    /// `ENV_ONLY`, or `DOTENV_OPTIONAL` when the file was read too.
    #[must_use]
    pub fn provider(&self) -> &'static str {
        if self.has_file { "DOTENV_OPTIONAL" } else { "ENV_ONLY" }
    }

    /// Why the file is there and was not used, for people.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Whether a text holds the value of a token, a webhook or a password, as it is or percent-encoded. The half of a
    /// token behind its colon is the secret one and tells as much as the whole.
    #[must_use]
    pub fn is_told_in(&self, text: &str) -> bool {
        let whole = KEYS.iter().filter_map(|name| self.get(name)).map(Secret::expose);
        let half = self.get(BOT_TOKEN).and_then(|token| token.expose().split_once(':')).map(|(_, half)| half);
        let keys: Vec<&str> = whole.chain(half).filter(|value| value.len() >= TELLING).collect();
        if keys.is_empty() {
            return false;
        }
        forms(text).iter().any(|form| keys.iter().any(|value| form.contains(value)))
    }
}

/// A text as it is, and as it is read when what is encoded in it is decoded, once or more often. A form of the web has
/// its blanks as `+`.
fn forms(text: &str) -> Vec<String> {
    let mut forms = vec![text.to_owned()];
    for _ in 0..ENCODINGS {
        let Some(last) = forms.last() else { break };
        let decoded = percent_encoding::percent_decode_str(last).decode_utf8_lossy().into_owned();
        if decoded == *last {
            break;
        }
        forms.push(decoded);
    }
    let of_a_form =
        |form: &String| percent_encoding::percent_decode_str(&form.replace('+', " ")).decode_utf8_lossy().into_owned();
    let of_forms: Vec<String> = forms.iter().map(of_a_form).collect();
    forms.extend(of_forms);
    forms
}

/// The text of the file; `None` when there is none.
fn content(path: &Path) -> Result<Option<String>, String> {
    let cannot = |why: std::io::Error| format!("the file of secrets cannot be read: {}", why.kind());
    match path.symlink_metadata() {
        Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(why) => return Err(cannot(why)),
        // Asked before opening: opening a pipe would wait, and a link may lead to a file that somebody else chooses.
        Ok(meta) if !meta.is_file() => return Err("the file of secrets must be a regular file".to_owned()),
        Ok(_) => {}
    }
    let file = File::open(path).map_err(cannot)?;
    private(&file).map_err(cannot)??;
    let mut bytes = Vec::new();
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(cannot)?;
    if bytes.len() as u64 > LARGEST {
        return Err(format!("the file of secrets is larger than {LARGEST} bytes"));
    }
    let text = String::from_utf8(bytes).map_err(|_bytes| "the file of secrets is not UTF-8".to_owned())?;
    Ok(Some(text.trim_start_matches('\u{feff}').to_owned()))
}

/// Judges the opened file, which nobody can swap any more.
#[cfg(unix)]
fn private(file: &File) -> std::io::Result<Result<(), String>> {
    use std::os::unix::fs::MetadataExt as _;
    let meta = file.metadata()?;
    let mode = meta.mode() & 0o7777;
    let (owner, this_user) = (meta.uid(), rustix::process::geteuid().as_raw());
    Ok(if !meta.is_file() {
        Err("the file of secrets must be a regular file".to_owned())
    } else if mode != 0o600 && mode != 0o400 {
        Err(format!("the file of secrets has mode {mode:04o}, must be 0600 or 0400"))
    } else if owner != this_user && owner != 0 {
        Err("the file of secrets belongs to another user".to_owned())
    } else {
        Ok(())
    })
}

#[cfg(not(unix))]
fn private(file: &File) -> std::io::Result<Result<(), String>> {
    let is_file = file.metadata()?.is_file();
    Ok(if is_file { Ok(()) } else { Err("the file of secrets must be a regular file".to_owned()) })
}

/// The known names of `KEY=VALUE` lines. A comment starts a line with `#`; quotes around a value and `export` before a
/// name are dropped. A name with two values is a slip that nobody can decide, so the file counts for nothing.
fn parsed(text: &str) -> Result<BTreeMap<&'static str, Secret>, String> {
    let mut found: BTreeMap<&'static str, Secret> = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let line = line.strip_prefix("export ").unwrap_or(line);
        let Some((name, value)) = line.split_once('=') else {
            return Err(format!("line {number} of the file of secrets is no KEY=VALUE"));
        };
        let Some(name) = MESSAGE_SECRETS.into_iter().find(|known| *known == name.trim()) else { continue };
        let value = unquoted(value.trim());
        if value.is_empty() {
            continue;
        }
        if value.chars().any(char::is_control) {
            return Err(format!("line {number} of the file of secrets holds a control character"));
        }
        if found.insert(name, Secret::new(value)).is_some_and(|before| before.expose() != value) {
            return Err(format!("{name} stands twice in the file of secrets"));
        }
    }
    Ok(found)
}

fn unquoted(value: &str) -> &str {
    let within = |quote: char| value.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
    within('"').or_else(|| within('\'')).unwrap_or(value).trim()
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    const TOKEN: &str = "1234567890:planted-token-value";

    fn written(dir: &Path, name: &str, text: &str, mode: u32) -> std::path::PathBuf {
        let path = dir.join(name);
        let mut file = File::create(&path).expect("made");
        file.write_all(text.as_bytes()).expect("written");
        #[cfg(unix)]
        file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode)).expect("set");
        path
    }

    fn env(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn the_environment_comes_before_the_file() {
        let dir = tempfile::tempdir().expect("a directory");
        let text = format!(
            "# comment\n\nexport TELEGRAM_BOT_TOKEN=\"{TOKEN}\"\nTELEGRAM_CHAT_ID = '42'\nSMTP_HOST=\nOTHER=x\r\n"
        );
        let file = written(dir.path(), "a", &text, 0o600);
        let both = MessageSecrets::read(&file, &env(&[("TELEGRAM_CHAT_ID", " 43 "), ("SMTP_PASS", "  "), ("X", "y")]));
        let value = |name: &str| both.get(name).map(|secret| secret.expose().to_owned());
        assert_eq!(value("TELEGRAM_BOT_TOKEN").as_deref(), Some(TOKEN));
        assert_eq!(value("TELEGRAM_CHAT_ID").as_deref(), Some("43"));
        assert_eq!((value("SMTP_HOST"), value("SMTP_PASS"), both.get("OTHER").is_some()), (None, None, false));
        assert_eq!((both.provider(), both.problem()), ("DOTENV_OPTIONAL", None));
        let alone = MessageSecrets::read(&dir.path().join("none"), &env(&[("EMAIL_TO", "a@b.kr")]));
        assert_eq!((alone.provider(), alone.problem(), alone.is_present("EMAIL_TO")), ("ENV_ONLY", None, true));
    }

    #[test]
    fn a_value_that_stands_in_a_text_is_seen() {
        let none = Path::new("/nonexistent");
        let secrets = MessageSecrets::read(none, &env(&[("TELEGRAM_BOT_TOKEN", TOKEN), ("SMTP_PASS", "abc")]));
        assert!(secrets.is_told_in(&format!("x{TOKEN}y")));
        assert!(!secrets.is_told_in("abc"), "too short to tell");
        assert!(!secrets.is_told_in("plain"));
    }

    #[test]
    fn a_part_or_another_form_of_a_value_is_seen_too() {
        let none = Path::new("/nonexistent");
        let env =
            env(&[("TELEGRAM_BOT_TOKEN", TOKEN), ("SMTP_PASS", "pass word/+%41&x"), ("TELEGRAM_CHAT_ID", "4242424")]);
        let secrets = MessageSecrets::read(none, &env);
        let cases = [
            ("whole", TOKEN, true),
            ("the half behind the colon", "xplanted-token-valuey", true),
            ("the half before it", "1234567890:", false),
            ("colon encoded", "bot1234567890%3Aplanted-token-value/send", true),
            ("lower case", "1234567890%3aplanted%2dtoken%2Dvalue", true),
            ("the half encoded", "planted%2Dtoken%2Dvalue", true),
            ("encoded twice", "planted%252Dtoken%252Dvalue", true),
            ("beside a stray percent", "100% planted%2Dtoken-value", true),
            ("another secret as it is", "pass word/+%41&x", true),
            ("another secret encoded", "p=pass%20word%2F%2B%2541%26x", true),
            ("as a form sends it", "p=pass+word%2F%2B%2541%26x", true),
            ("where it goes is no secret", "4242424", false),
            ("nothing", "50% of plans are planted token values", false),
        ];
        for (name, text, want) in cases {
            assert_eq!(secrets.is_told_in(text), want, "{name}");
        }
    }

    mod properties {
        use percent_encoding::NON_ALPHANUMERIC;
        use percent_encoding::utf8_percent_encode;
        use proptest::prelude::*;

        use super::*;

        proptest! {
            #[test]
            fn prop_no_encoding_of_a_token_hides_it(
                half in "[A-Za-z0-9_:-]{6,35}", head in "[ -~]{0,9}", tail in "[ -~]{0,9}", times in 0_usize..=2
            ) {
                let token = format!("1234567890:{half}");
                let secrets = MessageSecrets::read(Path::new("/nonexistent"), &env(&[("TELEGRAM_BOT_TOKEN", &token)]));
                for part in [&token, &half] {
                    let mut text = part.clone();
                    for _ in 0..times {
                        text = utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string();
                    }
                    let told = format!("{head}|{text}|{tail}");
                    prop_assert!(secrets.is_told_in(&told));
                }
            }
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_may_use_is_not_read_and_the_reason_holds_no_value() {
        let dir = tempfile::tempdir().expect("a directory");
        let line = format!("TELEGRAM_BOT_TOKEN={TOKEN}\n");
        let twice = format!("{line}TELEGRAM_BOT_TOKEN=other-{TOKEN}\n");
        let same_twice = format!("{line}{line}");
        let cases: [(&str, &str, u32, bool); 11] = [
            ("owner reads and writes", &line, 0o600, true),
            ("owner reads", &line, 0o400, true),
            ("same value twice", &same_twice, 0o600, true),
            ("group reads", &line, 0o640, false),
            ("others read", &line, 0o604, false),
            ("usual mode", &line, 0o644, false),
            ("set-user", &line, 0o4600, false),
            ("executable", &line, 0o700, false),
            ("no line of its kind", TOKEN, 0o600, false),
            ("two values", &twice, 0o600, false),
            ("control character", &format!("SMTP_PASS={TOKEN}\u{7}x"), 0o600, false),
        ];
        for (name, text, mode, is_used) in cases {
            let file = written(dir.path(), name, text, mode);
            let secrets = MessageSecrets::read(&file, &BTreeMap::new());
            assert_eq!(secrets.is_present("TELEGRAM_BOT_TOKEN"), is_used, "{name}");
            assert_eq!(secrets.provider(), if is_used { "DOTENV_OPTIONAL" } else { "ENV_ONLY" }, "{name}");
            assert_eq!(secrets.problem().is_none(), is_used, "{name}");
            let told = format!("{secrets:?} {:?}", secrets.problem());
            assert!(!told.contains("planted"), "{name}: {told}");
        }
        let good = written(dir.path(), "good", &line, 0o600);
        std::os::unix::fs::symlink(&good, dir.path().join("link")).expect("linked");
        rustix::fs::mkfifoat(rustix::fs::CWD, dir.path().join("pipe"), rustix::fs::Mode::RUSR).expect("made");
        let mut large = written(dir.path(), "large", "", 0o600);
        File::create(&large).expect("made").set_len(LARGEST + 1).expect("grown");
        for odd in ["link", "pipe", "large", "."] {
            large.set_file_name(odd);
            let secrets = MessageSecrets::read(&dir.path().join(odd), &BTreeMap::new());
            assert!(secrets.problem().is_some() && secrets.provider() == "ENV_ONLY", "{odd}");
        }
        let other = written(dir.path(), "latin", "", 0o600);
        File::create(&other).expect("made").write_all(b"SMTP_PASS=\xff\xfe").expect("written");
        assert!(MessageSecrets::read(&other, &BTreeMap::new()).problem().is_some_and(|why| why.contains("UTF-8")));
    }
}
