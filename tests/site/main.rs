//! Whole sites: the real program, real workspaces, real git remotes, and backends good and bad on real sockets.

#[cfg(test)]
#[path = "../backend_status/bot.rs"]
mod bot;
#[cfg(test)]
mod bundles;
#[cfg(test)]
mod checks;
#[cfg(test)]
mod clock;
#[cfg(test)]
mod crashes;
#[cfg(test)]
mod disks;
#[cfg(test)]
mod dry_run;
#[cfg(test)]
mod envelopes;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod git;
#[cfg(test)]
mod happy;
#[cfg(test)]
mod heartbeat;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod locks;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod outcomes;
#[cfg(test)]
mod producers;
#[cfg(test)]
mod records;
#[cfg(test)]
mod safety;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod signals;
#[cfg(test)]
mod streams;
