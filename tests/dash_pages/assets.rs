//! The assets: what exists, as what, and nothing else.

use std::collections::BTreeSet;
use std::path::Path;

use crate::client::Site;
use crate::values;
use crate::with_run;

fn files() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/backend/assets");
    let entries = std::fs::read_dir(folder).expect("the assets");
    let mut files: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let name = path.file_name().expect("a name").to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).expect("text"))
        })
        .collect();
    files.sort();
    files
}

fn scripts() -> Vec<(String, String)> {
    files().into_iter().filter(|(name, _)| name.ends_with(".js")).collect()
}

#[test]
fn every_file_is_served_with_its_type_and_a_tag_that_spares_the_second_load() {
    let site = Site::new();
    for (name, text) in files() {
        let (served, wanted) = match name.strip_suffix(".json") {
            Some(stem) => (format!("{stem}.js"), format!("export const WORDS = {text};\n")),
            None => (name.clone(), text),
        };
        let answer = site.get(&format!("/static/{served}"));
        let kind = match served.rsplit('.').next() {
            Some("js") => "text/javascript; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            _ => "image/svg+xml",
        };
        assert_eq!((answer.status, answer.header("content-type")), (200, Some(kind)), "{served}");
        assert!(answer.text == wanted, "{served} is not what its file holds");
        assert_eq!(answer.header("cache-control"), Some("no-cache"), "{served}");
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"), "{served}");
        let tag = answer.header("etag").expect("a tag").to_owned();
        let again = site.call("GET", &format!("/static/{served}"), None, &[("if-none-match", &tag)]);
        assert_eq!((again.status, again.text.as_str()), (304, ""), "{served}");
        let other = site.call("GET", &format!("/static/{served}"), None, &[("if-none-match", "\"0\"")]);
        assert_eq!(other.status, 200, "{served}");
    }
}

#[test]
fn a_name_that_is_not_in_the_list_is_not_found() {
    let site = Site::new();
    let names = [
        "words.json",
        "..",
        ".",
        "",
        "%2e%2e",
        "..%2fmain.js",
        "%2e%2e%2f%2e%2e%2fCargo.toml",
        "main.js%00",
        "MAIN.JS",
        "main.js/",
        "../main.js",
        "..%5cmain.js",
        "main%2ejs",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "a/b",
    ];
    for name in names {
        let answer = site.get(&format!("/static/{name}"));
        assert_eq!(answer.status, 404, "{name}: {}", answer.text);
        assert!(!answer.text.contains("import") && !answer.text.contains("[package]"), "{name}");
    }
    assert_eq!(site.get("/static/nothing.js").json()["code"], "NOT_FOUND");
}

#[test]
fn every_module_that_a_page_or_a_module_loads_is_served() {
    let site = with_run();
    let pages = ["/ops", "/ops/runs"].map(|path| site.get(path).text);
    let named = pages.iter().flat_map(|page| values(page, "src").into_iter().chain(values(page, "href")));
    let mut wanted: BTreeSet<String> = named.filter(|name| name.starts_with("/static/")).map(str::to_owned).collect();
    for (name, text) in scripts() {
        for line in text.lines().filter(|line| line.starts_with("import ")) {
            let module = line.split('"').nth(1).unwrap_or_else(|| panic!("{name}: {line}"));
            wanted.insert(module.replacen("./", "/static/", 1));
        }
    }
    assert!(wanted.contains("/static/words.js") && wanted.contains("/static/main.js"), "{wanted:?}");
    for path in wanted {
        assert_eq!(site.get(&path).status, 200, "{path}");
    }
}

#[test]
fn b08_no_script_can_turn_text_into_markup_or_code() {
    let ways = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "setTimeout(\"",
        "DOMParser",
        "createContextualFragment",
        "srcdoc",
        "http://",
        "https://",
        "importScripts",
        "javascript:",
        ".style.",
    ];
    for (name, text) in scripts() {
        for way in ways {
            assert!(!text.contains(way), "{name} uses {way}");
        }
        assert!(text.starts_with("// "), "{name} does not say its point");
    }
    for (name, text) in files() {
        assert!(!text.contains("@import") && !text.contains("url(http"), "{name} loads from elsewhere");
    }
}
