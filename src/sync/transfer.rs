//! Conversations with the remote, each on its own thread and with a limit that really ends it.
//!
//! A limit inside libgit2 bounds one read, not the whole transfer, and some phases have none. So the caller waits for the
//! thread no longer than the limit and then leaves it behind: a blocked read does not keep a process from exiting.

use std::cell::RefCell;
use std::path::Path;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::sync_channel;
use std::thread;

use git2::AutotagOption;
use git2::Direction;
use git2::ErrorClass;
use git2::ErrorCode;
use git2::FetchOptions;
use git2::Oid;
use git2::ProxyOptions;
use git2::PushOptions;
use git2::RemoteCallbacks;
use git2::Repository;
use percent_encoding::percent_decode_str;

use super::credential::Keys;
use super::fault::GitDetail;
use super::fault::GitFault;
use super::fault::scrubbed;
use super::fault::shown_url;
use super::hooks::is_program;
use super::remote::Remote;
use super::remote::open;

/// How a push ended when the conversation itself went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pushed {
    /// The remote's branch moved to our commit.
    Moved,
    /// The remote's branch was there already.
    Already,
    /// The remote holds commits that we lack, or refused the update for the reason given.
    Rejected(String),
}

/// The address that the remote has for this direction. It may hold a secret; show it through `shown_url` only.
pub(super) fn address(repo: &Repository, name: &str, direction: Direction) -> Result<String, GitFault> {
    let missing = |e: git2::Error| {
        if e.code() == ErrorCode::NotFound || e.code() == ErrorCode::InvalidSpec {
            GitFault::new(GitDetail::Unknown, format!("no remote named {name} is configured"))
        } else {
            GitFault::local("cannot read the remote", &e)
        }
    };
    let remote = repo.find_remote(name).map_err(missing)?;
    let push = remote.pushurl_bytes().filter(|_| direction == Direction::Push);
    let url = String::from_utf8_lossy(push.unwrap_or(remote.url_bytes())).into_owned();
    if url.is_empty() {
        return Err(GitFault::new(GitDetail::Unknown, format!("the remote {name} has no address")));
    }
    Ok(url)
}

/// Downloads what the branch needs and gives its newest commit; `None` when the remote has no such branch. It adds objects
/// and nothing else.
pub(super) fn download(remote: &Remote<'_>, url: &str) -> Result<Option<Oid>, GitFault> {
    let errand = Errand::of(remote, url);
    within(remote, url, move |stop| errand.download(stop))
}

/// Moves the remote's branch to `local`, never by force.
pub(super) fn push(remote: &Remote<'_>, url: &str, local: Oid) -> Result<Pushed, GitFault> {
    let errand = Errand::of(remote, url);
    within(remote, url, move |stop| errand.push(stop, local))
}

/// Asks where the branch of the address that is pushed to stands; `None` when there is no such branch.
pub(super) fn tip(remote: &Remote<'_>, url: &str) -> Result<Option<Oid>, GitFault> {
    let errand = Errand::of(remote, url);
    within(remote, url, move |stop| errand.tip(stop))
}

fn within<T: Send + 'static>(
    remote: &Remote<'_>,
    url: &str,
    job: impl FnOnce(Arc<AtomicBool>) -> Result<T, GitFault> + Send + 'static,
) -> Result<T, GitFault> {
    let stop = Arc::new(AtomicBool::new(false));
    let (answer, answers) = sync_channel(1);
    let seen = Arc::clone(&stop);
    let work = move || {
        // Nobody listens any more after the limit; the answer is then of no use.
        drop(answer.send(job(seen)));
    };
    if let Err(e) = thread::Builder::new().name("git-transfer".to_owned()).spawn(work) {
        return Err(GitFault::new(GitDetail::Unknown, format!("cannot start the transfer: {e}")));
    }
    let ended = answers.recv_timeout(remote.limit);
    stop.store(true, Ordering::Relaxed);
    let shown = shown_url(url);
    ended.unwrap_or_else(|why| {
        Err(match why {
            RecvTimeoutError::Timeout => {
                let limit = remote.limit.as_secs_f64();
                GitFault::new(GitDetail::Timeout, format!("{shown}: no end after {limit} s, given up"))
            }
            RecvTimeoutError::Disconnected => {
                GitFault::new(GitDetail::Unknown, format!("{shown}: the transfer broke off without an answer"))
            }
        })
    })
}

/// What the thread needs, owned by it.
struct Errand {
    root: PathBuf,
    name: String,
    branch: String,
    url: String,
}

impl Errand {
    fn of(remote: &Remote<'_>, url: &str) -> Self {
        Self {
            root: remote.root.to_owned(),
            name: remote.name.to_owned(),
            branch: remote.branch.to_owned(),
            url: url.to_owned(),
        }
    }

    fn download(&self, stop: Arc<AtomicBool>) -> Result<Option<Oid>, GitFault> {
        let repo = open(&self.root)?;
        let line = Line { stop, keys: Rc::default() };
        self.downloaded(&repo, &line).map_err(|e| self.fault(&line, &e))
    }

    fn downloaded(&self, repo: &Repository, line: &Line) -> Result<Option<Oid>, git2::Error> {
        let mut remote = repo.find_remote(&self.name)?;
        let mut connection = remote.connect_auth(Direction::Fetch, Some(line.callbacks()), Some(proxy()))?;
        let wanted = format!("refs/heads/{}", self.branch);
        let tip = connection.list()?.iter().find(|head| head.name() == wanted).map(|head| head.oid());
        if let Some(tip) = tip.filter(|tip| repo.find_commit(*tip).is_err()) {
            if repo.is_shallow() {
                // libgit2 forgets where a shallow history ends when it downloads from a path, which breaks the clone.
                let why = "a shallow clone cannot be moved forward, clone the whole history";
                return Err(git2::Error::new(ErrorCode::Invalid, ErrorClass::Invalid, why));
            }
            let mut options = FetchOptions::new();
            options.remote_callbacks(line.callbacks()).proxy_options(proxy());
            options.download_tags(AutotagOption::None).update_fetchhead(false);
            let spec = format!("+{wanted}:refs/remotes/{}/{}", self.name, self.branch);
            connection.remote().download(&[spec], Some(&mut options))?;
            repo.find_commit(tip)?;
        }
        Ok(tip)
    }

    fn tip(&self, stop: Arc<AtomicBool>) -> Result<Option<Oid>, GitFault> {
        let repo = open(&self.root)?;
        let line = Line { stop, keys: Rc::default() };
        let listed = || {
            let mut remote = repo.find_remote(&self.name)?;
            let connection = remote.connect_auth(Direction::Push, Some(line.callbacks()), Some(proxy()))?;
            let wanted = format!("refs/heads/{}", self.branch);
            Ok(connection.list()?.iter().find(|head| head.name() == wanted).map(|head| head.oid()))
        };
        listed().map_err(|e| self.fault(&line, &e))
    }

    fn push(&self, stop: Arc<AtomicBool>, local: Oid) -> Result<Pushed, GitFault> {
        let repo = open(&self.root)?;
        let line = Line { stop, keys: Rc::default() };
        match self.pushed(&repo, &line, local) {
            Err(e) if e.code() == ErrorCode::NotFastForward => Ok(Pushed::Rejected("the remote has moved".to_owned())),
            other => other.map_err(|e| self.fault(&line, &e)),
        }
    }

    fn pushed(&self, repo: &Repository, line: &Line, local: Oid) -> Result<Pushed, git2::Error> {
        let mut remote = repo.find_remote(&self.name)?;
        let mut connection = remote.connect_auth(Direction::Push, Some(line.callbacks()), Some(proxy()))?;
        let branch = format!("refs/heads/{}", self.branch);
        let theirs = connection.list()?.iter().find(|head| head.name() == branch).map(|head| head.oid());
        match theirs {
            Some(theirs) if theirs == local => return Ok(Pushed::Already),
            Some(theirs) if !repo.graph_descendant_of(local, theirs).unwrap_or(false) => {
                return Ok(Pushed::Rejected(format!("the remote is at {theirs}, which is not in our history")));
            }
            _ => {}
        }
        let local_directory = directory_of(&self.url);
        if let Some(hook) = local_directory.as_deref().and_then(rule_of) {
            let why = format!(
                "the remote has a {hook} hook, which a push to a path does not run; reach it over ssh or https"
            );
            return Ok(Pushed::Rejected(why));
        }
        let refused = Rc::new(RefCell::new(None));
        let mut callbacks = line.callbacks();
        let seen = Rc::clone(&refused);
        callbacks.push_update_reference(move |_, status| {
            *seen.borrow_mut() = status.map(str::to_owned);
            Ok(())
        });
        let stop = Arc::clone(&line.stop);
        callbacks.push_negotiation(move |_| go_on(&stop));
        let mut options = PushOptions::new();
        options.remote_callbacks(callbacks).proxy_options(proxy());
        // A name of its own for exactly this commit: the branch may move while the push goes on.
        let (source, serial) = (format!("refs/daily_ops/outgoing/{local}"), std::process::id());
        let incoming = format!("refs/daily_ops/incoming/{local}-{serial}");
        let target = if local_directory.is_some() { &incoming } else { &branch };
        let mut named = repo.reference(&source, local, true, "publish")?;
        let sent = connection.remote().push(&[format!("{source}:{target}")], Some(&mut options));
        named.delete()?;
        sent?;
        if let Some(why) = refused.borrow_mut().take() {
            return Ok(Pushed::Rejected(scrubbed(&why, &self.url)));
        }
        if let Some(directory) = local_directory {
            let step = Step { branch: &branch, from: theirs, to: local };
            let moved = step.take(&directory, &incoming)?;
            if !moved {
                return Ok(Pushed::Rejected("the remote has moved".to_owned()));
            }
            repo.reference(&format!("refs/remotes/{}/{}", self.name, self.branch), local, true, "publish")?;
        }
        Ok(Pushed::Moved)
    }

    fn fault(&self, line: &Line, error: &git2::Error) -> GitFault {
        GitFault::transfer(&self.url, line.keys.borrow().asked(), error)
    }
}

/// The move of a branch in a repository on this machine.
///
/// libgit2 sets the references of a remote that is a directory without a look at what they were, so a push that came in
/// between would be lost. The commit is therefore sent under a name of its own, and the branch is moved under its lock.
struct Step<'a> {
    branch: &'a str,
    from: Option<Oid>,
    to: Oid,
}

impl Step<'_> {
    /// Moves the branch if it is still where it was seen, and removes the commit's own name; `false`: it has moved.
    fn take(&self, directory: &Path, incoming: &str) -> Result<bool, git2::Error> {
        let shared = Repository::open(directory)?;
        let moved = (|| {
            let mut lock = shared.transaction()?;
            lock.lock_ref(self.branch)?;
            if shared.refname_to_id(self.branch).ok() != self.from {
                return Ok(false);
            }
            lock.set_target(self.branch, self.to, None, "push")?;
            lock.commit()?;
            Ok(true)
        })();
        shared.find_reference(incoming)?.delete()?;
        moved
    }
}

/// The directory that an address names, when it names one of this machine.
fn directory_of(url: &str) -> Option<PathBuf> {
    let path = match url.strip_prefix("file://") {
        Some(path) => percent_decode_str(path).decode_utf8().ok()?.into_owned(),
        None => url.to_owned(),
    };
    Some(PathBuf::from(path)).filter(|path| path.is_dir())
}

/// A hook by which the remote may say no.
fn rule_of(directory: &Path) -> Option<&'static str> {
    let hooks = Repository::open(directory).ok()?.path().join("hooks");
    ["pre-receive", "update", "reference-transaction"].into_iter().find(|name| is_program(&hooks.join(name)))
}

/// One conversation: whether it was given up, and the credentials that it has used.
struct Line {
    stop: Arc<AtomicBool>,
    keys: Rc<RefCell<Keys>>,
}

impl Line {
    fn callbacks(&self) -> RemoteCallbacks<'static> {
        let mut callbacks = RemoteCallbacks::new();
        let (stop, keys) = (Arc::clone(&self.stop), Rc::clone(&self.keys));
        callbacks.credentials(move |url, user, allowed| {
            go_on(&stop)?;
            keys.borrow_mut().next(url, user, allowed)
        });
        let stop = Arc::clone(&self.stop);
        callbacks.transfer_progress(move |_| !stop.load(Ordering::Relaxed));
        let stop = Arc::clone(&self.stop);
        callbacks.sideband_progress(move |_| !stop.load(Ordering::Relaxed));
        callbacks
    }
}

fn go_on(stop: &AtomicBool) -> Result<(), git2::Error> {
    if stop.load(Ordering::Relaxed) { Err(git2::Error::from_str("the transfer was given up")) } else { Ok(()) }
}

/// The proxy that git itself would use.
fn proxy() -> ProxyOptions<'static> {
    let mut options = ProxyOptions::new();
    options.auto();
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A bare repository with two commits, the second on the first; gives both.
    fn shared() -> (tempfile::TempDir, Oid, Oid) {
        let dir = tempfile::tempdir().expect("a directory");
        let repo = Repository::init_bare(dir.path()).expect("a repository");
        let who = git2::Signature::now("x", "x@example.invalid").expect("a name");
        let tree = repo.find_tree(repo.treebuilder(None).expect("a tree").write().expect("written")).expect("a tree");
        let first = repo.commit(None, &who, &who, "1", &tree, &[]).expect("a commit");
        let parent = repo.find_commit(first).expect("a commit");
        let second = repo.commit(None, &who, &who, "2", &tree, &[&parent]).expect("a commit");
        drop((tree, parent));
        (dir, first, second)
    }

    #[test]
    fn a_branch_that_moved_since_it_was_seen_keeps_what_was_pushed() {
        let (dir, first, second) = shared();
        let repo = Repository::open(dir.path()).expect("a repository");
        let cases = [
            ("where it was seen", Some(first), Some(first), true),
            ("moved by another", Some(second), Some(first), false),
            ("made by another", Some(first), None, false),
            ("removed by another", None, Some(first), false),
            ("not there yet", None, None, true),
        ];
        for (name, is, seen, moves) in cases {
            repo.find_reference("refs/heads/main").and_then(|mut old| old.delete()).ok();
            is.map(|id| repo.reference("refs/heads/main", id, true, "x").expect("set"));
            repo.reference("refs/daily_ops/incoming/x", second, true, "x").expect("set");
            let step = Step { branch: "refs/heads/main", from: seen, to: second };
            assert_eq!(step.take(dir.path(), "refs/daily_ops/incoming/x").expect("taken"), moves, "{name}");
            let after = repo.refname_to_id("refs/heads/main").ok();
            assert_eq!(after, if moves { Some(second) } else { is }, "{name}");
            assert!(repo.find_reference("refs/daily_ops/incoming/x").is_err(), "{name}");
        }
    }

    #[test]
    fn an_address_names_a_directory_only_when_there_is_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().to_string_lossy().into_owned();
        assert_eq!(directory_of(&path).as_deref(), Some(dir.path()));
        assert_eq!(directory_of(&format!("file://{path}")).as_deref(), Some(dir.path()));
        assert_eq!(directory_of("https://host.example/a.git"), None);
        assert_eq!(directory_of("git@host.example:a.git"), None);
    }
}
