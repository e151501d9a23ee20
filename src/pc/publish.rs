//! Publishing: exactly the named files in one commit, pushed without force, under the run id that the host will continue.

use crate::contracts::RunId;
use crate::sync::PublishFault;
use crate::sync::Published;
use crate::sync::RUN_TRAILER;
use crate::sync::Remote;
use crate::time::KstTime;
use crate::time::kst;

/// Commits and pushes `files`. The commit carries `run_id`, which the host's run takes over as its trace.
///
/// # Errors
/// A file is outside the work tree, or git refuses; a commit that could not be pushed stays for the next publish.
pub fn publish(remote: &Remote<'_>, files: &[String], run_id: &RunId, now: KstTime) -> Result<Published, PublishFault> {
    let day = now.with_timezone(&kst()).date_naive();
    remote.publish(files, &format!("Daily recon update - {day}\n\n{RUN_TRAILER}: {run_id}\n"))
}
