//! Git between two work trees and a shared repository: real repositories, real sockets, no git program needed.

#[cfg(test)]
mod auth;
#[cfg(test)]
mod network;
#[cfg(test)]
mod publish;
#[cfg(test)]
mod pull;
#[cfg(test)]
mod restore;
#[cfg(test)]
mod server;
#[cfg(test)]
mod site;
#[cfg(test)]
mod untrusted;
