//! Both machines and the repository between them: `pc run` on the PC, `run` on the host, with the real program on both sides.

#![cfg(unix)]

#[cfg(test)]
mod choices;
#[cfg(test)]
mod happy;
#[cfg(test)]
mod host_codes;
#[cfg(test)]
mod same_bytes;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod site;
#[cfg(test)]
mod stops;
