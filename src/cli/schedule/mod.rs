//! The text of the schedule: crontab entries and systemd units for one installation.
//!
//! The daily run is due at 09:05 in Korea every day, the ops cycle each hour ten minutes before, the weekly cleanup on
//! Sunday at 01:10 in Korea. systemd is told so in these words. cron only knows the host's own zone, so its entries are computed from that zone and name it; a zone line
//! inside a crontab is never written, because on Debian and Ubuntu it changes the job's environment and not its time.
//!
//! Nothing here reads or writes a file, and nothing starts a program.

mod cron;
mod install;
mod units;
mod watch;

pub use cron::cron_cycle_line;
pub use cron::cron_line;
pub use cron::cron_prune_line;
pub use cron::cron_watch_lines;
pub use cron::crontab_concerns;
pub use cron::crontab_foreign;
pub use cron::merged_crontab;
pub use install::Install;
pub use install::InstallFault;
pub use units::Unit;
pub use units::systemd_backend;
pub use units::systemd_cycle_service;
pub use units::systemd_cycle_timer;
pub use units::systemd_prune_service;
pub use units::systemd_prune_timer;
pub use units::systemd_service;
pub use units::systemd_timer;
pub use units::systemd_units;
pub use watch::systemd_watch_units;
