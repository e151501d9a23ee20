//! Keys by their names, as the browser wants them.

use serde_json::Value;
use serde_json::json;

/// Name, code, number of the key, text that it types.
const NAMED: &[(&str, &str, u32, &str)] = &[
    ("Enter", "Enter", 13, "\r"),
    ("Escape", "Escape", 27, ""),
    ("Tab", "Tab", 9, ""),
    ("Backspace", "Backspace", 8, ""),
    ("Home", "Home", 36, ""),
    ("End", "End", 35, ""),
    ("ArrowUp", "ArrowUp", 38, ""),
    ("ArrowDown", "ArrowDown", 40, ""),
    (" ", "Space", 32, " "),
    ("/", "Slash", 191, "/"),
    ("?", "Slash", 191, "?"),
];

const SHIFT: u32 = 8;

/// What to send when `key` goes down. A key is a name such as `Escape`, a character, or either after `Shift+`.
pub(super) fn down(key: &str) -> Value {
    let (modifiers, name) = match key.strip_prefix("Shift+") {
        Some(name) => (SHIFT, name),
        None => (if key == "?" { SHIFT } else { 0 }, key),
    };
    let letter = name.to_ascii_uppercase();
    let number = letter.chars().next().filter(char::is_ascii_alphanumeric).map_or(0, u32::from);
    let code = if number >= u32::from(b'A') { format!("Key{letter}") } else { format!("Digit{letter}") };
    let named = NAMED.iter().find(|row| row.0 == name);
    let (code, number, text) = named.map_or((code.as_str(), number, name), |row| (row.1, row.2, row.3));
    json!({
        "type": "keyDown", "modifiers": modifiers, "key": name, "code": code, "text": text,
        "windowsVirtualKeyCode": number, "nativeVirtualKeyCode": number,
    })
}

#[cfg(test)]
mod tests {
    use super::down;

    #[test]
    fn a_key_has_its_name_its_place_and_its_text() {
        for (key, name, code, number, text, modifiers) in [
            ("p", "p", "KeyP", 80, "p", 0),
            ("7", "7", "Digit7", 55, "7", 0),
            ("/", "/", "Slash", 191, "/", 0),
            ("?", "?", "Slash", 191, "?", 8),
            ("Escape", "Escape", "Escape", 27, "", 0),
            ("Shift+Tab", "Tab", "Tab", 9, "", 8),
            ("Enter", "Enter", "Enter", 13, "\r", 0),
        ] {
            let sent = down(key);
            let seen = (&sent["key"], &sent["code"], &sent["windowsVirtualKeyCode"], &sent["text"], &sent["modifiers"]);
            assert!(
                seen.0 == name && seen.1 == code && seen.2 == number && seen.3 == text && seen.4 == modifiers,
                "{key}: {sent}"
            );
        }
    }
}
