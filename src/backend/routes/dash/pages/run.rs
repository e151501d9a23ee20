//! One daily run: what it came to and why, its stages, its receipt, and the evidence behind it.

use maud::Markup;
use maud::html;

use super::facts;
use super::shell;
use super::shell::Here;
use super::shell::word;
use super::words::say;
use crate::backend::routes::App;
use crate::contracts::EvidenceRef;
use crate::contracts::Json;
use crate::contracts::cycle::CycleReceipt;
use crate::contracts::integrity::Integrity;
use crate::contracts::integrity::verify;
use crate::contracts::run::RunRecord;
use crate::contracts::run::StageReport;
use crate::ops::DailyRun;
use crate::settings::Lang;
use crate::store::layout;

/// The page of a run that nobody knows.
pub(super) fn unknown(lang: Lang) -> Markup {
    let main = html! {
        p { a href="/ops/runs" { "← " (word(lang, "runs.back")) } }
        h1 { (word(lang, "one.unknown")) }
        p.quiet { (word(lang, "one.unknown.note")) }
    };
    shell::page(lang, ("one.title", "run.js", Here::Runs), (html! {}, main))
}

/// The page at `/ops/runs/{id}`.
pub(super) fn page(app: &App, record: &RunRecord) -> Markup {
    let lang = app.dash.options.lang;
    let short = DailyRun::of(record);
    let main = html! {
        p { a href="/ops/runs" { "← " (word(lang, "runs.back")) } }
        header.title {
            h1 { (word(lang, "one.title")) " " span.num { (facts::moment(&record.started_at)) } }
            p.quiet { code { (record.run_id) } }
        }
        (outcome(lang, record, &short))
        (stages(lang, record))
        (receipt(lang, record, &proof(app, record)))
        (evidence(lang, &refs(app, record)))
    };
    shell::page(lang, ("one.title", "run.js", Here::Runs), (html! {}, main))
}

fn outcome(lang: Lang, record: &RunRecord, short: &DailyRun) -> Markup {
    let look = facts::result(short.result);
    html! {
        section.panel.outcome data-tone=(look.tone) {
            p.verdict { (facts::told(lang, look)) span.num.quiet { " " (facts::duration(short.duration_ms)) } }
            @if record.exit_code.is_none() { p { (word(lang, "one.unfinished")) } }
            dl.lines {
                @if let Some(reason) = &record.reason { div { dt { (word(lang, "one.reason")) } dd { (facts::code(reason.as_str())) } } }
                @if let Some(detail) = &record.reason_detail { div { dt { (word(lang, "one.detail")) } dd { (detail) } } }
                @if !record.warnings.is_empty() {
                    div { dt { (word(lang, "one.warnings")) } dd { ul { @for warning in &record.warnings {
                        li { (facts::code(warning.code.as_str())) @if let Some(detail) = &warning.detail { " · " span.quiet lang="en" { (detail) } } }
                    } } } }
                }
            }
            p.tags {
                @if record.dry_run { span.chip { (word(lang, "one.dry")) } }
                @if record.late { span.chip { (word(lang, "one.late")) } }
                @if record.rerun { span.chip { (word(lang, "one.rerun")) } }
            }
            p { a href=(format!("/ops#q={}", record.trace_id)) { (word(lang, "one.events")) } }
        }
    }
}

fn stages(lang: Lang, record: &RunRecord) -> Markup {
    let keys = ["one.stages", "runs.result", "runs.duration", "one.code", "one.detail"];
    html! {
        section.panel {
            h2 { (word(lang, "stages")) }
            div.scroll tabindex="0" role="group" aria-label=(say(lang, "stages")) data-i18n-label="stages" {
                table #stagesTable aria-label=(say(lang, "stages")) data-i18n-label="stages" {
                    thead { tr { @for key in keys { th scope="col" data-i18n=(key) { (say(lang, key)) } } } }
                    tbody { @for stage in &record.stages { (stage_row(lang, stage)) } }
                }
            }
        }
    }
}

fn stage_row(lang: Lang, stage: &StageReport) -> Markup {
    html! {
        tr data-stage=(stage.n) {
            th scope="row" { span.num { (stage.n) "/5 " } (word(lang, facts::stage_key(stage.n))) }
            td { (facts::told(lang, facts::stage(stage.class, stage.code.as_str()))) }
            td.num { (facts::duration(Some(stage.elapsed_ms))) }
            td.wide { (facts::code(stage.code.as_str())) }
            td.wide {
                @if let Some(status) = stage.http_status { span.num { "HTTP " (status) } " " }
                @if let Some(detail) = &stage.detail { (detail) }
            }
        }
    }
}

fn receipt(lang: Lang, record: &RunRecord, proof: &Integrity) -> Markup {
    let text = |value: Option<&str>| html! { (value.unwrap_or("—")) };
    let trading = record.trading_day.map(|day| word(lang, if day { "yes" } else { "no" }));
    let cycle = joined(&[record.cycle.result.as_deref(), record.cycle.decision.as_deref()]);
    let facts = [
        ("runs.started", text(Some(&facts::moment(&record.started_at)))),
        ("one.finished", text(record.finished_at.as_ref().map(facts::moment).as_deref())),
        ("one.exit", text(record.exit_code.map(|code| code.to_string()).as_deref())),
        ("runs.trigger", word(lang, facts::trigger_key(record.trigger))),
        ("one.trading", trading.unwrap_or_else(|| text(None))),
        ("one.ops", text(record.ops_status.as_deref())),
        ("one.cycle", text(Some(&cycle))),
        ("one.delivery", text(record.cycle.delivery_actual.as_deref())),
        ("gate", text(Some(&record.safety.gate))),
        ("sender", text(Some(switch(record.safety.sender)))),
        ("stop", text(Some(switch(record.safety.stop)))),
        ("bundle", text(record.bundle.as_ref().map(|found| found.decision.as_str()))),
        ("one.version", text(Some(&record.version))),
        ("one.revision", text(record.host_rev_after.as_deref())),
        ("one.trace", text(Some(record.trace_id.as_str()))),
        ("one.chain", text(Some(&record.chain.seq.to_string()))),
    ];
    html! {
        section.panel {
            h2 { (word(lang, "one.receipt")) }
            dl.facts { @for (key, value) in &facts { div { dt { (word(lang, key)) } dd.num { (value) } } } }
            p.proof { (word(lang, "one.hash")) " " code { (record.integrity.payload_sha256) } " " (proven(lang, proof)) }
        }
    }
}

fn joined(parts: &[Option<&str>]) -> String {
    let known: Vec<&str> = parts.iter().flatten().copied().collect();
    if known.is_empty() { "—".to_owned() } else { known.join(" · ") }
}

fn switch(on: bool) -> &'static str {
    if on { "ON" } else { "OFF" }
}

fn proven(lang: Lang, proof: &Integrity) -> Markup {
    let (tone, sign, key) = match proof {
        Integrity::Proven => ("ok", "✓", "proof.ok"),
        Integrity::Unproven => ("none", "?", "proof.none"),
        Integrity::Mismatch { .. } => ("bad", "✕", "proof.bad"),
    };
    html! { span.told data-tone=(tone) { span aria-hidden="true" { (sign) " " } (word(lang, key)) } }
}

/// Whether the stored record still is what was sealed.
fn proof(app: &App, record: &RunRecord) -> Integrity {
    let file = if record.finished_at.is_some() { record.snapshot_ref.as_str() } else { layout::RUN.latest };
    let bytes = EvidenceRef::parse(file).ok().and_then(|_| app.store().read(file).ok().flatten());
    bytes.and_then(|bytes| Json::parse(&bytes).ok()).map_or(Integrity::Unproven, |json| verify(&json))
}

/// Everything that the run and its cycle name, once each, in the order in which it was made.
fn refs(app: &App, record: &RunRecord) -> Vec<String> {
    let sealed = record.finished_at.is_some();
    let own = if sealed { record.snapshot_ref.clone() } else { layout::RUN.latest.to_owned() };
    let mut found = vec![own];
    if let Some(reference) = &record.cycle.snapshot_ref {
        found.push(reference.clone());
        found.extend(cited(app, reference));
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|reference| seen.insert(reference.clone()));
    found
}

/// What a cycle's receipt cites.
fn cited(app: &App, reference: &str) -> Vec<String> {
    let readable = EvidenceRef::parse(reference).is_ok();
    let receipt = readable.then(|| app.store().document::<CycleReceipt>(reference).present()).flatten();
    let Some(receipt) = receipt else { return Vec::new() };
    let reco = receipt.reco.and_then(|reco| reco.snapshot_ref);
    let summary = receipt.ops_summary.and_then(|summary| summary.snapshot_ref);
    let push = receipt.push.map(|push| [push.preview_ref, push.send_receipt_ref]).unwrap_or_default();
    let named = [reco, summary].into_iter().chain(push).flatten();
    named.chain(receipt.evidence_refs).collect()
}

fn evidence(lang: Lang, refs: &[String]) -> Markup {
    html! {
        section.panel.evidence {
            h2 { (word(lang, "one.evidence")) }
            p.quiet { (word(lang, "one.evidence.note")) }
            @for reference in refs {
                @if EvidenceRef::parse(reference).is_ok() {
                    details data-ref=(reference) { summary { code { (reference) } } div data-part="body" {} }
                } @else {
                    p.quiet { code { (reference) } }
                }
            }
        }
    }
}
