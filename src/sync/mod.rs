//! stub
#![allow(missing_docs)]
use crate::contracts::RunId;
use std::path::Path;
use std::time::Duration;
#[derive(Debug)]
pub struct Remote<'a> {
    pub root: &'a Path,
    pub name: &'a str,
    pub branch: &'a str,
    pub limit: Duration,
}
#[derive(Debug, thiserror::Error)]
#[error("x")]
pub struct GitFault;
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullOutcome {
    Updated,
    NoChanges,
    Failed,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GitDetail {
    Timeout,
}
impl GitDetail {
    pub fn as_str(self) -> &'static str {
        "TIMEOUT"
    }
}
#[derive(Debug, Clone)]
pub struct Pulled {
    pub outcome: PullOutcome,
    pub before: Option<String>,
    pub after: Option<String>,
    pub detail: Option<GitDetail>,
    pub message: String,
    pub notes: Vec<String>,
    pub run_id: Option<RunId>,
}
impl Remote<'_> {
    pub fn revision(&self) -> Result<Option<String>, GitFault> {
        Ok(None)
    }
    pub fn pull(&self) -> Pulled {
        Pulled {
            outcome: PullOutcome::Failed,
            before: None,
            after: None,
            detail: None,
            message: String::new(),
            notes: vec![],
            run_id: None,
        }
    }
}
