//! The pages: what must be in them from the start, and what must not.

use std::collections::BTreeSet;

use crate::RUN;
use crate::client::Site;
use crate::in_english;
use crate::values;
use crate::with_run;

/// The elements that scripts, operators and the rehearsal find by name.
const IDS: &[&str] = &[
    "health",
    "drop",
    "subs",
    "killsw",
    "risk",
    "qmax",
    "events",
    "killPanel",
    "killReason",
    "killToggle",
    "killAudit",
    "langToggle",
    "typeFilter",
    "traceSearch",
    "exportBtn",
    "clearFilters",
    "pauseBtn",
    "sseStatus",
    "lastHeartbeat",
    "dataChanged",
    "positions",
    "risks",
    "engine",
    "lastTs",
    "run",
    "runStages",
    "gate",
    "sender",
    "stop",
    "bundle",
    "due",
    "eventRows",
    "eventScroll",
    "latestBtn",
    "filterBadge",
    "downgrade",
    "groupBtn",
    "killDialog",
    "killToken",
];

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[test]
fn a01_both_addresses_serve_the_dashboard_under_the_strict_policy() {
    let site = Site::new();
    for path in ["/", "/ops"] {
        let answer = site.get(path);
        assert_eq!(answer.status, 200, "{path}");
        let wanted = [
            ("content-type", "text/html; charset=utf-8"),
            ("content-security-policy", POLICY),
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("x-frame-options", "DENY"),
            ("cache-control", "no-store"),
        ];
        for (name, value) in wanted {
            assert_eq!(answer.header(name), Some(value), "{path} {name}");
        }
        for word in
            ["Ops Dashboard</title>", "<html lang=\"ko\">", "Health", "DropCount", "Subscribers", "<main", "<noscript>"]
        {
            assert!(answer.text.contains(word), "{path} lacks {word}");
        }
    }
    assert_eq!(site.get("/").text, site.get("/ops").text);
}

#[test]
fn every_required_element_is_in_the_served_page_once() {
    let page = Site::new().get("/ops").text;
    let ids = values(&page, "id");
    for id in IDS {
        assert_eq!(ids.iter().filter(|found| found == &id).count(), 1, "{id}");
    }
    assert!(page.contains("id=\"events\" role=\"log\" aria-live=\"polite\""), "the timeline is no log");
    assert!(page.contains("id=\"sseStatus\" role=\"status\" data-state=\"connecting\""), "the indicator is no status");
    assert!(page.contains("<option value=\"\""), "the first type is not all of them");
}

#[test]
fn no_page_has_an_id_twice_or_a_label_without_its_field() {
    let site = with_run();
    for path in ["/ops", "/ops/runs", &format!("/ops/runs/{RUN}"), "/ops/runs/nobody"] {
        let page = site.get(path).text;
        let ids = values(&page, "id");
        let distinct: BTreeSet<_> = ids.iter().collect();
        assert_eq!(ids.len(), distinct.len(), "{path}");
        for attribute in ["for", "aria-labelledby", "aria-describedby"] {
            let named = values(&page, attribute).into_iter().flat_map(str::split_whitespace);
            for name in named {
                assert!(distinct.contains(&name), "{path}: {attribute} names {name}");
            }
        }
    }
    let page = site.get("/ops").text;
    for field in ["typeFilter", "traceSearch", "killReason", "killToken"] {
        assert!(values(&page, "for").contains(&field), "{field} has no label");
    }
}

#[test]
fn no_page_carries_script_style_or_a_foreign_address() {
    let site = with_run();
    for path in ["/", "/ops", "/ops/runs", &format!("/ops/runs/{RUN}"), "/ops/runs/nobody"] {
        let answer = site.get(path);
        assert_eq!(answer.header("content-security-policy"), Some(POLICY), "{path}");
        let page = answer.text;
        for word in
            ["<style", " style=", "javascript:", "http://", "https://", "//cdn", "<iframe", "<object", "inspector"]
        {
            assert!(!page.contains(word), "{path} has {word}");
        }
        let tags = page.split('<').filter_map(|rest| rest.split('>').next());
        let handlers =
            tags.filter(|tag| tag.split(' ').skip(1).any(|part| part.starts_with("on") && part.contains('=')));
        assert_eq!(handlers.collect::<Vec<_>>(), [""; 0], "{path}");
        for script in page.split("<script").skip(1) {
            let (head, body) = script.split_once('>').expect("a tag");
            assert!(head.contains(" src=\"/static/") && body.starts_with("</script>"), "{path}: {head}");
        }
        for address in values(&page, "href").into_iter().chain(values(&page, "src")) {
            assert!(address.starts_with('/') || address.starts_with('#'), "{path}: {address}");
        }
    }
}

#[test]
fn the_settings_choose_the_language_that_is_served() {
    let page = in_english("/ops").text;
    assert!(page.contains("<html lang=\"en\">") && page.contains("Event timeline"), "not English");
    let words = page.replace("한국어", "");
    let korean = words.chars().filter(|c| ('가'..='힣').contains(c)).count();
    assert_eq!(korean, 0, "Korean words are left in the English page");
}
