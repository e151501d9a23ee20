//! Git, and the only user of `git2`: pull by fast-forward, list, restore to the work tree, publish exact paths.
//!
//! One [`Remote`] names a work tree, a remote and the one branch that both sides share. It owns the meaning of revisions
//! and of every way in which git can refuse; it refuses to know what the files are for. Revisions are compared as hashes
//! and no text of git is read to decide anything, because texts change with language and version.
//!
//! Invariants:
//! - a pull changes nothing or everything: it never merges, stashes, resets, prompts or deletes a lock;
//! - a transfer runs on its own thread and is left behind at its limit; that thread can add objects and, for a push, move
//!   the remote, but it never touches the work tree, the index or a local branch;
//! - nothing that a repository contains is executed: no hook, no filter driver, no helper of its own configuration.
//!   Credential helpers of the user's or the system's configuration and the ssh agent are asked, each once. The one
//!   exception is a caller that passes [`Hooks`] to [`Remote::commit`] and [`Remote::deliver`], as the publish on the
//!   research PC does: then `pre-commit`, `prepare-commit-msg`, `commit-msg`, `post-commit` and `pre-push` of that work
//!   tree's repository run as they do for the git program, and no other hook does;
//! - commits are never signed; where git's configuration wants signed ones, a publish is refused;
//! - no message holds user info, a password or a query of the remote's address.
//!
//! Durations are `std::time::Duration`, ages are whole seconds, commit times are Korean time.

mod commit;
mod credential;
mod deliver;
mod fault;
mod forward;
mod history;
mod hooks;
mod publish;
mod pull;
mod remote;
mod repair;
mod restore;
mod site;
mod stage;
mod standing;
mod transfer;

pub use commit::Made;
pub use deliver::Delivered;
pub use deliver::REPLAYS;
pub use fault::GitDetail;
pub use fault::GitFault;
pub use fault::shown_url;
pub use history::Commit;
pub use history::RUN_TRAILER;
pub use hooks::HOOK_LIMIT;
pub use hooks::Hooks;
pub use publish::PathFault;
pub use publish::PublishFault;
pub use publish::Published;
pub use pull::PullOutcome;
pub use pull::Pulled;
pub use remote::Change;
pub use remote::Changed;
pub use remote::Remote;
pub use remote::TRANSFER_LIMIT;
pub use restore::DirtyPolicy;
pub use restore::RestoreFault;
pub use site::Identity;
pub use site::clone;
pub use site::create_bare;
pub use stage::Staged;
pub use standing::DataPaths;
pub use standing::Reach;
pub use standing::Standing;
