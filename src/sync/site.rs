//! Repositories of a demo site: an empty shared one, and clones that can commit.

use std::path::Path;

use git2::Repository;
use git2::RepositoryInitOptions;

use super::fault::GitFault;
use super::remote::Remote;
use super::remote::TRANSFER_LIMIT;
use super::transfer;

/// Who commits in a clone.
#[derive(Clone, Copy, Debug)]
pub struct Identity<'a> {
    /// The author's name.
    pub name: &'a str,
    /// The author's mail address.
    pub email: &'a str,
}

/// Makes an empty shared repository whose branch is `branch`.
///
/// # Errors
///
/// The directory cannot be written or is a repository already.
pub fn create_bare(path: &Path, branch: &str) -> Result<(), GitFault> {
    let mut options = RepositoryInitOptions::new();
    options.bare(true).no_reinit(true).mkpath(true).external_template(false).initial_head(branch);
    let made = Repository::init_opts(path, &options);
    made.map(drop).map_err(|e| GitFault::local(&format!("cannot create {}", path.display()), &e))
}

/// Makes a work tree of `url` on `branch` with its own author; a remote without that branch gives an empty one.
///
/// # Errors
///
/// The directory cannot be written or is a repository already, or the remote cannot be read.
pub fn clone(url: &str, path: &Path, branch: &str, identity: Identity<'_>) -> Result<(), GitFault> {
    let mut options = RepositoryInitOptions::new();
    options.no_reinit(true).mkpath(true).external_template(false).initial_head(branch);
    let made = Repository::init_opts(path, &options).and_then(|repo| {
        repo.remote("origin", url)?;
        let mut config = repo.config()?.open_level(git2::ConfigLevel::Local)?;
        config.set_str("user.name", identity.name)?;
        config.set_str("user.email", identity.email)?;
        config.set_str(&format!("branch.{branch}.remote"), "origin")?;
        config.set_str(&format!("branch.{branch}.merge"), &format!("refs/heads/{branch}"))
    });
    made.map_err(|e| GitFault::local(&format!("cannot create {}", path.display()), &e))?;
    let remote = Remote { root: path, name: "origin", branch, limit: TRANSFER_LIMIT };
    if transfer::download(&remote, url)?.is_none() {
        return Ok(());
    }
    let pulled = remote.pull();
    let fault = |detail| GitFault::new(detail, pulled.message.as_str());
    pulled.detail.map_or(Ok(()), |detail| Err(fault(detail)))
}
