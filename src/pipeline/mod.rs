//! The daily run: five verified stages against any backend that speaks the reference API.
//!
//! The runner owns the order, the record and every way out; a stage asks and then judges; a judge is a function of the
//! answers. Nothing here shares code with the backend it checks: both know only `contracts`. Files: the run record under
//! `reports/ops/daily_ops/`, the proof files under `reports/ops/cron_proof/`, the logs under `logs/`,
//! and the heartbeat `state/heartbeat.json`. Events go to the bus of the server on a thread of their own. What people are told is asked for after the verdict and before the seal.

mod announce;
mod checks;
mod client;
mod closing;
mod control;
mod events;
mod explain;
mod fallback;
mod heartbeat;
mod history;
mod line;
mod opening;
mod perform;
mod preflight;
mod record;
mod runner;
mod safety;
mod silence;
mod stages;
mod story;

pub use announce::Outside;
pub use checks::CheckMode;
pub use checks::CheckOutcome;
pub use checks::check_live_cycle;
pub use checks::check_ops_cycle;
pub use checks::check_ops_summary;
pub use client::Answer;
pub use client::Backend;
pub use client::Body;
pub use client::CallFault;
pub use client::Limits;
pub use control::Control;
pub use events::Beside;
pub use events::EventsTo;
pub use explain::Language;
pub use explain::explain;
pub use history::ChainReport;
pub use history::History;
pub use history::HistoryFault;
pub use history::Listed;
pub use history::RunDiff;
pub use preflight::Finding;
pub use preflight::look_at_backend;
pub use preflight::preflight;
pub use runner::BundleRules;
pub use runner::Mode;
pub use runner::Pull;
pub use runner::Refusal;
pub use runner::RunOptions;
pub use runner::RunOutcome;
pub use runner::Site;
pub use runner::run_daily;
pub use silence::Alarm;
pub use silence::HeartbeatSource;
pub use silence::SilenceCheck;
pub use silence::check_heartbeat;
pub use story::Sink;
