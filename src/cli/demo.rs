//! `daily_ops demo handoff`: the two machines and their shared repository on this one, and the real daily run on it.

use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;

use super::args::Global;
use super::context::Context;
use super::exit;
use super::exit::Failure;
use super::output::Output;
use super::pc;
use super::run;
use super::serve::Embedded;
use super::workspace;
use crate::contracts::RunId;
use crate::contracts::SigningKey;
use crate::contracts::json::hex;
use crate::contracts::run::Trigger;
use crate::pipeline::Mode;
use crate::pipeline::Pull;
use crate::pipeline::RunOptions;
use crate::store::Store;
use crate::store::layout;
use crate::sync;
use crate::sync::Identity;
use crate::sync::Remote;
use crate::sync::TRANSFER_LIMIT;
use crate::time::Clock as _;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::SystemClock;

const BRANCH: &str = "main";
const PUBLIC_KEY: &str = "state/secrets/bundle_ed25519.pub";
/// The market that the demo makes up.
const SEED: u64 = 2026;
const PRIVATE_KEY: &str = "state/secrets/bundle_ed25519.key";

/// The three places of the demo.
struct DemoSite {
    shared: PathBuf,
    pc: PathBuf,
    host: PathBuf,
}

pub(super) fn handoff(dir: Option<PathBuf>, output: &mut Output) -> Result<u8, Failure> {
    let dir = dir.unwrap_or_else(|| PathBuf::from("data/demo-handoff"));
    std::fs::create_dir_all(&dir).with_context(|| format!("{} cannot be made", dir.display()))?;
    let dir = dir.canonicalize().context("the demo's directory cannot be found")?;
    let site = DemoSite { shared: dir.join("shared.git"), pc: dir.join("pc"), host: dir.join("host") };
    let clock = SystemClock::new();
    output.story(&format!("site {}", dir.display()));
    if !site.host.join(".git").exists() {
        build(&site, clock.now())?;
        output.story("built: shared.git (bare), pc (publishes), host (operates)");
    }
    let run_id = publish(&site, output)?;
    output.story(&format!("pc: published as {run_id}; now the host's daily run"));
    output.story("");
    let global = Global { root: Some(site.host.clone()), json: output.is_json(), quiet: false, set: Vec::new() };
    let context = Context::load(&global)?;
    context.heed_signals()?;
    let embedded = Embedded::start(&context)?;
    let options = RunOptions { trigger: Trigger::Manual, pull: Pull::Yes, mode: Mode::Act };
    let outcome = run::run_at(&context, (&embedded.url(), embedded.events()), options, output);
    embedded.stop();
    run::report(&outcome, output);
    let traced = outcome.record.as_ref().is_some_and(|record| record.trace_id == run_id);
    if outcome.exit_code == exit::DONE && !traced {
        return Err(anyhow::anyhow!("the host's record does not carry the publish's run id {run_id}").into());
    }
    output.story("");
    output.story(&format!("look around: daily_ops --root {} runs show", site.host.display()));
    Ok(outcome.exit_code)
}

/// The shared repository, the PC's clone with a first commit, and the host's clone of it.
fn build(site: &DemoSite, now: KstTime) -> Result<(), Failure> {
    if !site.shared.exists() {
        sync::create_bare(&site.shared, BRANCH)?;
    }
    let url = site.shared.to_string_lossy().into_owned();
    let person = |name| Identity { name, email: "demo@localhost" };
    if !site.pc.join(".git").exists() {
        sync::clone(&url, &site.pc, BRANCH, person("Research PC"))?;
    }
    let pc = Store::new(&site.pc);
    workspace::make(&pc)?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|fault| anyhow::anyhow!("no randomness for a key: {fault}"))?;
    let private = hex(&seed);
    let public = SigningKey::ed25519(&private)?.public_text().unwrap_or_default();
    pc.write_secret(PRIVATE_KEY, private.as_bytes())?;
    pc.write("daily_ops.toml", format!("[bundle]\ned25519_key_file = \"{PRIVATE_KEY}\"\n").as_bytes())?;
    workspace::make_params(&pc, now)?;
    let tracked = [".gitignore", ".gitattributes", layout::STRATEGY_PARAMS.latest].map(str::to_owned);
    remote(&site.pc).publish(&tracked, &format!("Start of the workspace\n\n{}\n", Stamp::of(now)))?;
    // Cloned last: a host clone that is there means that the site is whole.
    let half = site.host.with_extension("making");
    if half.exists() {
        std::fs::remove_dir_all(&half).context("a half-made host clone cannot be removed")?;
    }
    sync::clone(&url, &half, BRANCH, person("OCI host"))?;
    let host = Store::new(&half);
    workspace::make(&host)?;
    host.write_secret(PUBLIC_KEY, public.as_bytes())?;
    host.write("daily_ops.toml", format!("[bundle]\ned25519_public_key_file = \"{PUBLIC_KEY}\"\n").as_bytes())?;
    std::fs::rename(&half, &site.host).context("the host clone cannot be put in place")?;
    Ok(())
}

fn remote(root: &Path) -> Remote<'_> {
    Remote { root, name: "origin", branch: BRANCH, limit: TRANSFER_LIMIT }
}

/// What the PC does in the evening: the day's work on generated prices, up to the push.
fn publish(site: &DemoSite, output: &Output) -> Result<RunId, Failure> {
    let run = pc::generated_day(&site.pc, SEED)?;
    for stage in &run.stages {
        output.story(&format!("pc: {}", pc::stage_line(stage)));
    }
    if run.exit_code != exit::DONE {
        let stage = run.failed_stage.unwrap_or_default();
        return Err(anyhow::anyhow!("the demo's PC ended early at {stage}").into());
    }
    let run_id = run.run_id.and_then(|text| RunId::try_from(text).ok());
    run_id.ok_or_else(|| anyhow::anyhow!("the publish left no run id").into())
}
