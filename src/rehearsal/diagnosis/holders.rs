//! Who holds the dashboard's address, for which workspace, and where else servers of this workspace listen.

use std::path::Path;
use std::path::PathBuf;

use crate::rehearsal::port;
use crate::rehearsal::port::Listening;
use crate::rehearsal::port::Owner;
use crate::rehearsal::visit::Visitor;

/// The workspace of our server at the address where it is known and another one than `workspace`, and where servers of
/// `workspace` listen beside it.
pub(super) fn serving(visitor: &Visitor, workspace: &Path) -> (Option<PathBuf>, Vec<String>) {
    let Some(all) = sockets(visitor) else { return (None, Vec::new()) };
    let mut served = owners(visitor, &all).unwrap_or_default().into_iter().filter_map(|owner| owner.workspace);
    let here = workspace.canonicalize().ok();
    (served.find(|root| here.as_ref().is_some_and(|here| here != root)), others(visitor, &all, workspace))
}

/// A path as it is named to people.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    path.canonicalize().or_else(|_| std::path::absolute(path)).unwrap_or_else(|_| path.to_owned())
}

/// Every listening socket of the machine, when the dashboard is on this one.
pub(super) fn sockets(visitor: &Visitor) -> Option<Vec<Listening>> {
    if visitor.base().is_local() { port::listening() } else { None }
}

/// The sockets behind the address.
fn holders(visitor: &Visitor, all: &[Listening]) -> Vec<Listening> {
    let addresses = visitor.base().addresses().unwrap_or_default();
    let mut found: Vec<Listening> = addresses.iter().flat_map(|address| port::reached(all, *address)).collect();
    found.sort_by_key(|socket| socket.address);
    found.dedup();
    found
}

/// Those who hold the address; `None` when nobody knows.
pub(super) fn owners(visitor: &Visitor, all: &[Listening]) -> Option<Vec<Owner>> {
    let holders = holders(visitor, all);
    let mut owners: Vec<Owner> = holders.iter().flat_map(port::owners).collect();
    owners.sort_by_key(|owner| owner.pid);
    owners.dedup_by_key(|owner| owner.pid);
    // A socket without a visible owner belongs to somebody else.
    (holders.is_empty() || !owners.is_empty()).then_some(owners)
}

/// Where this workspace's servers listen beside the address.
pub(super) fn others(visitor: &Visitor, all: &[Listening], workspace: &Path) -> Vec<String> {
    let Ok(workspace) = workspace.canonicalize() else { return Vec::new() };
    let here = holders(visitor, all);
    let ours = |socket: &&Listening| {
        !here.contains(socket)
            && port::owners(socket).iter().any(|owner| owner.is_ours && owner.workspace.as_ref() == Some(&workspace))
    };
    let url = |socket: &Listening| {
        let port = socket.address.port();
        // One that listens everywhere is visited here.
        if socket.address.ip().is_unspecified() {
            format!("http://127.0.0.1:{port}")
        } else {
            format!("http://{}", socket.address)
        }
    };
    all.iter().filter(ours).map(url).collect()
}
