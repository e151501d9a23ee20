//! `pc publish` on real repositories: every step's refusal, races for the branch, a lost network, hooks, secrets, crashes.

#![cfg(unix)]

#[cfg(test)]
mod choices;
#[cfg(test)]
mod hooks;
#[cfg(test)]
mod network;
#[cfg(test)]
mod process;
#[cfg(test)]
mod races;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod site;
#[cfg(test)]
mod steps;
