//! Tuning runs from start to promotion on a made-up market: documents, determinism, the sealed test, kills and resumes.

#[cfg(test)]
mod commands;
#[cfg(test)]
mod fixture;
#[cfg(test)]
mod leakage;
#[cfg(test)]
mod promotion;
#[cfg(test)]
mod resume;
#[cfg(test)]
mod runs;
