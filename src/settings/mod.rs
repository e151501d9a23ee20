//! Every knob of the program: default, then `daily_ops.toml`, then the environment, then a flag.
//!
//! [`knobs`] is one table; reading, `config show` and the table in the README come from it, so none of them can disagree.
//! Every layer that names a knob is checked, also where a later layer wins, and all faults are reported together. A value
//! remembers where it came from. Times are `std::time::Duration`, sizes are bytes, ages are seconds.
//!
//! An empty environment variable counts as not set. A name that starts with `DAILY_OPS_` or `OPS_` and is not known is a
//! fault, because a mistyped name would otherwise be a policy that silently does not apply. Secrets come from the
//! environment or from a key file, never from `daily_ops.toml` or a flag, and no fault repeats one.
//!
//! Nothing else in the program reads the environment. This module writes no file.

mod fault;
mod file;
mod keys;
mod knob;
mod load;
mod message;
mod model;
mod rules;
mod secret;
mod table;
mod value;

pub use fault::Place;
pub use fault::SettingFault;
pub use fault::SettingsFaults;
pub use knob::Kind;
pub use knob::Knob;
pub use knob::OtherVariable;
pub use load::Origin;
pub use load::SettingRow;
pub use message::MESSAGE_SECRETS;
pub use message::MessageSecrets;
pub use model::BundleSettings;
pub use model::DashboardSettings;
pub use model::GitPolicy;
pub use model::HeartbeatSettings;
pub use model::Lang;
pub use model::LogFormat;
pub use model::OpsSettings;
pub use model::OutputSettings;
pub use model::PcSettings;
pub use model::PipelineSettings;
pub use model::PublishSettings;
pub use model::PushSettings;
pub use model::QuoteVendor;
pub use model::RetentionSettings;
pub use model::ServeSettings;
pub use model::Settings;
pub use model::SmtpTls;
pub use model::SnapshotPolicy;
pub use model::StalePolicy;
pub use model::StoreSettings;
pub use model::WatchSettings;
pub use secret::Secret;
pub use table::knobs;
pub use table::markdown_table;
pub use table::other_variables;

/// The file of settings, in the root of the workspace.
pub const SETTINGS_FILE: &str = "daily_ops.toml";
