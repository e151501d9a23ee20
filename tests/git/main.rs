//! Git between two work trees and a shared repository: real repositories, real sockets, no git program needed.

mod network;
mod publish;
mod pull;
mod restore;
mod site;
mod untrusted;
