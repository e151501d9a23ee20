//! `daily_ops pc bundle`: make, sign and prove a bundle; verify one; list the kept ones; make a key.

mod keygen;
mod make;
mod tell;
mod verify;

use std::path::PathBuf;

use clap::Args;
use clap::Subcommand;
use clap::ValueEnum;

use crate::cli::args::Global;
use crate::cli::exit::Failure;
use crate::cli::output::Output;
use crate::contracts::bundle::Algorithm;

/// `pc bundle`
#[derive(Debug, Default, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(in crate::cli) struct BundleArgs {
    #[command(flatten)]
    make: MakeArgs,
    #[command(subcommand)]
    what: Option<BundleCommand>,
}

/// Making a bundle.
#[derive(Debug, Default, Args)]
struct MakeArgs {
    /// The parameters (STRATEGY_PARAMS_V1, or a bundle); the workspace's otherwise
    #[arg(long, value_name = "FILE")]
    params: Option<PathBuf>,
    /// Where the price files lie; data/cache otherwise
    #[arg(long, value_name = "DIR")]
    prices: Option<PathBuf>,
    /// What is held (PORTFOLIO_SNAPSHOT_V1); the workspace's otherwise
    #[arg(long, value_name = "FILE")]
    portfolio: Option<PathBuf>,
    /// Write the bundle to this file only: no snapshot, no latest copy
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Which of several configured keys signs; the shared one otherwise
    #[arg(long, conflicts_with = "unsigned")]
    algorithm: Option<AlgorithmArg>,
    /// Do not sign: hosts refuse such a bundle unless they are told to tolerate it
    #[arg(long)]
    unsigned: bool,
    /// Go on with closes older than the last session, or with unreadable price files; the bundle says so
    #[arg(long)]
    allow_stale_prices: bool,
}

/// What else can be done with bundles.
#[derive(Debug, Subcommand)]
enum BundleCommand {
    /// Judge a bundle as the host would, with this workspace's settings; every issue is told
    Verify(VerifyArgs),
    /// The newest twenty snapshots, newest first
    List,
    /// Make a signing key in a file that only its owner can read, and say where its halves belong
    Keygen(KeygenArgs),
}

/// `pc bundle verify`
#[derive(Debug, Args)]
struct VerifyArgs {
    /// The bundle; the workspace's latest otherwise
    file: Option<PathBuf>,
    /// Judge the age at this time instead of now, as in 2026-11-23T09:05:00+09:00
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
}

/// `pc bundle keygen`
#[derive(Debug, Args)]
struct KeygenArgs {
    /// ed25519: the host can verify but not sign. HMAC-SHA256: both hold the same key
    #[arg(long, default_value = "ed25519")]
    algorithm: AlgorithmArg,
    /// Where, relative to the workspace
    #[arg(long, value_name = "DIR", default_value = "state/secrets")]
    dir: PathBuf,
    /// Name of the files without ending; bundle_ed25519 or bundle_hmac otherwise
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// How a bundle is signed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum AlgorithmArg {
    /// A private and a public key
    #[value(name = "ed25519")]
    Ed25519,
    /// One key that both machines hold
    #[value(name = "HMAC-SHA256", alias = "hmac-sha256", alias = "hmac")]
    HmacSha256,
}

impl From<AlgorithmArg> for Algorithm {
    fn from(word: AlgorithmArg) -> Self {
        match word {
            AlgorithmArg::Ed25519 => Self::Ed25519,
            AlgorithmArg::HmacSha256 => Self::HmacSha256,
        }
    }
}

pub(super) fn bundle(args: &BundleArgs, global: &Global, output: &mut Output) -> Result<u8, Failure> {
    match &args.what {
        None => make::make(&args.make, global, output),
        Some(BundleCommand::Verify(args)) => verify::verify(args, global, output),
        Some(BundleCommand::List) => verify::list(global, output),
        Some(BundleCommand::Keygen(args)) => keygen::keygen(args, global, output),
    }
}
