//! The dashboard itself: every element that the scripts fill, in the page from the start.

use maud::Markup;
use maud::html;

use super::shell;
use super::shell::Here;
use super::shell::word;
use super::words::say;
use crate::settings::Lang;

/// The page at `/` and `/ops`. After `retry_ms` the browser itself tries a lost stream again.
pub(super) fn page(lang: Lang, retry_ms: u64) -> Markup {
    let main = html! {
        h1.sr { "Ops Dashboard" }
        noscript { p.note.bad { (say(lang, "noscript")) } }
        (banners(lang))
        (cards(lang))
        (day(lang))
        div.columns {
            div.left { (timeline(lang)) }
            div.right { (kill(lang)) (engine(lang)) (positions(lang)) (risks(lang)) }
        }
        (kill_dialog(lang))
        (help(lang))
    };
    shell::page(lang, ("title", "main.js", Here::Board), (connection(lang, retry_ms), main))
}

fn connection(lang: Lang, retry_ms: u64) -> Markup {
    html! {
        div.link {
            div #sseStatus role="status" data-state="connecting" data-retry-ms=(retry_ms) {
                span.sr { (word(lang, "sse.label")) ": " }
                span.dot aria-hidden="true" {}
                b #sseText { (say(lang, "sse.connecting")) }
            }
            span #sseDetail.quiet {}
            button #reconnectBtn type="button" data-i18n="sse.now" hidden { (say(lang, "sse.now")) }
            dl.ages {
                div { dt { (word(lang, "lastHeartbeat")) } dd.num #lastHeartbeat { "—" } }
                div { dt { (word(lang, "dataChanged")) } dd.num #dataChanged { "—" } }
                div { dt { (word(lang, "lastTs")) } dd.num #lastTs { "—" } }
            }
            span #clock.num.quiet {}
        }
    }
}

fn banners(lang: Lang) -> Markup {
    html! {
        p #killBanner.note.bad role="alert" hidden { span #killBannerText {} }
        p #stopBanner.note.bad role="alert" hidden { span #stopBannerText {} }
        p #metricsError.note.warn hidden {}
        p #metricsSaid.sr role="status" {}
        p #shutdownNote.note.warn role="status" data-i18n="shutdown" hidden { (say(lang, "shutdown")) }
        p #modeBadge.note.plain role="status" data-i18n="mode.downgrade" hidden { (say(lang, "mode.downgrade")) }
        div #downgrade.note.warn role="alert" hidden {
            div { b #downgradeText {} span #downgradeMore.quiet {} }
            button #downgradeOk type="button" data-i18n="downgrade.ok" { (say(lang, "downgrade.ok")) }
        }
    }
}

/// A card: a label, the English name beside the Korean one, a value, a line below it.
fn card(lang: Lang, id: &'static str, english: Option<&str>) -> Markup {
    html! {
        section.card id=(id) data-tone="none" data-stale="true" {
            h3 { (word(lang, id)) @if let Some(english) = english { small.alt lang="en" { (english) } } }
            p.value.num data-part="value" { "—" }
            p.quiet data-part="note" { (say(lang, "waiting")) }
            @if id == "health" { (more_reasons(lang)) }
        }
    }
}

/// The reasons after the first one, for everybody: a tooltip is for a mouse alone.
fn more_reasons(lang: Lang) -> Markup {
    html! {
        details #healthMore.quiet hidden {
            summary { (word(lang, "health.more")) " " span.num #healthCount {} }
            ul #healthReasons {}
        }
    }
}

fn cards(lang: Lang) -> Markup {
    html! {
        section.cards aria-label=(say(lang, "cards")) data-i18n-label="cards" {
            h2.sr { (word(lang, "cards")) }
            (card(lang, "health", Some("Health")))
            (card(lang, "drop", Some("DropCount")))
            (card(lang, "subs", Some("Subscribers")))
            (card(lang, "killsw", Some("Kill switch")))
            (card(lang, "risk", Some("Risk")))
            (card(lang, "qmax", Some("Queue")))
        }
    }
}

/// The word of a part that shows old values.
fn stale(lang: Lang, id: &'static str) -> Markup {
    html! { span id=(id) class="badge warn" data-i18n="positions.stale" hidden { (say(lang, "positions.stale")) } }
}

fn day(lang: Lang) -> Markup {
    html! {
        section.panel.day #day data-stale="true" {
            h2.sr { (word(lang, "day")) }
            (stale(lang, "dayStale"))
            div.run {
                section.tile #run data-tone="none" {
                    h3 { (word(lang, "run")) a #runLink href="/ops/runs" data-i18n="run.open" hidden { (say(lang, "run.open")) } }
                    p.value data-part="value" { "—" }
                    p.quiet data-part="note" {}
                }
                ol #runStages.stages aria-label=(say(lang, "stages")) data-i18n-label="stages" {}
            }
            div.tiles {
                @for id in ["gate", "sender", "stop", "bundle", "due"] {
                    section.tile id=(id) data-tone="none" {
                        h3 { (word(lang, id)) }
                        p.value data-part="value" { "—" }
                        p.quiet data-part="note" {}
                    }
                }
            }
        }
    }
}

fn timeline(lang: Lang) -> Markup {
    html! {
        section.panel.timeline {
            div.head {
                h2 { (word(lang, "events")) }
                span #eventCount.num.quiet {}
                div #filterBadge.badge hidden {
                    span #filterText {}
                    button #badgeClear type="button" aria-label=(say(lang, "filter.clear")) data-i18n-label="filter.clear" { "✕" }
                }
                button #latestBtn type="button" hidden { "↑ " (word(lang, "latest")) " " span.num #latestNews {} }
            }
            (toolbar(lang))
            p #historyNote.note.warn role="status" data-i18n="history.failed" hidden { (say(lang, "history.failed")) }
            div #events role="log" aria-live="polite" aria-label=(say(lang, "events")) data-i18n-label="events" {
                p #eventsSummary.sr {}
                div #eventScroll tabindex="0" aria-live="off" role="group" aria-label=(say(lang, "events")) data-i18n-label="events" {
                    p #eventsEmpty.empty { (say(lang, "events.empty")) }
                    div #eventRows role="list" {}
                }
            }
        }
    }
}

fn toolbar(lang: Lang) -> Markup {
    html! {
        div.tools {
            div.field {
                label for="typeFilter" data-i18n="type" { (say(lang, "type")) }
                select #typeFilter { option value="" data-i18n="type.all" { (say(lang, "type.all")) } }
            }
            div.field.grow {
                label for="traceSearch" data-i18n="trace" { (say(lang, "trace")) }
                input #traceSearch type="search" autocomplete="off" spellcheck="false" maxlength="128"
                    placeholder=(say(lang, "trace.hint")) data-i18n-hint="trace.hint";
            }
            button #clearFilters type="button" data-i18n="filter.clear" disabled { (say(lang, "filter.clear")) }
            button #groupBtn type="button" aria-pressed="true" data-i18n="groups" { (say(lang, "groups")) }
            button #pauseBtn type="button" aria-pressed="false" {
                span #pauseText { (say(lang, "pause")) } " " span.num #pauseNews {}
            }
            button #exportBtn.main type="button" data-i18n="export" { (say(lang, "export")) }
        }
    }
}

fn kill(lang: Lang) -> Markup {
    html! {
        section.panel #killPanel data-status="?" {
            div.head { h2 { (word(lang, "kill.panel")) } span.quiet { (word(lang, "kill.scope")) } }
            p.state { b #killState role="status" { (say(lang, "kill.checking")) } }
            p.quiet #killDetail {}
            p.quiet.warn #killEffective data-i18n="kill.effective" hidden { (say(lang, "kill.effective")) }
            div.field {
                label for="killReason" data-i18n="kill.reason" { (say(lang, "kill.reason")) }
                input #killReason type="text" autocomplete="off" maxlength="500" aria-required="true"
                    aria-describedby="killReasonError" placeholder=(say(lang, "kill.reason.hint")) data-i18n-hint="kill.reason.hint";
                p #killReasonError.error role="alert" {}
            }
            div.actions {
                button #killToggle type="button" data-will="on" { (say(lang, "kill.turn.on")) }
                button #killOff type="button" data-i18n="kill.disarm" hidden { (say(lang, "kill.disarm")) }
            }
            p #killError.error role="alert" {}
            div #killResult role="alert" hidden {
                p #killDoneText {}
                p { (word(lang, "kill.audit")) " " code #killAudit { "—" } " "
                    button #killCopy type="button" data-i18n="copy" { (say(lang, "copy")) } }
                p #killNotKept.error data-i18n="kill.unkept" hidden { (say(lang, "kill.unkept")) }
            }
        }
    }
}

fn kill_dialog(lang: Lang) -> Markup {
    html! {
        dialog #killDialog aria-labelledby="killDialogTitle" aria-describedby="killDialogText" {
            form #killForm method="dialog" {
                h2 #killDialogTitle {}
                p #killDialogText {}
                p.quote #killDialogReason {}
                div.field #killTokenRow {
                    label for="killToken" data-i18n="kill.token" { (say(lang, "kill.token")) }
                    input #killToken type="password" autocomplete="off" aria-describedby="killTokenHint";
                    p #killTokenHint.quiet data-i18n="kill.token.hint" { (say(lang, "kill.token.hint")) }
                }
                label.check #killForceRow hidden {
                    input #killForce type="checkbox"; (word(lang, "kill.force"))
                }
                p #killDialogError.error role="alert" {}
                div.actions {
                    button #killCancel type="button" data-i18n="kill.cancel" { (say(lang, "kill.cancel")) }
                    button #killConfirm type="submit" data-will="on" {}
                }
            }
        }
    }
}

fn engine(lang: Lang) -> Markup {
    html! {
        section.panel #engine data-state="unknown" {
            div.head { h2 { (word(lang, "engine")) } span #engineState.quiet { (say(lang, "engine.unknown")) } (stale(lang, "engineStale")) }
            p #engineFreeze.note role="status" hidden {}
            dl.facts {
                @for (key, id) in [
                    ("engine.pid", "enginePid"), ("engine.task", "engineTask"), ("engine.uptime", "engineUptime"),
                    ("engine.checkpoint", "engineCheckpoint"), ("engine.published", "enginePublished"),
                    ("engine.consumed", "engineConsumed"), ("engine.pending", "enginePending"),
                    ("engine.restarts", "engineRestarts"),
                ] {
                    div { dt { (word(lang, key)) } dd.num id=(id) { "—" } }
                }
            }
        }
    }
}

/// A table's head, one column for each key.
fn columns(lang: Lang, keys: &[&'static str], numbers: &[usize]) -> Markup {
    html! {
        thead { tr { @for (at, key) in keys.iter().enumerate() {
            th scope="col" class=[numbers.contains(&at).then_some("num")] data-i18n=(key) { (say(lang, key)) }
        } } }
    }
}

fn positions(lang: Lang) -> Markup {
    let keys = ["positions.name", "positions.qty", "positions.avg", "positions.mark", "positions.pnl", "positions.pct"];
    html! {
        section.panel #positions {
            div.head {
                h2 { (word(lang, "positions")) }
                span #positionsAsof.num.quiet {}
                (stale(lang, "positionsStale"))
            }
            p #positionsEmpty.empty { (say(lang, "waiting")) }
            div.scroll #positionsTable tabindex="0" role="group" aria-label=(say(lang, "positions")) data-i18n-label="positions" hidden {
                table aria-label=(say(lang, "positions")) data-i18n-label="positions" { (columns(lang, &keys, &[1, 2, 3, 4, 5])) tbody #positionRows {} }
            }
        }
    }
}

fn risks(lang: Lang) -> Markup {
    let keys = ["risks.time", "risks.level", "risks.type", "risks.reason", "risks.trace"];
    html! {
        section.panel #risks {
            div.head { h2 { (word(lang, "risks")) } (stale(lang, "risksStale")) }
            p #risksEmpty.empty { (say(lang, "waiting")) }
            div.scroll #risksTable tabindex="0" role="group" aria-label=(say(lang, "risks")) data-i18n-label="risks" hidden {
                table aria-label=(say(lang, "risks")) data-i18n-label="risks" { (columns(lang, &keys, &[0])) tbody #riskRows {} }
            }
        }
    }
}

fn help(lang: Lang) -> Markup {
    let keys = [
        ("/", "help.search"),
        ("t", "help.type"),
        ("p", "help.pause"),
        ("g", "help.group"),
        ("e", "help.export"),
        ("Esc", "help.esc"),
        ("?", "help.help"),
    ];
    html! {
        dialog #helpDialog aria-labelledby="helpTitle" {
            h2 #helpTitle data-i18n="help" { (say(lang, "help")) }
            dl.keys { @for (key, what) in keys { div { dt { kbd { (key) } } dd { (word(lang, what)) } } } }
            p.quiet { (word(lang, "help.kill")) }
            div.actions { button #helpClose type="button" data-i18n="close" { (say(lang, "close")) } }
        }
    }
}
