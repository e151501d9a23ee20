//! The documents as a whole, on real workspaces.

mod cycle;
mod evidence;
mod ops_cycle;
mod reco;
mod refs;
mod site;
mod summary;
mod tickets;
mod turns;
