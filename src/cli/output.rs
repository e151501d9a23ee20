//! What people and programs read: the result on standard output, the story on standard error.
//!
//! A reader that has gone away (`| head`) is no fault: what it does not want is not written, the work goes on.

use std::io;
use std::io::IsTerminal as _;
use std::io::Write as _;
use std::sync::Mutex;
use std::sync::PoisonError;

use serde::Serialize;

use crate::pipeline::Sink;
use crate::settings::LogFormat;

/// How a command speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// For people.
    Text,
    /// One JSON document on standard output.
    Json,
}

/// Both streams of the process, or what stands for them while one command runs another.
#[derive(Debug)]
pub(super) struct Output {
    form: Form,
    quiet: bool,
    log_format: LogFormat,
    color: bool,
    kept: Option<Mutex<Kept>>,
}

/// What a command said to the command that ran it.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    /// Standard output.
    pub(super) result: String,
    /// Warnings and causes.
    pub(super) remarks: Vec<String>,
}

impl Output {
    pub(super) fn new(form: Form, quiet: bool) -> Self {
        let color = io::stderr().is_terminal() && cfg!(unix);
        Self { form, quiet, log_format: LogFormat::Text, color, kept: None }
    }

    /// Keeps what a command says, its result as a document, in place of printing it.
    pub(super) fn keeping() -> Self {
        Self { kept: Some(Mutex::default()), color: false, ..Self::new(Form::Json, true) }
    }

    /// What was kept.
    pub(super) fn kept(self) -> Kept {
        self.kept.map(|kept| kept.into_inner().unwrap_or_else(PoisonError::into_inner)).unwrap_or_default()
    }

    pub(super) fn set_log_format(&mut self, format: LogFormat) {
        self.log_format = format;
    }

    pub(super) fn is_json(&self) -> bool {
        self.form == Form::Json
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// A line of the result.
    pub(super) fn line(&self, text: &str) {
        if let Some(kept) = &self.kept {
            let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.result.push_str(text);
            kept.result.push('\n');
            return;
        }
        drop(writeln!(io::stdout().lock(), "{text}"));
    }

    /// The result as a document.
    pub(super) fn document<T: Serialize>(&self, document: &T) {
        // A document of texts and numbers always renders.
        let text = serde_json::to_string_pretty(document).unwrap_or_default();
        self.line(&text);
    }

    /// The result: a document where one is wanted, else lines.
    pub(super) fn result<T: Serialize>(&self, document: &T, lines: impl FnOnce() -> Vec<String>) {
        if self.is_json() {
            self.document(document);
        } else {
            for line in lines() {
                self.line(&line);
            }
        }
    }

    /// A line of the story.
    pub(super) fn story(&self, text: &str) {
        if self.quiet {
            return;
        }
        self.remark(text);
    }

    /// A line that is said even when quiet: a warning or a cause.
    pub(super) fn remark(&self, text: &str) {
        if let Some(kept) = &self.kept {
            kept.lock().unwrap_or_else(PoisonError::into_inner).remarks.push(text.to_owned());
            return;
        }
        let line = match self.log_format {
            LogFormat::Json => json_line(text),
            LogFormat::Text if self.color => colored(text),
            LogFormat::Text => text.to_owned(),
        };
        drop(writeln!(io::stderr().lock(), "{line}"));
    }
}

impl Sink for Output {
    fn line(&mut self, line: &str) {
        self.story(line);
    }
}

/// A story line as one JSON object; the stamp at its start gets a field of its own.
fn json_line(text: &str) -> String {
    let (at, text) = match text.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((at, rest)) if at.len() == 19 => (Some(format!("{}+09:00", at.replace(' ', "T"))), rest),
        _ => (None, text),
    };
    let level = if text.starts_with('❌') {
        "error"
    } else if text.starts_with("⚠️") {
        "warn"
    } else {
        "info"
    };
    serde_json::json!({"at": at, "level": level, "text": text}).to_string()
}

fn colored(text: &str) -> String {
    let code = match text {
        _ if text.contains('❌') => "31",
        _ if text.contains("⚠️") => "33",
        _ if text.contains('✓') => "32",
        _ => return text.to_owned(),
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_line_becomes_one_json_object() {
        let line = json_line("[2026-11-21 09:05:00] ⚠️ GATE_REAL: expected DRY_RUN");
        let value: serde_json::Value = serde_json::from_str(&line).expect("JSON");
        assert_eq!(value["at"], "2026-11-21T09:05:00+09:00");
        assert_eq!(value["level"], "warn");
        let bare: serde_json::Value = serde_json::from_str(&json_line("[x] y")).expect("JSON");
        assert_eq!((bare["at"].is_null(), bare["text"].as_str()), (true, Some("[x] y")));
    }
}
