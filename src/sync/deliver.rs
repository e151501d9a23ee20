//! Delivery: the push with the user's hook before it, and the few times it is tried again on a remote that moved.

use git2::Direction;
use git2::Oid;
use git2::Repository;

use super::fault::GitDetail;
use super::fault::GitFault;
use super::fault::one_line;
use super::fault::scrubbed;
use super::fault::shown_url;
use super::hooks::Errand;
use super::hooks::Hooks;
use super::publish::PublishFault;
use super::remote::Remote;
use super::remote::head;
use super::remote::open;
use super::standing::DataPaths;
use super::standing::Reach;
use super::transfer;
use super::transfer::Pushed;

/// How often our commits are made again on a remote that moved, before it is given up.
pub const REPLAYS: usize = 3;

/// How a push went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The commit hash that both branches are at.
    pub revision: String,
    /// Whether the remote's branch moved; `false` when it was there already.
    pub pushed: bool,
    /// How often the remote had moved and our commits were made again on top.
    pub rounds: usize,
    /// The remote's address as it may be shown.
    pub remote: String,
}

impl Remote<'_> {
    /// Pushes the branch, never by force. A remote that moved is followed when its commits touch no data and ours are data
    /// commits only; at most [`REPLAYS`] times.
    ///
    /// With `hooks`, `pre-push` is asked before each push.
    ///
    /// # Errors
    ///
    /// See [`PublishFault`]; the commits are kept.
    pub fn deliver(&self, data: DataPaths<'_>, hooks: Option<&Hooks<'_>>) -> Result<Delivered, PublishFault> {
        let repo = open(self.root).map_err(PublishFault::Precheck)?;
        let url = transfer::address(&repo, self.name, Direction::Push).map_err(PublishFault::Precheck)?;
        let mut rounds = 0;
        loop {
            let repo = open(self.root).map_err(PublishFault::Precheck)?;
            let nothing = || GitFault::new(GitDetail::Unknown, "the branch has no commit to push");
            let local = head(&repo).and_then(|id| id.ok_or_else(nothing)).map_err(PublishFault::Precheck)?;
            let revision = local.to_string();
            let rejected = |why: &str| PublishFault::Rejected { revision: local.to_string(), why: one_line(why) };
            let why = match self.push_once(&repo, &url, local, hooks)? {
                Pushed::Moved => return Ok(Delivered { revision, pushed: true, rounds, remote: shown_url(&url) }),
                Pushed::Already => return Ok(Delivered { revision, pushed: false, rounds, remote: shown_url(&url) }),
                Pushed::Rejected(why) => why,
            };
            if rounds == REPLAYS {
                return Err(rejected(&format!("the remote moved again, given up after {REPLAYS} new tries: {why}")));
            }
            match self.follow(data) {
                Ok(true) => rounds += 1,
                Ok(false) => return Err(rejected(&why)),
                Err(fault) if is_ours(fault.detail) => return Err(rejected(&fault.message)),
                Err(fault) => return Err(PublishFault::Push { revision, fault }),
            }
        }
    }

    fn push_once(
        &self,
        repo: &Repository,
        url: &str,
        local: Oid,
        hooks: Option<&Hooks<'_>>,
    ) -> Result<Pushed, PublishFault> {
        let failed = |fault| PublishFault::Push { revision: local.to_string(), fault };
        if let Some(hooks) = hooks.filter(|hooks| hooks.there(repo, "pre-push")) {
            let theirs = transfer::tip(self, url).map_err(failed)?;
            let known = theirs.is_none_or(|theirs| repo.graph_descendant_of(local, theirs).unwrap_or(false));
            // Git asks the hook about updates that it is going to try only.
            if theirs != Some(local) && known {
                let theirs = theirs.map_or_else(|| "0".repeat(40), |id| id.to_string());
                let branch = format!("refs/heads/{}", self.branch);
                // The address without user info: the arguments of a process are seen by everybody on the machine.
                let errand = Errand::new("pre-push").args(&[self.name, &shown_url(url)]);
                let ended = errand.input(format!("{branch} {local} {branch} {theirs}\n")).run(repo, hooks);
                ended.map_err(|why| PublishFault::Rejected {
                    revision: local.to_string(),
                    why: one_line(&scrubbed(&format!("the hook pre-push {why}"), url)),
                })?;
            }
        }
        transfer::push(self, url, local).map_err(failed)
    }

    /// Downloads and puts our commits on top; `false` when the remote had not moved.
    fn follow(&self, data: DataPaths<'_>) -> Result<bool, GitFault> {
        let standing = self.catch_up(data, Reach::Act)?;
        Ok(standing.taken > 0)
    }
}

/// Whether it is the state of the two branches that is in the way, and not the conversation.
fn is_ours(detail: GitDetail) -> bool {
    matches!(
        detail,
        GitDetail::Diverged | GitDetail::LocalChanges | GitDetail::WrongBranch | GitDetail::MergeInProgress
    )
}
