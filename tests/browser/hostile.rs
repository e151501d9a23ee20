//! Events by somebody who means harm: their text is text.

use serde_json::json;

use crate::lab;
use crate::site::Look as _;
use crate::site::Site;

const HARM: &[&str] = &[
    "<img src=x onerror=\"window.harm=1\">",
    "<script>window.harm=1</script>",
    "<svg onload=window.harm=1>",
    "\"><b id=harm>bold</b>",
    "javascript:window.harm=1",
    "{{constructor.constructor('window.harm=1')()}}",
    "\u{202e}txet desrever \u{0007}\u{0000}",
    "<iframe srcdoc='<script>parent.harm=1</script>'>",
];

#[test]
fn b08_markup_in_events_is_shown_as_text_and_not_executed() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    for (n, harm) in HARM.iter().enumerate() {
        let source: String = harm.chars().take(60).filter(|c| !c.is_control()).collect();
        let data =
            json!({*harm: harm, "symbol": harm, "reason": harm, "previous_level": harm, "affected_symbols": [harm]});
        site.publish(
            json!({"message": harm, "source": source, "severity": "ERROR", "trace_id": format!("h-{n}"), "data": data}),
        );
        site.publish(json!({"type": "LEVEL_DOWNGRADED", "message": harm, "trace_id": format!("h-{n}"), "data": data}));
        site.publish(json!({"type": "RISK_TRIGGERED", "message": harm, "trace_id": format!("h-{n}"), "data": data}));
    }
    let mut page = site.open(browser, "/");
    let rows = format!("document.querySelectorAll('#events .event').length === {}", HARM.len() * 3);
    page.sees(&rows);
    page.now("document.querySelectorAll('#events [data-act=data]').forEach(button => button.click())");
    page.sees("document.querySelectorAll('#events pre').length > 0");
    let shown = page.now("[...document.querySelectorAll('#events .message')].map(m => m.textContent)");
    for harm in HARM {
        assert!(shown.as_array().expect("texts").iter().any(|text| text == harm), "{harm} is not shown: {shown}");
    }
    for address in [
        "/#q=%3Cimg%20src%3Dx%20onerror%3D%22window.harm%3D1%22%3E",
        "/#type=%3Cscript%3Ewindow.harm%3D1%3C%2Fscript%3E",
    ] {
        site.show(&mut page, address);
        page.sees("document.querySelector('#typeFilter').options.length > 1");
    }
    let made = "[window.harm ?? null, document.querySelector('#harm, iframe, img[src=x]'), document.scripts.length]";
    assert_eq!(page.now(made), json!([null, null, page.now("document.querySelectorAll('head script').length")]));
    page.is_content();
}

#[test]
fn the_page_obeys_a_policy_that_lets_nothing_else_in() {
    let Some(browser) = lab::browser() else { return };
    let site = Site::new();
    let answer = site.get("/");
    let policy = answer.header("content-security-policy").expect("a policy");
    for part in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'none'",
    ] {
        assert!(policy.contains(part), "{part}: {policy}");
    }
    assert!(!policy.contains("unsafe") && !answer.text.contains("<style") && !answer.text.contains(" style=\""));
    let mut page = site.open(browser, "/");
    let from =
        "performance.getEntriesByType('resource').map(r => new URL(r.name).origin).filter(o => o !== location.origin)";
    assert_eq!(page.now(from), json!([]), "nothing comes from another host");
    assert_eq!(page.now("document.querySelectorAll('[style], style, script:not([src])').length"), 0);
    page.is_content();
}
