//! The documents as a whole, on real workspaces.

mod cycle;
mod evidence;
mod ops_cycle;
mod orders;
mod reco;
mod recorded;
mod refs;
mod site;
mod summary;
mod ticket_changes;
mod tickets;
mod turns;
mod worker;
