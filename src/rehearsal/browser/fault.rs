//! What can go wrong with a browser.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// The browser did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BrowserFault {
    /// The program cannot be started.
    #[error("cannot start the browser {}: {source}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its folder cannot be made.
    #[error("cannot make a folder for the browser: {0}")]
    Folder(#[source] io::Error),
    /// It ended before it could be spoken to.
    #[error("the browser {} ended at once ({status}): {said}", program.display())]
    Ended {
        /// The program.
        program: PathBuf,
        /// How it ended.
        status: String,
        /// The end of what it said.
        said: String,
    },
    /// The connection failed.
    #[error("the connection to the browser failed: {0}")]
    Connection(String),
    /// A command was refused.
    #[error("the browser refused {method}: {message}")]
    Refused {
        /// The command.
        method: String,
        /// Its words.
        message: String,
    },
    /// A page cannot be opened.
    #[error("{url} cannot be opened: {message}")]
    Navigation {
        /// The address.
        url: String,
        /// The browser's words.
        message: String,
    },
    /// A script threw.
    #[error("the script {script:?} threw: {message}")]
    Script {
        /// The script.
        script: String,
        /// What it threw.
        message: String,
    },
    /// Something cannot be clicked.
    #[error("{selector} cannot be clicked: {why}")]
    Click {
        /// What was to be clicked.
        selector: String,
        /// Why not.
        why: String,
    },
    /// A deadline passed.
    #[error("{what} did not come within {} ms; last seen: {last}", within.as_millis())]
    TimedOut {
        /// What was waited for.
        what: String,
        /// For how long.
        within: Duration,
        /// What was there instead.
        last: String,
    },
}
