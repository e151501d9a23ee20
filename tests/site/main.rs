//! Whole sites: the real program, real workspaces, real git remotes, and backends good and bad on real sockets.

#[cfg(test)]
mod envelopes;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod happy;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod outcomes;
