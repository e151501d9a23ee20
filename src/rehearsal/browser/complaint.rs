//! What a page complains about: errors, lost requests, and what breaks its own policy.

use serde_json::Value;

/// Something that a page should not have caused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// A warning or an error that it wrote to the console.
    Console(String),
    /// A script threw, and nobody caught it.
    Exception(String),
    /// Something broke the page's own security policy.
    Policy(String),
    /// A request failed, or was answered with 400 or more.
    Network(String),
}

/// News that is a complaint.
pub(super) fn complaint(news: &Value) -> Option<Complaint> {
    let params = &news["params"];
    match news["method"].as_str()? {
        "Runtime.consoleAPICalled" if matches!(params["type"].as_str(), Some("error" | "warning" | "assert")) => {
            let said: Vec<String> = params["args"].as_array()?.iter().map(said).collect();
            Some(Complaint::Console(said.join(" ")))
        }
        "Runtime.exceptionThrown" => {
            let details = &params["exceptionDetails"];
            let words = details["exception"]["description"].as_str().or(details["text"].as_str());
            Some(Complaint::Exception(words.unwrap_or("?").to_owned()))
        }
        "Log.entryAdded" => logged(&params["entry"]),
        "Audits.issueAdded" if params["issue"]["code"] == "ContentSecurityPolicyIssue" => {
            Some(Complaint::Policy(params["issue"]["details"]["contentSecurityPolicyIssueDetails"].to_string()))
        }
        _ => None,
    }
}

fn logged(entry: &Value) -> Option<Complaint> {
    let text = format!("{} {}", entry["text"].as_str().unwrap_or("?"), entry["url"].as_str().unwrap_or_default());
    let is_serious = matches!(entry["level"].as_str(), Some("error" | "warning"));
    match entry["source"].as_str()? {
        _ if text.contains("Content Security Policy") => Some(Complaint::Policy(text)),
        "network" if is_serious => Some(Complaint::Network(text)),
        _ if is_serious => Some(Complaint::Console(text)),
        _ => None,
    }
}

/// An argument of a console call.
fn said(argument: &Value) -> String {
    match (&argument["value"], argument["description"].as_str()) {
        (Value::String(text), _) => text.clone(),
        (_, Some(text)) => text.to_owned(),
        (value, None) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Complaint;
    use super::complaint;

    #[test]
    fn warnings_errors_and_broken_policies_are_complaints_and_notes_are_not() {
        let console = |kind: &str| {
            json!({"method": "Runtime.consoleAPICalled", "params": {"type": kind, "args": [
                {"type": "string", "value": "a"}, {"type": "number", "value": 1, "description": "1"}]}})
        };
        let entry = |source: &str, level: &str, text: &str| {
            let entry = json!({"source": source, "level": level, "text": text, "url": "u"});
            json!({"method": "Log.entryAdded", "params": {"entry": entry}})
        };
        let refused = "Refused to run: it violates the following Content Security Policy directive";
        for (news, want) in [
            (console("error"), Some(Complaint::Console("a 1".to_owned()))),
            (console("log"), None),
            (entry("network", "error", "404"), Some(Complaint::Network("404 u".to_owned()))),
            (entry("security", "error", refused), Some(Complaint::Policy(format!("{refused} u")))),
            (entry("rendering", "warning", "slow"), Some(Complaint::Console("slow u".to_owned()))),
            (entry("other", "info", "fyi"), None),
            (json!({"method": "Page.loadEventFired", "params": {}}), None),
        ] {
            assert_eq!(complaint(&news), want, "{news}");
        }
    }
}
