//! `daily_ops demo handoff`: the two machines and their shared repository on this one, and the real daily run on it.

use std::path::Path;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::json;

use super::args::Global;
use super::context::Context;
use super::context::salt;
use super::exit;
use super::exit::Failure;
use super::output::Output;
use super::run;
use super::serve::Embedded;
use super::workspace;
use crate::contracts::BundlePolicy;
use crate::contracts::RunId;
use crate::contracts::SigningKey;
use crate::contracts::json::hex;
use crate::contracts::publish::PublishCode;
use crate::contracts::run::Trigger;
use crate::pc;
use crate::pc::BundleDraft;
use crate::pc::publish::KeyMaterial;
use crate::pc::publish::PublishClass;
use crate::pc::publish::PublishOptions;
use crate::pc::publish::PublishOutcome;
use crate::pc::publish::Publisher;
use crate::pipeline::Mode;
use crate::pipeline::Pull;
use crate::pipeline::RunOptions;
use crate::store::Store;
use crate::store::layout;
use crate::sync;
use crate::sync::HOOK_LIMIT;
use crate::sync::Hooks;
use crate::sync::Identity;
use crate::sync::Remote;
use crate::sync::TRANSFER_LIMIT;
use crate::time::Clock as _;
use crate::time::KstTime;
use crate::time::Stamp;
use crate::time::SystemClock;
use crate::time::file_stamp;
use crate::time::kst;

const BRANCH: &str = "main";
const PUBLIC_KEY: &str = "state/secrets/bundle_ed25519.pub";
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
    let run_id = publish(&site, clock.now(), output)?;
    output.story(&format!("pc: published as {run_id}; now the host's daily run"));
    output.story("");
    let global = Global { root: Some(site.host.clone()), json: output.is_json(), quiet: false, set: Vec::new() };
    let context = Context::load(&global)?;
    context.heed_signals()?;
    let embedded = Embedded::start(&context)?;
    let options = RunOptions { trigger: Trigger::Manual, pull: Pull::Yes, mode: Mode::Act };
    let outcome = run::run_at(&context, &embedded.url(), options, output);
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
    let tracked = [".gitignore", ".gitattributes"].map(str::to_owned);
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

/// What the PC does in the evening: reports, a signed bundle, one commit, one push.
fn publish(site: &DemoSite, now: KstTime, output: &Output) -> Result<RunId, Failure> {
    let store = Store::new(&site.pc);
    let key = store.read(PRIVATE_KEY)?.context("the PC's key is missing; remove the demo's directory")?;
    let private = String::from_utf8_lossy(&key).into_owned();
    let key = SigningKey::ed25519(&private)?;
    let revision = remote(&site.pc).revision()?.unwrap_or_default();
    let draft = BundleDraft {
        strategy: strategy(),
        pc_host: "demo-pc".to_owned(),
        git_commit: revision.get(..8).unwrap_or("unknown").to_owned(),
        git_branch: BRANCH.to_owned(),
        evidence_refs: vec![layout::RECON_SUMMARY.to_owned()],
    };
    let bundle = pc::sealed_bundle(&draft, &key, now)?;
    let snapshot = format!("{}/{}_{}.json", layout::BUNDLE.snapshots, layout::BUNDLE.kind, file_stamp(now));
    let mut files = vec![(snapshot, bundle.clone()), (layout::BUNDLE.latest.to_owned(), bundle)];
    files.extend(reports(now));
    for (path, bytes) in &files {
        store.write(path, bytes)?;
    }
    let run_id = RunId::new(now, salt());
    let policy = BundlePolicy { keys: vec![key.verifying()], ..BundlePolicy::default() };
    let publisher = Publisher {
        store: &store,
        clock: &SystemClock::new(),
        remote: "origin",
        branch: BRANCH,
        git_limit: TRANSFER_LIMIT,
        hooks: Hooks { limit: HOOK_LIMIT, hidden: &[] },
        policy: &policy,
        keys: &[KeyMaterial::new(PRIVATE_KEY, private.trim())],
        options: PublishOptions::default(),
    };
    let PublishOutcome { result, class, .. } = publisher.publish(&run_id);
    let Some(commit) = result.commit.filter(|_| class == PublishClass::Done) else {
        let code = result.code.map_or("PUBLISH", PublishCode::as_str);
        return Err(anyhow::anyhow!("the demo's publish ended early: {code}: {}", result.message).into());
    };
    output.story(&format!("pc: {} files committed and pushed as {commit:.10}", result.files.len()));
    Ok(run_id)
}

fn strategy() -> serde_json::Value {
    json!({
        "name": "DEMO_MOMENTUM",
        "version": "1.0.0",
        "universe": ["069500", "229200", "114800", "122630"],
        "lookbacks": {"momentum_period": 20, "volatility_period": 14},
        "rebalance_rule": {"frequency": "DAILY", "time_kst": "09:05"},
        "risk_limits": {"max_position_pct": 0.25, "max_drawdown_pct": 0.15},
        "position_limits": {"max_positions": 4, "min_cash_pct": 0.1},
        "decision_params": {"entry_threshold": 0.02, "exit_threshold": -0.03, "adx_filter_min": 20},
        "scorer": {
            "status": "OK", "reason": "SUCCESS", "reason_detail": "", "data_source": "demo",
            "top_picks": [
                {"ticker": "229200", "score": 77.5, "reason": "RANK_SCORE", "reason_detail": "mom_rank=1/4 vol_rank=4/4"},
                {"ticker": "122630", "score": 67.5, "reason": "RANK_SCORE", "reason_detail": "mom_rank=2/4 vol_rank=3/4"},
                {"ticker": "069500", "score": 65.0, "reason": "RANK_SCORE", "reason_detail": "mom_rank=3/4 vol_rank=1/4"},
                {"ticker": "114800", "score": 40.0, "reason": "RANK_SCORE", "reason_detail": "mom_rank=4/4 vol_rank=2/4"},
            ],
        },
        "holding_action": {"status": "SKIPPED", "reason": "PORTFOLIO_MISSING", "reason_detail": "", "items": []},
    })
}

/// Reports of a day without trades, labelled as the demo's.
fn reports(now: KstTime) -> Vec<(String, Vec<u8>)> {
    let day = now.with_timezone(&kst()).date_naive().to_string();
    let at = Stamp::of(now);
    let summary = json!({
        "schema": "RECON_SUMMARY_V1", "generated_at": at, "period": {"from": day, "to": day},
        "counts": {"L1_actions": 0, "L2_trades": 0, "L1_L2_delta": 0},
        "kpis": {"gate_open": 1, "chop_block": 0, "bear_block": 0, "executed": 0, "no_data": 0},
        "integrity": {"critical_days": 0, "warning_days": 0, "info_days": 0, "top_codes": []},
        "note": "made by the demo",
    });
    let kpi =
        |key: &str, label: &str, value: u32| json!({"key": key, "label_ko": label, "value": value, "unit": "days"});
    let human = json!({
        "contract_id": "CONTRACT_5", "schema_version": "REPORT_HUMAN_V1", "generated_at": at, "asof": at,
        "headline": {
            "period": format!("{day}~{day}"), "status_badge": "GREEN",
            "trade_count": {"L1_actions": 0, "L2_trades": 0, "delta": 0},
        },
        "integrity_summary": {"critical_total": 0, "warning_total": 0, "info_total": 0, "top_codes": []},
        "kpis": [
            kpi("gate_open_days", "시장 개장", 1), kpi("executed_days", "체결 발생", 0),
            kpi("chop_blocked_days", "횡보장 방어", 0), kpi("bear_blocked_days", "하락장 방어", 0),
            kpi("no_data_days", "데이터 누락", 0),
        ],
    });
    let ai = json!({
        "contract_id": "CONTRACT_5", "schema_version": "REPORT_AI_V1", "generated_at": at, "asof": at,
        "kpi_vector": {"gate_open_days": 1, "executed_days": 0, "L2_trades": 0, "no_data_days": 0},
        "integrity_flags": {"critical_total": 0, "critical_codes": []}, "status": "GREEN",
    });
    let daily = json!({
        "schema": "RECON_DAILY_V1", "trade_date": day, "l1": {"actions": 0}, "execution": {"executed": false},
    });
    let pretty = |value: &serde_json::Value| format!("{value:#}\n").into_bytes();
    vec![
        (layout::RECON_SUMMARY.to_owned(), pretty(&summary)),
        (layout::REPORT_HUMAN.to_owned(), pretty(&human)),
        (layout::REPORT_AI.to_owned(), pretty(&ai)),
        (layout::RECON_DAILY.to_owned(), format!("{daily}\n").into_bytes()),
    ]
}
