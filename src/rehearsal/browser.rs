//! A real browser without a window, driven over the Chrome `DevTools` protocol: it opens the dashboard as a person would.
//!
//! Only an installed browser of the Chromium family is used, never one that is fetched. It gets a folder of its own, which
//! goes when it goes, and is told to stay on this machine. Every wait has a deadline.

mod complaint;
mod fault;
mod keys;
mod page;
mod process;
mod wire;

use std::path::Path;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use serde_json::Value;
use serde_json::json;

pub use complaint::Complaint;
pub use fault::BrowserFault;
pub use page::Page;
pub use page::Scheme;
pub use page::Screen;

use crate::settings::Settings;
use process::Process;
use wire::Wire;

/// What browsers of the family are called, the most open one first.
const NAMES: [&str; 6] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge"];

/// A running browser. Dropping it ends its processes and removes its folder; so does the end of this process, however it
/// comes.
#[derive(Debug)]
pub struct Browser {
    process: Process,
    wire: Mutex<Wire>,
}

impl Browser {
    /// The browser to use: the one that the settings name, else the first of the family that the `PATH` has.
    #[must_use]
    pub fn find(named: Option<&Path>) -> Option<PathBuf> {
        if let Some(named) = named {
            return named.is_file().then(|| named.to_owned());
        }
        let path = Settings::process_env().remove("PATH")?;
        let end = std::env::consts::EXE_SUFFIX;
        let places: Vec<PathBuf> = std::env::split_paths(&path).filter(|dir| dir.is_absolute()).collect();
        let mut programs = NAMES.iter().flat_map(|name| places.iter().map(move |dir| dir.join(format!("{name}{end}"))));
        programs.find(|program| program.is_file())
    }

    /// Starts a browser and waits until it can be spoken to.
    ///
    /// # Errors
    /// The program cannot be started, ends early or does not answer in time.
    pub fn start(program: &Path) -> Result<Self, BrowserFault> {
        let process = Process::start(program)?;
        let wire = Wire::connect(process.port, &process.path)?;
        Ok(Self { process, wire: Mutex::new(wire) })
    }

    /// A new page in a window of its own, with a storage that it shares with no other.
    ///
    /// # Errors
    /// The browser refuses, or does not answer in time.
    pub fn page(&self) -> Result<Page, BrowserFault> {
        let made = self.ask("Target.createBrowserContext", &json!({"disposeOnDetach": true}))?;
        let context = made["browserContextId"].as_str().unwrap_or_default().to_owned();
        let downloads = self.process.folder.join("downloads").join(&context);
        std::fs::create_dir_all(&downloads).map_err(BrowserFault::Folder)?;
        let allow = json!({"behavior": "allow", "browserContextId": context, "downloadPath": downloads});
        self.ask("Browser.setDownloadBehavior", &allow)?;
        self.window(&context, downloads)
    }

    /// A second page with the storage of `page`, as another tab of the same person.
    ///
    /// # Errors
    /// The browser refuses, or does not answer in time.
    pub fn page_beside(&self, page: &Page) -> Result<Page, BrowserFault> {
        self.window(&page.context, page.downloads.clone())
    }

    /// A window of its own, because a tab in the back of a window counts as hidden.
    fn window(&self, context: &str, downloads: PathBuf) -> Result<Page, BrowserFault> {
        let target = json!({"url": "about:blank", "browserContextId": context, "newWindow": true});
        let made = self.ask("Target.createTarget", &target)?;
        let id = made["targetId"].as_str().unwrap_or_default();
        let wire = Wire::connect(self.process.port, &format!("/devtools/page/{id}"))?;
        Page::new(wire, context.to_owned(), downloads)
    }

    fn ask(&self, method: &str, params: &Value) -> Result<Value, BrowserFault> {
        self.wire.lock().unwrap_or_else(PoisonError::into_inner).call(method, params)
    }

    /// The folder with everything that the browser writes.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.process.folder
    }
}
