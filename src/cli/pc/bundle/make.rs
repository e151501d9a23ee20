//! Making a bundle: gather the evidence, refuse what would look fresh and is not, sign, keep, tell.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Context as _;

use super::MakeArgs;
use super::tell;
use crate::cli::args::Global;
use crate::cli::context::Context;
use crate::cli::exit;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::contracts::bundle::Algorithm;
use crate::contracts::bundle::validate;
use crate::contracts::portfolio::Portfolio;
use crate::pc::bundle::Held;
use crate::pc::bundle::Loaded;
use crate::pc::bundle::PriceDay;
use crate::pc::bundle::SYNTHETIC;
use crate::pc::bundle::Seal;
use crate::pc::bundle::Workshop;
use crate::pc::bundle::active_surface;
use crate::pc::bundle::keep;
use crate::pc::bundle::keep_as;
use crate::pc::bundle::load;
use crate::pc::bundle::make as make_bundle;
use crate::pc::bundle::signals;
use crate::pc::params;
use crate::pc::params::ParamSource;
use crate::settings::Settings;
use crate::store::Store;
use crate::store::layout;
use crate::sync::Remote;
use crate::time::Calendar;
use crate::time::Clock as _;
use crate::time::KstTime;

const UNKNOWN: &str = "unknown";
/// Where Linux keeps the machine's name.
const HOST_NAMES: [&str; 2] = ["/proc/sys/kernel/hostname", "/etc/hostname"];

pub(super) fn make(args: &MakeArgs, global: &Global, output: &Output) -> Result<u8, Failure> {
    let context = Context::load(global)?;
    let now = context.clock.now();
    let key = signing_key(args, &context)?;
    let seal = key.as_ref().map_or(Seal::Unsigned, Seal::Signed);
    let params = parameters(args, &context, seal, now)?;
    let mut loaded = prices(args, &context, &params)?;
    let (held, portfolio_warning) = portfolio(args, &context.store)?;
    loaded.evidence.held = held;
    let session = Calendar::krx().last_ended(now)?;
    let day = PriceDay::of(&loaded.evidence, &params.values.universe, session.date);
    let mut warnings = judged(args, &loaded, day)?;
    warnings.extend(portfolio_warning);
    if key.is_none() {
        warnings.push("UNSIGNED: hosts refuse this bundle unless bundle.allow_unsigned = true".to_owned());
    }
    let signals = signals(&loaded.evidence, &params.values, day);
    let workshop = workshop(args, &context, &params, &loaded);
    let made = make_bundle(&params, &signals, &workshop, seal, now)?;
    let place = match &args.out {
        None => keep(&context.store, &made, seal, now)?,
        Some(file) => {
            let (store, name) = place_of(file)?;
            let told = || format!("--out {}", file.display());
            keep_as(&store, &name, &made, seal, now).with_context(told)?;
            file.to_string_lossy().into_owned()
        }
    };
    let told = tell::Told { made: &made, signals: &signals, seal, place: &place, warnings: &warnings, day };
    tell::tell(&told, args.out.is_none(), output);
    Ok(exit::DONE)
}

fn signing_key(args: &MakeArgs, context: &Context) -> Result<Option<crate::contracts::SigningKey>, Failure> {
    if args.unsigned {
        return Ok(None);
    }
    let wanted = args.algorithm.map(Algorithm::from);
    let key = context.settings.signing_key(wanted).map_err(|faults| Failure::Usage(faults.to_string()))?;
    let what = wanted.map_or_else(|| "key".to_owned(), |algorithm| format!("{} key", algorithm.as_str()));
    key.map(Some).ok_or_else(|| {
        Failure::Blocked(format!(
            "SIGNATURE_KEY_MISSING: no {what} to sign with is configured. `daily_ops pc bundle keygen` makes one and says \
             where it belongs; `--unsigned` makes a bundle that hosts refuse by default"
        ))
    })
}

/// The parameters. Those of the latest bundle were signed once; if they no longer prove that, a new signature must not.
fn parameters(args: &MakeArgs, context: &Context, seal: Seal<'_>, now: KstTime) -> Result<ParamSource, Failure> {
    if let Some(file) = &args.params {
        return Ok(params::from_file(file)?);
    }
    let found = params::resolve(&context.store)?;
    if found.path == layout::BUNDLE.latest && matches!(seal, Seal::Signed(_)) {
        let policy = context.settings.bundle_policy().map_err(|faults| Failure::Usage(faults.to_string()))?;
        let bytes = context.store.read(layout::BUNDLE.latest)?;
        let judged = validate(bytes.as_deref(), &policy, now);
        if !judged.valid {
            return Err(Failure::Blocked(format!(
                "PARAMS_UNVERIFIED: there is no {}, and the latest bundle, whose parameters would be signed anew, is not \
                 valid: {}. Write the parameter file, or name a file with --params",
                layout::STRATEGY_PARAMS.latest,
                judged.issues.join("; ")
            )));
        }
    }
    Ok(found)
}

fn prices(args: &MakeArgs, context: &Context, params: &ParamSource) -> Result<Loaded, Failure> {
    let (dir, source) = match &args.prices {
        Some(dir) if !dir.is_dir() => {
            return Err(Failure::Usage(format!("--prices {} is no directory", dir.display())));
        }
        Some(dir) => (dir.clone(), "FILES"),
        None => (context.store.path(layout::PRICES), "CACHE"),
    };
    Ok(load(&dir, &params.values.universe, source)?)
}

/// What is held, and a warning. A named file must be there and sound; the workspace's own may be missing, and when it is
/// damaged the bundle is made without holding actions, which acts on nothing.
fn portfolio(args: &MakeArgs, store: &Store) -> Result<(Held, Option<String>), Failure> {
    if let Some(file) = &args.portfolio {
        let shown = file.display();
        let bytes = std::fs::read(file).with_context(|| format!("cannot read the portfolio {shown}"))?;
        let portfolio = Portfolio::read(&bytes).with_context(|| format!("{shown} is no portfolio to act on"))?;
        return Ok((Held::Portfolio(portfolio), None));
    }
    let Some(bytes) = store.read(layout::PORTFOLIO.latest)? else { return Ok((Held::Missing, None)) };
    Ok(match Portfolio::read(&bytes) {
        Ok(portfolio) => (Held::Portfolio(portfolio), None),
        Err(fault) => (
            Held::Damaged,
            Some(format!("PORTFOLIO_UNUSABLE: {}: {fault}; no holding actions", layout::PORTFOLIO.latest)),
        ),
    })
}

/// Refuses prices that are not the last session's; what is let through is warned of.
fn judged(args: &MakeArgs, loaded: &Loaded, day: PriceDay) -> Result<Vec<String>, Failure> {
    let mut warnings = Vec::new();
    if loaded.evidence.data_source == SYNTHETIC {
        warnings.push("SYNTHETIC_PRICES: the prices are made up; the bundle says so and is no advice".to_owned());
    }
    if !loaded.evidence.damaged.is_empty() {
        let told: Vec<String> =
            loaded.evidence.damaged.iter().map(|(ticker, why)| format!("{ticker}: {why}")).collect();
        let told = format!("PRICES_UNREADABLE: {}", told.join("; "));
        if !args.allow_stale_prices {
            return Err(Failure::Fault(anyhow::anyhow!("{told}; no bundle was made")));
        }
        warnings.push(format!("{told}; nothing is ranked"));
    }
    match day {
        PriceDay::Current(_) => {}
        PriceDay::Old { newest, session } => {
            let told = format!("STALE_PRICES: the newest close is of {newest}, the last session was {session}");
            if !args.allow_stale_prices {
                return Err(Failure::Blocked(format!(
                    "{told}; a bundle made now would look fresh. Run `daily_ops pc collect`, or say --allow-stale-prices"
                )));
            }
            warnings.push(told);
        }
        PriceDay::None(session) => {
            warnings.push(format!("NO_PRICES: no close of the universe up to {session}; nothing is recommended"));
        }
    }
    Ok(warnings)
}

fn workshop(args: &MakeArgs, context: &Context, params: &ParamSource, loaded: &Loaded) -> Workshop {
    let settings = &context.settings.publish;
    let remote = Remote {
        root: context.store.root(),
        name: &settings.remote,
        branch: &settings.branch,
        limit: settings.git_limit,
    };
    // A workspace outside of git has neither: that is said, not guessed.
    let commit = remote.revision().ok().flatten().and_then(|id| Some(id.get(..8)?.to_owned()));
    let branch = remote.current_branch().ok().flatten();
    let refs = [layout::BACKTEST.latest, layout::RECON_SUMMARY];
    let here = |file: &str| args.out.is_none() && context.store.path(file).is_file();
    let mut files: BTreeMap<String, String> = loaded.files.clone();
    files.insert("params".to_owned(), params.sha256.clone());
    Workshop {
        pc_host: pc_host(),
        git_commit: commit.unwrap_or_else(|| UNKNOWN.to_owned()),
        git_branch: branch.unwrap_or_else(|| UNKNOWN.to_owned()),
        evidence_refs: refs.into_iter().filter(|file| here(file)).map(str::to_owned).collect(),
        active_surface_sha256: active_surface(&files),
    }
}

/// The machine's name, as Windows or Linux tells it.
fn pc_host() -> String {
    let env = Settings::process_env();
    let files = HOST_NAMES.iter().filter_map(|file| std::fs::read_to_string(file).ok());
    let mut names = env.get("COMPUTERNAME").cloned().into_iter().chain(files).chain(env.get("HOSTNAME").cloned());
    let named = names.find(|name| !name.trim().is_empty());
    named.map_or_else(|| UNKNOWN.to_owned(), |name| name.trim().to_owned())
}

/// A store for the directory of a file, and the file's name in it.
fn place_of(file: &Path) -> Result<(Store, String), Failure> {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.ok_or_else(|| Failure::Usage(format!("--out {} names no file", file.display())))?;
    if file.is_dir() {
        return Err(Failure::Usage(format!("--out {} is a directory", file.display())));
    }
    let dir = file.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or_else(|| Path::new("."));
    Ok((Store::new(dir), name))
}
