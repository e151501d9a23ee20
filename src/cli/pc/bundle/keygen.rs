//! Making a signing key: never over another one, never where git would take it along, never on the screen.

use std::path::Component;
use std::path::Path;
use std::path::PathBuf;

use serde_json::json;

use super::AlgorithmArg;
use super::KeygenArgs;
use crate::cli::args::Global;
use crate::cli::context::Context;
use crate::cli::exit;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::contracts::SigningKey;
use crate::contracts::bundle::Algorithm;
use crate::contracts::json::hex;
use crate::store::Store;
use crate::sync::Remote;
use crate::sync::TRANSFER_LIMIT;

/// A key of 256 bits for either algorithm.
const KEY_BYTES: usize = 32;

/// What was made.
struct Made {
    secret: PathBuf,
    public: Option<(PathBuf, String)>,
    algorithm: Algorithm,
}

pub(super) fn keygen(args: &KeygenArgs, global: &Global, output: &Output) -> Result<u8, Failure> {
    let context = Context::load(global)?;
    let root = context.store.root();
    let stem = match args.algorithm {
        AlgorithmArg::Ed25519 => "bundle_ed25519",
        AlgorithmArg::HmacSha256 => "bundle_hmac",
    };
    let stem = args.name.as_deref().unwrap_or(stem);
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if stem.is_empty() || !stem.chars().all(plain) {
        return Err(Failure::Usage(format!("--name {stem:?} may only have letters, digits, _ and -")));
    }
    if args.dir.components().any(|part| part == Component::ParentDir) {
        return Err(Failure::Usage(format!("--dir {} must not go up with ..", args.dir.display())));
    }
    let secret = args.dir.join(format!("{stem}.key"));
    let public = args.dir.join(format!("{stem}.pub"));
    stays_here(root, &secret)?;
    let mut bytes = [0; KEY_BYTES];
    getrandom::fill(&mut bytes).map_err(|fault| anyhow::anyhow!("no randomness for a key: {fault}"))?;
    let text = hex(&bytes);
    let made = match Algorithm::from(args.algorithm) {
        Algorithm::Ed25519 => {
            let half = SigningKey::ed25519(&text)?.public_text().unwrap_or_default();
            Made { secret, public: Some((public, half)), algorithm: Algorithm::Ed25519 }
        }
        Algorithm::HmacSha256 => Made { secret, public: None, algorithm: Algorithm::HmacSha256 },
    };
    write(&context.store, &made, &text)?;
    tell(&made, output);
    Ok(exit::DONE)
}

/// A key inside the work tree must be ignored by git. One outside of it is the user's own business.
fn stays_here(root: &Path, secret: &Path) -> Result<(), Failure> {
    let path = root.join(secret);
    if path.exists() {
        return Err(taken(secret));
    }
    if !root.join(".git").exists() {
        return Ok(());
    }
    let inside = if secret.is_absolute() { within(root, &path) } else { Some(secret.to_path_buf()) };
    let Some(inside) = inside else { return Ok(()) };
    let remote = Remote { root, name: "origin", branch: "main", limit: TRANSFER_LIMIT };
    let relative = inside.to_string_lossy().replace('\\', "/");
    let relative = relative.trim_start_matches("./");
    if remote.ignores(relative)? {
        return Ok(());
    }
    let dir = inside.parent().unwrap_or(Path::new("")).display().to_string();
    Err(Failure::Blocked(format!(
        "KEY_WOULD_BE_TRACKED: git does not ignore {relative}, so a commit could take the key along. Add the line \
         /{dir}/ to .gitignore, or use --dir state/secrets"
    )))
}

/// The path relative to the work tree, when the nearest directory that exists lies inside of it.
fn within(root: &Path, path: &Path) -> Option<PathBuf> {
    let root = root.canonicalize().ok()?;
    let real = path.ancestors().find_map(|part| Some((part, part.canonicalize().ok()?)));
    let (part, real) = real?;
    let rest = path.strip_prefix(part).ok()?;
    Some(real.strip_prefix(&root).ok()?.join(rest))
}

fn taken(file: &Path) -> Failure {
    Failure::Blocked(format!(
        "KEY_EXISTS: {} is there already and is never overwritten. Use --name for a second key",
        file.display()
    ))
}

/// The secret first: a public half without its secret would look like a key that can be used.
fn write(store: &Store, made: &Made, text: &str) -> Result<(), Failure> {
    let new = |file: &Path, content: &str| {
        let written = store.write_new_secret(&file.to_string_lossy(), format!("{content}\n").as_bytes());
        let is_taken = |kind| kind == std::io::ErrorKind::AlreadyExists;
        written.map_err(|fault| if is_taken(fault.source.kind()) { taken(file) } else { Failure::from(fault) })
    };
    if let Some((file, _)) = &made.public
        && store.path(&file.to_string_lossy()).exists()
    {
        return Err(taken(file));
    }
    new(&made.secret, text)?;
    match &made.public {
        Some((file, half)) => new(file, half),
        None => Ok(()),
    }
}

fn tell(made: &Made, output: &Output) {
    let secret = made.secret.display().to_string();
    let public = made.public.as_ref().map(|(file, half)| (file.display().to_string(), half.clone()));
    let document = json!({
        "schema": "PC_BUNDLE_KEY_V1",
        "algorithm": made.algorithm.as_str(),
        "key_file": secret,
        "public_key_file": public.as_ref().map(|(file, _)| file),
        "public_key": public.as_ref().map(|(_, half)| half),
    });
    output.result(&document, || match &public {
        Some((file, half)) => vec![
            format!("made {secret} (private, mode 0600; it stays on this PC)"),
            format!("made {file} (public)"),
            format!("public key  {half}"),
            "on this PC, in daily_ops.toml under [bundle]:".to_owned(),
            format!("  ed25519_key_file = {secret:?}"),
            format!("on the host, copy {file} there and write under [bundle]:"),
            format!("  ed25519_public_key_file = {file:?}"),
            "  algorithms = \"ed25519\"".to_owned(),
        ],
        None => vec![
            format!("made {secret} (shared, mode 0600; carry it to the host over a private channel, never by git)"),
            "on this PC and on the host, in daily_ops.toml under [bundle]:".to_owned(),
            format!("  hmac_key_file = {secret:?}"),
            "while a key is being changed, list both: the first signs, all are accepted".to_owned(),
        ],
    });
}
