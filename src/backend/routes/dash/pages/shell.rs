//! What every page has: its head, the bar at the top, and the pieces that the switch of languages works on.

use maud::DOCTYPE;
use maud::Markup;
use maud::html;

use super::words::say;
use crate::settings::Lang;

/// A word that the switch of languages changes.
pub(super) fn word(lang: Lang, key: &'static str) -> Markup {
    html! { span data-i18n=(key) { (say(lang, key)) } }
}

/// A whole page around `main`. `script` is its module.
pub(super) fn page(
    lang: Lang,
    (title, script, here): (&'static str, &'static str, Here),
    parts: (Markup, Markup),
) -> Markup {
    let (bar, main) = parts;
    html! {
        (DOCTYPE)
        html lang=(code(lang)) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="dark light";
                meta name="robots" content="noindex";
                title { (say(lang, title)) " · daily_ops Ops Dashboard" }
                link rel="icon" href="/static/icon.svg" type="image/svg+xml";
                link rel="stylesheet" href="/static/ops.css";
                script type="module" src=(format!("/static/{script}")) {}
            }
            body data-mode="UNKNOWN" {
                a.skip href="#main" data-i18n="skip" { (say(lang, "skip")) }
                header.bar {
                    div.brand { strong { "daily_ops" } span.quiet { (word(lang, title)) } }
                    nav aria-label=(say(lang, "nav.label")) data-i18n-label="nav.label" {
                        (link(lang, ("/ops", "nav.board"), here == Here::Board))
                        (link(lang, ("/ops/runs", "nav.runs"), here == Here::Runs))
                    }
                    (bar)
                    div.switches {
                        @if here == Here::Board {
                            button #helpBtn type="button" aria-label=(say(lang, "help.open")) data-i18n-label="help.open" { "?" }
                        }
                        button #langToggle type="button" aria-label=(say(lang, "lang.label")) data-i18n-label="lang.label"
                            data-i18n="lang.other" { (say(lang, "lang.other")) }
                    }
                }
                main #main tabindex="-1" { (main) }
                div #toast role="status" hidden {}
            }
        }
    }
}

/// Which of the pages it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Here {
    Board,
    Runs,
}

fn link(lang: Lang, (to, key): (&str, &'static str), here: bool) -> Markup {
    html! { a href=(to) aria-current=[here.then_some("page")] data-i18n=(key) { (say(lang, key)) } }
}

/// The language as a document names it.
pub(super) fn code(lang: Lang) -> &'static str {
    match lang {
        Lang::Ko => "ko",
        Lang::En => "en",
    }
}
