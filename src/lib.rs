//! Runs the daily hand-off of a Korean equities operation.
//!
//! A research PC decides in the evening, seals its decision into a strategy bundle and publishes it by git. An always-on
//! host takes it over in the morning: at 09:05 in Korea it pulls, asks its backend for its health, regenerates the ops
//! summary, runs one simulated live cycle and proves that the receipt can be read back. Every run ends with one summary
//! line, one sealed record and one of four exit codes: 0 done or done with warnings, 2 blocked by a rule, 3 fault,
//! 64 wrong usage or settings. In doubt the run blocks; what cannot be read is never permission.
//!
//! # From a sealed bundle to a receipt
//!
//! The PC's side seals, the host's side validates and runs a cycle; both know only [`contracts`].
//!
//! ```
//! use std::sync::Arc;
//!
//! use daily_ops::contracts::BundleDecision;
//! use daily_ops::contracts::BundlePolicy;
//! use daily_ops::contracts::SigningKey;
//! use daily_ops::contracts::bundle::validate;
//! use daily_ops::contracts::cycle::CycleDecision;
//! use daily_ops::ops::Ops;
//! use daily_ops::ops::OpsPolicy;
//! use daily_ops::pc;
//! use daily_ops::store::Store;
//! use daily_ops::store::layout;
//! use daily_ops::time::SimClock;
//! use daily_ops::time::Stamp;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // Thursday evening on the PC.
//! let evening = Stamp::from("2026-11-19T19:00:00+09:00").instant().ok_or("a time")?;
//! let key = SigningKey::hmac(b"a key that both machines hold")?;
//! let draft = pc::BundleDraft {
//!     strategy: serde_json::json!({
//!         "name": "MOMENTUM", "version": "1.0.0", "universe": ["069500", "114800"],
//!         "lookbacks": {"momentum_period": 20, "volatility_period": 14},
//!         "rebalance_rule": {"frequency": "DAILY", "time_kst": "09:05"},
//!         "risk_limits": {"max_position_pct": 0.25, "max_drawdown_pct": 0.15},
//!         "position_limits": {"max_positions": 4, "min_cash_pct": 0.1},
//!         "decision_params": {"entry_threshold": 0.02, "exit_threshold": -0.03, "adx_filter_min": 20},
//!     }),
//!     pc_host: "pc".to_owned(),
//!     git_commit: "unknown".to_owned(),
//!     git_branch: "main".to_owned(),
//!     evidence_refs: Vec::new(),
//! };
//! let sealed = pc::sealed_bundle(&draft, &key, evening)?;
//!
//! // Friday morning on the host: the key proves the bundle, the clock proves its age.
//! let morning = Stamp::from("2026-11-20T09:05:00+09:00").instant().ok_or("a time")?;
//! let policy = BundlePolicy { keys: vec![key.verifying()], ..BundlePolicy::default() };
//! let found = validate(Some(&sealed), &policy, morning);
//! assert_eq!((found.decision, found.stale), (BundleDecision::Pass, false));
//!
//! // One byte more, and it is nothing to act on.
//! let forged = String::from_utf8(sealed.clone())?.replace("0.25", "0.95");
//! assert_eq!(validate(Some(forged.as_bytes()), &policy, morning).decision, BundleDecision::Fail);
//!
//! // The cycle on a workspace: recommendation, summary, console preview, one receipt.
//! let workspace = tempfile::tempdir()?;
//! let store = Store::new(workspace.path());
//! store.write(layout::BUNDLE.latest, &sealed)?;
//! let rules = move || Ok(OpsPolicy { bundle: policy.clone(), ..OpsPolicy::default() });
//! let ops = Ops::new(store, Arc::new(SimClock::at(morning)), Box::new(rules));
//! let receipt = ops.run_cycle(None)?.receipt;
//! assert_eq!(receipt.decision, Some(CycleDecision::Completed));
//! # Ok(())
//! # }
//! ```
//!
//! # The floors
//!
//! A module looks down, never up.
//!
//! ```text
//! 4  door      cli          commands, exit codes, what is printed
//! 3  flows     pipeline     the daily run: five verified stages and their record
//!              backend      the host's API on loopback
//!              pc           prices, backtest, tuning, reconciliation, reports, bundle, publish
//!              rehearsal    the dashboard as its visitor: the demo, the diagnosis, the browser
//! 2  domain    ops          the documents that the host regenerates
//!              trading      bars, instruments, ticks, taxes, indicators, the gate
//!              release      rolling back
//!    services  gates        who may do what: switches, approvals, tokens, the audit trail
//!              notify       messages that leave the host            sync   git
//! 1  keeping   store        every file and path          settings   every knob
//!              telemetry    the event bus, its log and counters
//! 0  ground    contracts    every stored shape           time   clock, Korea, sessions
//! ```
//!
//! [`pipeline`] uses neither [`ops`] nor [`backend`]: the checker shares no code with the checked, only [`contracts`].
//!
//! # Where to start reading
//!
//! [`contracts::run`] for what a run leaves behind, then [`pipeline::run_daily`] for how it comes to that, then
//! [`ops::Ops`] for what the backend does when it is asked. [`store::layout`] has every path once, [`contracts::reason`]
//! every code, [`settings::knobs`] every setting.
#![forbid(unsafe_code)]

pub mod backend;
pub mod cli;
pub mod contracts;
pub mod gates;
pub mod notify;
pub mod ops;
pub mod pc;
pub mod pipeline;
pub mod rehearsal;
pub mod release;
pub mod settings;
pub mod store;
pub mod sync;
pub mod telemetry;
pub mod time;
pub mod trading;
