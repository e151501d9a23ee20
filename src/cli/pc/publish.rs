//! `daily_ops pc publish`

use clap::Args;

use crate::cli::args::Global;
use crate::cli::context::Context;
use crate::cli::context::salt;
use crate::cli::exit;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::contracts::RunId;
use crate::pc::publish::ErrorSummary;
use crate::pc::publish::GeneratedPrices;
use crate::pc::publish::KeyMaterial;
use crate::pc::publish::PublishClass;
use crate::pc::publish::PublishDays;
use crate::pc::publish::PublishMode;
use crate::pc::publish::PublishOptions;
use crate::pc::publish::PublishOutcome;
use crate::pc::publish::PublishStop;
use crate::pc::publish::PublishWhat;
use crate::pc::publish::Publisher;
use crate::settings::Settings;
use crate::sync::HOOK_LIMIT;
use crate::sync::Hooks;
use crate::time::Clock as _;

/// A hook has no business with a variable whose name holds one of these.
const HIDDEN: [&str; 5] = ["SECRET", "TOKEN", "PASSWORD", "PASSWD", "KEY"];

/// `pc publish`
#[derive(Debug, Args)]
pub(in crate::cli) struct PublishArgs {
    /// Say what would be committed and pushed; fetch, but change nothing
    #[arg(long)]
    dry_run: bool,
    /// Publish the bundle alone, under its own subject
    #[arg(long, conflicts_with = "state_only")]
    bundle_only: bool,
    /// Publish strategy parameters and other `state/**/latest` documents alone
    #[arg(long, conflicts_with = "allow_error")]
    state_only: bool,
    /// Publish the report of a reconciliation that ended in an error
    #[arg(long, conflicts_with = "bundle_only")]
    allow_error: bool,
    /// Publish a bundle that was made of generated prices; the commit says so
    #[arg(long, conflicts_with = "state_only")]
    allow_synthetic: bool,
    /// Do nothing, successfully, when no session opens within 24 hours
    #[arg(long)]
    only_before_session: bool,
}

impl PublishArgs {
    fn options(&self) -> PublishOptions {
        PublishOptions {
            what: match (self.bundle_only, self.state_only) {
                (true, _) => PublishWhat::Bundle,
                (_, true) => PublishWhat::State,
                (false, false) => PublishWhat::Everything,
            },
            error_summary: if self.allow_error { ErrorSummary::Allowed } else { ErrorSummary::Refused },
            generated_prices: match self.allow_synthetic {
                true => GeneratedPrices::Allowed,
                false => GeneratedPrices::Refused,
            },
            mode: if self.dry_run { PublishMode::DryRun } else { PublishMode::Act },
            days: if self.only_before_session { PublishDays::BeforeSession } else { PublishDays::All },
        }
    }
}

pub(super) fn publish(args: &PublishArgs, global: &Global, output: &mut Output) -> Result<u8, Failure> {
    let context = Context::load(global)?;
    output.set_log_format(context.settings.output.log_format);
    let run_id = RunId::new(context.clock.now(), salt());
    let outcome = publish_as(&context, args.options(), &run_id)?;
    report(&outcome, output);
    Ok(exit_code(outcome.class))
}

/// One publish with the settings of the workspace.
pub(in crate::cli) fn publish_as(
    context: &Context,
    options: PublishOptions,
    run_id: &RunId,
) -> Result<PublishOutcome, Failure> {
    with_publisher(context, options, |publisher| publisher.publish(run_id))
}

/// The steps of a publish that come before its files: the tree is in order and the newest.
pub(in crate::cli) fn prepare(context: &Context) -> Result<Result<Vec<String>, PublishStop>, Failure> {
    with_publisher(context, PublishOptions::default(), |publisher| publisher.prepare())
}

fn with_publisher<T>(
    context: &Context,
    options: PublishOptions,
    act: impl FnOnce(&Publisher<'_>) -> T,
) -> Result<T, Failure> {
    let policy = context.settings.bundle_policy().map_err(|faults| Failure::Usage(faults.to_string()))?;
    let keys = key_material(&context.settings).map_err(Failure::Usage)?;
    let secret = hidden(Settings::process_env().into_keys());
    let hidden: Vec<&str> = secret.iter().map(String::as_str).collect();
    let settings = &context.settings.publish;
    let publisher = Publisher {
        store: &context.store,
        clock: context.clock.as_ref(),
        remote: &settings.remote,
        branch: &settings.branch,
        git_limit: settings.git_limit,
        hooks: Hooks { limit: HOOK_LIMIT, hidden: &hidden },
        policy: &policy,
        keys: &keys,
        options,
    };
    Ok(act(&publisher))
}

/// The variables that are hidden from hooks: those that hold secrets by their names.
fn hidden(names: impl Iterator<Item = String>) -> Vec<String> {
    let is_secret = |name: &String| {
        let upper = name.to_ascii_uppercase();
        HIDDEN.iter().any(|word| upper.contains(word))
    };
    names.filter(is_secret).collect()
}

/// What people or programs read of a publish that ended.
pub(in crate::cli) fn report(outcome: &PublishOutcome, output: &Output) {
    let result = &outcome.result;
    for warning in &result.warnings {
        output.remark(&format!("⚠️ {warning}"));
    }
    if outcome.class != PublishClass::Done {
        let code = result.code.map_or_else(String::new, |code| format!("{code}: "));
        output.remark(&format!("❌ {code}{}", result.message));
        if let Some(commit) = result.commit.as_ref().filter(|_| !result.pushed) {
            output.remark(&format!("commit {commit:.10} is kept and pushed by the next publish"));
        }
    }
    output.result(result, || {
        let mut lines = outcome.lines.clone();
        lines.extend((outcome.class == PublishClass::Done).then(|| result.message.clone()));
        lines
    });
}

/// The exit code of a publish that ended.
pub(in crate::cli) fn exit_code(class: PublishClass) -> u8 {
    match class {
        PublishClass::Done => exit::DONE,
        PublishClass::Refused => exit::BLOCKED,
        PublishClass::Fault => exit::FAULT,
    }
}

/// Our own keys, which must not be in any file that travels. A key file that is not there can leak nothing; one that cannot
/// be read could.
fn key_material(settings: &Settings) -> Result<Vec<KeyMaterial>, String> {
    let bundle = &settings.bundle;
    let mut keys: Vec<KeyMaterial> =
        bundle.hmac_key.iter().map(|key| KeyMaterial::new("STRATEGY_BUNDLE_HMAC_KEY", key.expose())).collect();
    for file in bundle.hmac_key_file.iter().chain(&bundle.ed25519_key_file) {
        let path = settings.root.join(file);
        match std::fs::read(&path) {
            Ok(bytes) => keys.push(KeyMaterial::new(file.display().to_string(), String::from_utf8_lossy(&bytes))),
            Err(fault) if fault.kind() == std::io::ErrorKind::NotFound => {}
            Err(fault) => return Err(format!("the key file {} cannot be read: {fault}", path.display())),
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_with_secret_names_are_hidden_from_hooks() {
        let secret = ["STRATEGY_BUNDLE_HMAC_KEY", "OPS_TOKEN", "kis_app_secret", "PGPASSWORD", "X_PASSWD_FILE"];
        let plain = ["PATH", "HOME", "LANG", "SSH_AUTH_SOCK"];
        let names = secret.iter().chain(&plain).map(|name| (*name).to_owned());
        assert_eq!(hidden(names), secret);
    }
}
