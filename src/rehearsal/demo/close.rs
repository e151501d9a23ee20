//! The end of a demo: summary, master log, manifest, and a line in the log of rehearsals.

use std::path::Path;
use std::path::PathBuf;

use serde_json::Value;
use serde_json::json;

use super::KillPart;
use super::Outcome;
use super::PASSED;
use super::Said;
use super::shots;
use super::show::Show;
use crate::contracts::event::millis_stamp;
use crate::rehearsal::evidence::EvidenceFault;
use crate::rehearsal::live_log;
use crate::rehearsal::visit::word;
use crate::store::layout;

/// How many rows of the observation log are kept.
const TAIL: usize = 200;
/// What a whole demo leaves.
const WANTED: [&str; 16] = [
    "00_precheck.json",
    "01_page.html",
    "02_metrics_before.json",
    "03_trigger.log",
    "04_sse.log",
    "05_ws.log",
    "06_trace.json",
    "07_filter_type.json",
    "08_filter_trace.json",
    "09_export",
    "10_metrics_after.json",
    "11_live_obs_tail.jsonl",
    "commands.log",
    "demo.log",
    "smoke_resp.json",
    "summary.json",
];

impl Show<'_> {
    /// Writes what is left to write and tells the result; `fault` is the exit code if a check failed.
    pub(super) fn close(mut self, fault: u8) -> Outcome {
        let by_hand = shots::missing(&self);
        if fault != super::BLOCKED {
            self.tail();
        }
        self.summary(fault, &by_hand);
        let told = self.spoken(fault, &by_hand);
        for line in told {
            self.say(&line);
        }
        let master = self.sealed(fault, &by_hand);
        // A file that could not be written above is a failed check, so the code comes last.
        let exit_code = self.code(fault);
        let result = result_of(exit_code);
        Outcome {
            schema: "DAILY_OPS_DEMO_DASHBOARD_V1",
            result,
            exit_code,
            passed: self.passed(),
            failed: self.failed(),
            manual: self.manual(),
            evidence: self.evidence.as_ref().ok().map(|evidence| evidence.folder().to_owned()),
            master_log: master,
            manual_required: by_hand,
            checks: self.checks,
        }
    }

    fn code(&self, fault: u8) -> u8 {
        if self.failed() == 0 { PASSED } else { fault }
    }

    fn tail(&mut self) {
        match live_log::tail(self.demo.store, &self.demo.log, TAIL) {
            Ok(text) => self.keep("11_live_obs_tail.jsonl", text.as_bytes()),
            Err(why) => {
                self.note("log", Err(why));
            }
        }
    }

    fn summary(&mut self, fault: u8, by_hand: &[String]) {
        let exit_code = self.code(fault);
        let summary = json!({
            "schema": "DEMO_SUMMARY_V1",
            "result": result_of(exit_code),
            "exit_code": exit_code,
            "passed": self.passed(),
            "failed": self.failed(),
            "manual": self.manual(),
            "checks": self.checks,
            "operator": self.demo.operator,
            "started": millis_stamp(self.started),
            "ended": self.stamp(),
            "host": self.demo.host,
            "base_url": self.demo.base.to_string(),
            "speed": self.demo.speed,
            "with_kill": self.demo.kill == KillPart::Shown,
            "version": env!("CARGO_PKG_VERSION"),
            "boot_id": self.boot_id,
            "manual_required": by_hand,
        });
        self.keep_json("summary.json", &summary);
    }

    fn spoken(&self, fault: u8, by_hand: &[String]) -> Vec<String> {
        let lang = self.demo.lang;
        let mut lines = vec![String::new()];
        if !by_hand.is_empty() && fault != super::BLOCKED {
            let said = Said { ko: "직접 찍을 화면", en: "pictures to be taken by hand" };
            lines.push(format!("{}: {}", said.to(lang), by_hand.join(", ")));
        }
        if let Ok(evidence) = &self.evidence {
            let said = Said { ko: "증거 폴더", en: "evidence" };
            lines.push(format!("{}: {}", said.to(lang), evidence.folder().display()));
        }
        lines
    }

    /// Master log, manifest, rehearsal log. What cannot be written is a failed check.
    fn sealed(&mut self, fault: u8, by_hand: &[String]) -> Option<PathBuf> {
        let place = match &self.demo.evidence {
            Some(named) => named.clone(),
            None => self.demo.store.path(layout::OPS_EVIDENCE),
        };
        let text = self.master(fault);
        let operator = self.rehearsal(fault, by_hand);
        let Ok(evidence) = &mut self.evidence else { return None };
        let outcome = (|| -> Result<PathBuf, EvidenceFault> {
            let master = evidence.write_master(&place, &text)?;
            let wanted = if fault == super::BLOCKED { &[][..] } else { &WANTED[..] };
            evidence.seal(wanted, by_hand)?;
            evidence.append_beside(&place, "rehearsal.log", &operator)?;
            Ok(master)
        })();
        match outcome {
            Ok(master) => Some(master),
            Err(fault) => {
                self.note("evidence", Err(fault.to_string()));
                None
            }
        }
    }

    /// Every section is there in every case, and the last line says END.
    fn master(&self, fault: u8) -> String {
        let exit_code = self.code(fault);
        let json = |value: &Option<Value>| value.as_ref().map_or_else(|| NOT_REACHED.to_owned(), |v| format!("{v:#}"));
        let text = |text: &str| if text.is_empty() { NOT_REACHED.to_owned() } else { text.trim_end().to_owned() };
        let start = [
            format!("ts_iso {}", millis_stamp(self.started)),
            format!("operator {}", plain(self.demo.operator.as_deref().unwrap_or("-"))),
            format!("host {}", self.demo.host),
            format!("version {}", env!("CARGO_PKG_VERSION")),
            format!("boot_id {}", word(&self.boot_id)),
            format!("base_url {}", self.demo.base),
        ];
        let mut log = String::new();
        let sections = [
            ("START", start.join("\n")),
            ("METRICS BEFORE", json(&self.sections.before)),
            ("TRIGGER", text(&self.sections.trigger.join("\n"))),
            ("SSE", text(&self.sections.sse)),
            ("WS", text(&self.sections.ws)),
            ("METRICS AFTER", json(&self.sections.after)),
            ("RESULT", self.verdicts(exit_code)),
        ];
        for (name, body) in sections {
            log.push_str(&format!("### {name}\n{body}\n\n"));
        }
        log.push_str("### END\n");
        log
    }

    fn verdicts(&self, exit_code: u8) -> String {
        let mut lines: Vec<_> = self.checks.iter().map(super::Check::line).collect();
        lines.extend(super::manual_line(&self.manual()));
        lines.push(format!("{} passed, {} failed", self.passed(), self.failed()));
        lines.push(format!("ended {} exit_code {exit_code}", self.stamp()));
        lines.join("\n")
    }

    /// `ts_iso`, operator, result, notes, with tabs between.
    fn rehearsal(&self, fault: u8, by_hand: &[String]) -> String {
        let operator = plain(self.demo.operator.as_deref().unwrap_or("-"));
        let folder = self.evidence.as_ref().ok().and_then(|evidence| evidence.folder().file_name());
        let folder = folder.map(|name| Path::new(name).display().to_string()).unwrap_or_default();
        let notes = format!(
            "speed {}, {} passed, {} failed, {} manual, {} pictures by hand, evidence {folder}",
            self.demo.speed.as_str(),
            self.passed(),
            self.failed(),
            self.manual().len(),
            by_hand.len()
        );
        format!("{}\t{operator}\t{}\t{notes}", self.stamp(), result_of(self.code(fault)))
    }
}

const NOT_REACHED: &str = "(not reached)";

fn result_of(exit_code: u8) -> &'static str {
    match exit_code {
        PASSED => "PASSED",
        super::BLOCKED => "BLOCKED",
        _ => "FAILED",
    }
}

/// A name on one line of a log, between two tabs.
fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
