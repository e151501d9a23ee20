//! The text of an alert: why, since when, the last lines, what to type next. Also what no message may hold.

use crate::settings::Lang;

/// Shown in place of a text that is held back.
pub const HELD_BACK: &str = "[BLOCKED]";

/// Marks that a template language could expand.
const MARKS: [&str; 4] = ["{{", "}}", "${", "$("];
/// Characters of one line of a log.
const LINE: usize = 160;
/// Lines of a log.
const LINES: usize = 5;

/// What an alert has to say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alert {
    /// What happened, in one line.
    pub title: String,
    /// Why.
    pub why: String,
    /// Since when nothing is well.
    pub since: Option<String>,
    /// Bad runs in a row.
    pub bad_runs: u64,
    /// The last lines of a log, oldest first.
    pub lines: Vec<String>,
    /// The command that helps.
    pub next: String,
}

impl Alert {
    /// The text without the title.
    #[must_use]
    pub fn text(&self, lang: Lang) -> String {
        let ko = lang == Lang::Ko;
        let mut said = vec![format!("{}: {}", if ko { "사유" } else { "Why" }, plain(&self.why))];
        if let Some(since) = &self.since {
            let times = match (self.bad_runs, ko) {
                (0, _) => String::new(),
                (n, true) => format!(" (연속 {n}회)"),
                (1, false) => " (1 bad run)".to_owned(),
                (n, false) => format!(" ({n} bad runs in a row)"),
            };
            said.push(format!("{}: {since}{times}", if ko { "시작" } else { "Since" }));
        }
        if !self.lines.is_empty() {
            said.push(format!("{}:", if ko { "마지막 기록" } else { "Last lines" }));
            let first = self.lines.len().saturating_sub(LINES);
            // One line that may not leave must not cost the whole alert.
            let shown =
                |line: &String| if is_suspect(line) { HELD_BACK.to_owned() } else { shortened(&plain(line), LINE) };
            said.extend(self.lines.iter().skip(first).map(|line| format!("  {}", shown(line))));
        }
        if !self.next.is_empty() {
            said.push(format!("{}: {}", if ko { "다음 명령" } else { "Next" }, self.next));
        }
        said.join("\n")
    }
}

/// Whether a text could pull a value into itself when something later expands it, or names a secret.
#[must_use]
pub fn is_suspect(text: &str) -> bool {
    let upper = text.to_uppercase();
    MARKS.iter().any(|mark| text.contains(mark))
        || crate::settings::MESSAGE_SECRETS.iter().any(|name| upper.contains(name))
}

/// The same text with control characters as blanks; only the line feed stays out too.
#[must_use]
pub fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// A text of at most `most` characters: a longer one ends at a word's end with an ellipsis, or inside a word that alone is
/// longer than half of that.
#[must_use]
pub fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept = most.saturating_sub(1);
    let end = text.char_indices().nth(kept).map_or(text.len(), |(at, _)| at);
    let (head, rest) = text.split_at(end);
    // What goes on with a blank was cut at a word's end already.
    let word_end = if rest.starts_with(char::is_whitespace) { None } else { head.rfind(char::is_whitespace) };
    let words = word_end.and_then(|at| head.get(..at)).filter(|words| words.chars().count() >= kept / 2);
    format!("{}…", words.unwrap_or(head).trim_end())
}

/// The first `most` characters.
#[must_use]
pub fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_says_why_since_when_and_what_next() {
        let alert = Alert {
            title: "t".to_owned(),
            why: "BACKEND_DOWN\u{1b}[31m".to_owned(),
            since: Some("2026-11-19 09:05:00".to_owned()),
            bad_runs: 3,
            lines: ["0", "1", "2", "3", "x TELEGRAM_BOT_TOKEN y", "last"].map(str::to_owned).to_vec(),
            next: "daily_ops explain".to_owned(),
        };
        let want = "Why: BACKEND_DOWN [31m\nSince: 2026-11-19 09:05:00 (3 bad runs in a row)\nLast lines:\n  1\n  2\n  3\n  [BLOCKED]\n  last\nNext: daily_ops explain";
        assert_eq!(alert.text(Lang::En), want);
        assert!(alert.text(Lang::Ko).contains("시작: 2026-11-19 09:05:00 (연속 3회)"));
        let bare = Alert { why: "w".to_owned(), ..Alert::default() };
        assert_eq!(bare.text(Lang::En), "Why: w");
    }
    #[test]
    fn a_long_line_is_cut_at_a_words_end() {
        let cases = [
            ("short enough", 12, "short enough"),
            ("backend was restarted", 20, "backend was…"),
            ("backend was restarted", 12, "backend was…"),
            ("backend was restarted", 13, "backend was…"),
            ("a verylongwordwithoutanyend", 12, "a verylongw…"),
            ("한글 문장 하나가 있습니다", 10, "한글 문장 하나가…"),
            ("한글 문장 하나가 있습니다", 9, "한글 문장…"),
            ("", 5, ""),
        ];
        for (text, most, want) in cases {
            let got = shortened(text, most);
            assert_eq!(got, want, "{text:?} to {most}");
            assert!(got.chars().count() <= most, "{text:?} to {most}");
        }
        let line = "reason ".repeat(40);
        let alert = Alert { why: "w".to_owned(), lines: vec![line], ..Alert::default() };
        let told = alert.text(Lang::En);
        let last = told.lines().last().expect("a line").trim_start();
        assert!(last.ends_with("reason…") && last.chars().count() <= LINE, "{last}");
    }
}
