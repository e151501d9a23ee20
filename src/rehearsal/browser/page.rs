//! One page: open, look, type, click, take a picture, and hear what it complains about.

use std::path::Path;
use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use serde_json::json;

use super::complaint::Complaint;
use super::complaint::complaint;
use super::fault::BrowserFault;
use super::keys;
use super::wire::Wire;
use crate::time::Clock as _;

/// What a page is given to load.
const LOAD: Duration = Duration::from_secs(30);
/// How often a condition is looked at.
const LOOK: Duration = Duration::from_millis(25);

/// How big the screen is, and what its owner prefers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// In CSS pixels.
    pub width: u32,
    /// In CSS pixels.
    pub height: u32,
    /// The colors that are preferred.
    pub scheme: Scheme,
    /// Whether it is touched and shows pages as a phone does.
    pub phone: bool,
    /// Whether little motion is preferred.
    pub still: bool,
}

impl Screen {
    /// A desktop's screen.
    #[must_use]
    pub const fn desktop(width: u32, height: u32, scheme: Scheme) -> Self {
        Self { width, height, scheme, phone: false, still: true }
    }

    /// A phone's screen.
    #[must_use]
    pub const fn phone(width: u32, height: u32, scheme: Scheme) -> Self {
        Self { width, height, scheme, phone: true, still: true }
    }
}

/// Preferred colors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// Light text on dark ground.
    Dark,
    /// Dark text on light ground.
    Light,
}

/// An open page. Dropping it closes it.
#[derive(Debug)]
pub struct Page {
    wire: Wire,
    /// Whose storage it uses.
    pub(super) context: String,
    /// Where its downloads go.
    pub(super) downloads: PathBuf,
}

impl Page {
    pub(super) fn new(wire: Wire, context: String, downloads: PathBuf) -> Result<Self, BrowserFault> {
        let mut page = Self { wire, context, downloads };
        for domain in ["Page", "Runtime", "Log", "Audits"] {
            page.command(&format!("{domain}.enable"), &json!({}))?;
        }
        // Several pages are looked at side by side; each is to behave as the one in front.
        page.command("Emulation.setFocusEmulationEnabled", &json!({"enabled": true}))?;
        page.set_screen(Screen::desktop(1440, 900, Scheme::Dark))?;
        Ok(page)
    }

    /// Sets the screen; a page that is open changes at once.
    ///
    /// # Errors
    /// The browser refuses, or does not answer in time.
    pub fn set_screen(&mut self, screen: Screen) -> Result<(), BrowserFault> {
        let Screen { width, height, scheme, phone, still } = screen;
        let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone});
        self.command("Emulation.setDeviceMetricsOverride", &size)?;
        self.command("Emulation.setTouchEmulationEnabled", &json!({"enabled": phone}))?;
        let scheme = if scheme == Scheme::Dark { "dark" } else { "light" };
        let motion = if still { "reduce" } else { "no-preference" };
        let features = json!([
            {"name": "prefers-color-scheme", "value": scheme},
            {"name": "prefers-reduced-motion", "value": motion},
        ]);
        self.command("Emulation.setEmulatedMedia", &json!({"features": features})).map(drop)
    }

    /// Opens an address and waits until it has loaded.
    ///
    /// # Errors
    /// Nobody answers there, or it does not load in time.
    pub fn open(&mut self, url: &str) -> Result<(), BrowserFault> {
        let done = self.command("Page.navigate", &json!({"url": url}))?;
        if let Some(words) = done["errorText"].as_str() {
            return Err(BrowserFault::Navigation { url: url.to_owned(), message: words.to_owned() });
        }
        self.wait_until("document.readyState === 'complete'", LOAD).map(drop)
    }

    /// Loads the page again and waits until it has loaded.
    ///
    /// # Errors
    /// It does not load in time.
    pub fn reload(&mut self) -> Result<(), BrowserFault> {
        self.wire.forget("Page.loadEventFired");
        self.command("Page.reload", &json!({}))?;
        self.wire.wait_for("Page.loadEventFired", LOAD).map(drop)
    }

    /// What a script comes to, as JSON. A promise is waited for.
    ///
    /// # Errors
    /// The script throws, or the browser does not answer in time.
    pub fn evaluate(&mut self, script: &str) -> Result<Value, BrowserFault> {
        let params = json!({
            "expression": script, "returnByValue": true, "awaitPromise": true, "userGesture": true,
        });
        let mut answer = self.command("Runtime.evaluate", &params)?;
        let thrown = &answer["exceptionDetails"];
        if thrown.is_object() {
            let message = thrown["exception"]["description"].as_str().or(thrown["text"].as_str()).unwrap_or("?");
            return Err(BrowserFault::Script { script: script.to_owned(), message: message.to_owned() });
        }
        Ok(answer["result"]["value"].take())
    }

    /// Waits until a script comes to something that is neither false, null, zero nor empty, and returns that. A script that
    /// throws has not come to it yet.
    ///
    /// # Errors
    /// It does not come to it in time; the last value is part of the fault.
    pub fn wait_until(&mut self, script: &str, within: Duration) -> Result<Value, BrowserFault> {
        let end = self.wire.clock().monotonic() + within;
        loop {
            let last = match self.evaluate(script) {
                Ok(value) if is_true(&value) => return Ok(value),
                Ok(value) => value.to_string(),
                Err(BrowserFault::Script { message, .. } | BrowserFault::Refused { message, .. }) => message,
                Err(fault) => return Err(fault),
            };
            if self.wire.clock().monotonic() >= end {
                return Err(BrowserFault::TimedOut { what: script.to_owned(), within, last });
            }
            self.wire.clock().wait(LOOK);
        }
    }

    /// A picture of what the screen shows, as PNG.
    ///
    /// # Errors
    /// The browser cannot take it.
    pub fn screenshot(&mut self) -> Result<Vec<u8>, BrowserFault> {
        self.picture(&json!({"format": "png"}))
    }

    /// A picture of the whole page, as PNG.
    ///
    /// # Errors
    /// The browser cannot take it.
    pub fn full_screenshot(&mut self) -> Result<Vec<u8>, BrowserFault> {
        self.picture(&json!({"format": "png", "captureBeyondViewport": true}))
    }

    fn picture(&mut self, params: &Value) -> Result<Vec<u8>, BrowserFault> {
        let taken = self.command("Page.captureScreenshot", params)?;
        let text = taken["data"].as_str().unwrap_or_default();
        STANDARD.decode(text).map_err(|fault| BrowserFault::Connection(format!("the picture is no base64: {fault}")))
    }

    /// Presses a key: a character, or a name such as `Escape`, `Tab`, `Shift+Tab`.
    ///
    /// # Errors
    /// The browser refuses, or does not answer in time.
    pub fn press(&mut self, key: &str) -> Result<(), BrowserFault> {
        let mut event = keys::down(key);
        self.command("Input.dispatchKeyEvent", &event)?;
        event["type"] = json!("keyUp");
        event["text"] = json!("");
        self.command("Input.dispatchKeyEvent", &event).map(drop)
    }

    /// Types text where the focus is.
    ///
    /// # Errors
    /// The browser refuses, or does not answer in time.
    pub fn type_text(&mut self, text: &str) -> Result<(), BrowserFault> {
        self.command("Input.insertText", &json!({"text": text})).map(drop)
    }

    /// Scrolls the element into view and clicks its middle.
    ///
    /// # Errors
    /// There is no such element, it has no size, or something lies on it.
    pub fn click(&mut self, selector: &str) -> Result<(), BrowserFault> {
        let spot = self.evaluate(&format!("({SPOT})({})", json!(selector)))?;
        if let Some(why) = spot["why"].as_str() {
            return Err(BrowserFault::Click { selector: selector.to_owned(), why: why.to_owned() });
        }
        for (kind, buttons) in [("mouseMoved", 0), ("mousePressed", 1), ("mouseReleased", 0)] {
            let button = if kind == "mouseMoved" { "none" } else { "left" };
            let event = json!({
                "type": kind, "x": spot["x"], "y": spot["y"], "button": button, "buttons": buttons, "clickCount": 1,
            });
            self.command("Input.dispatchMouseEvent", &event)?;
        }
        Ok(())
    }

    /// What the page complained about since the last time.
    ///
    /// # Errors
    /// The browser does not answer in time.
    pub fn complaints(&mut self) -> Result<Vec<Complaint>, BrowserFault> {
        Ok(self.wire.take_news()?.iter().filter_map(complaint).collect())
    }

    /// The folder that its downloads go to.
    #[must_use]
    pub fn downloads(&self) -> &Path {
        &self.downloads
    }

    /// Any other command of the protocol.
    ///
    /// # Errors
    /// The browser refuses, or does not answer in time.
    pub fn command(&mut self, method: &str, params: &Value) -> Result<Value, BrowserFault> {
        self.wire.call(method, params)
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.command("Page.close", &json!({})).ok();
    }
}

/// The middle of an element, or why it cannot be clicked.
const SPOT: &str = r"selector => {
  const found = document.querySelector(selector);
  if (!found) return {why: 'there is no such element'};
  found.scrollIntoView({block: 'center', inline: 'center', behavior: 'instant'});
  const box = found.getBoundingClientRect();
  if (!box.width || !box.height) return {why: 'it has no size'};
  const x = box.left + box.width / 2, y = box.top + box.height / 2;
  const hit = document.elementFromPoint(x, y);
  if (!hit) return {why: `it is outside of the window at ${x}, ${y}`};
  if (found.contains(hit) || hit.contains(found) || hit.closest('label')?.control === found) return {x, y};
  return {why: `${hit.tagName.toLowerCase()}#${hit.id}.${hit.className} lies on it`};
}";

/// As a script would see it.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(truth) => *truth,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::is_true;

    #[test]
    fn only_what_a_script_takes_for_true_ends_a_wait() {
        for value in [json!(null), json!(false), json!(0), json!(-0.0), json!("")] {
            assert!(!is_true(&value), "{value}");
        }
        for value in [json!(true), json!(1), json!(-0.5), json!("0"), json!([]), json!({})] {
            assert!(is_true(&value), "{value}");
        }
    }
}
