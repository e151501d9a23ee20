//! PUSH_RENDER_PREVIEW_V1: what the console would show. Nothing leaves the host.
//!
//! A text that holds a template mark or the name of a secret is not shown: it could pull a value into the message when
//! something later expands it.

use super::Ops;
use super::resolves;
use crate::contracts::Document as _;
use crate::contracts::push::OutboxMessage;
use crate::contracts::push::PreviewSummary;
use crate::contracts::push::PushOutbox;
use crate::contracts::push::PushPreview;
use crate::contracts::push::RenderedMessage;
use crate::gates::Gates;
use crate::store::Published;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

const CONSOLE: &str = "CONSOLE";
const HELD_BACK: &str = "[BLOCKED]";
/// Marks that a template language could expand.
const MARKS: [&str; 4] = ["{{", "}}", "${", "$("];
/// Names of secrets, in upper case.
const SECRETS: [&str; 7] =
    ["TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID", "SLACK_WEBHOOK_URL", "SMTP_HOST", "SMTP_USER", "SMTP_PASS", "EMAIL_TO"];
/// Characters of a text that are shown.
const MAX_TEXT: usize = 2000;
/// Messages of an outbox that are shown.
const MAX_ROWS: usize = 200;

/// The cycle's own message.
#[derive(Clone, Copy, Debug)]
pub(super) struct OwnMessage<'a> {
    pub(super) id: &'a str,
    pub(super) text: &'a str,
}

impl Ops {
    /// Renders the outbox and the cycle's own message for the console and stores the preview.
    pub(super) fn publish_preview(&self, own: OwnMessage<'_>, now: KstTime) -> Result<Published, StoreFault> {
        let outbox = self.store.document::<PushOutbox>(layout::OUTBOX.latest).present();
        let source_outbox_ref = outbox
            .as_ref()
            .filter(|_| resolves(&self.store, layout::OUTBOX.latest))
            .map(|_| layout::OUTBOX.latest.to_owned());
        let messages = outbox.map(|outbox| outbox.messages).unwrap_or_default();
        let rendered: Vec<RenderedMessage> = std::iter::once(rendered(own.id, own.text.to_owned(), Vec::new()))
            .chain(messages.into_iter().take(MAX_ROWS).map(from_outbox))
            .collect();
        let blocked = rendered.iter().filter(|row| row.blocked).count() as u64;
        let gate = Gates::new(&self.store).switches().gate.value;
        let preview = PushPreview {
            schema: PushPreview::SCHEMA.to_owned(),
            preview_id: Some(uuid::Uuid::new_v4().to_string()),
            asof: Some(Stamp::of(now)),
            source_outbox_ref,
            formatter_ref: Some("daily_ops/console/1".to_owned()),
            channels_evaluated: vec![CONSOLE.to_owned()],
            observed_gate_mode: Some(gate.as_str().to_owned()),
            summary: PreviewSummary { total_rendered: rendered.len() as u64, blocked },
            rendered,
            snapshot_ref: None,
        };
        let (_, published) = self.store.publish(layout::PREVIEW, now, &|snapshot_ref| PushPreview {
            snapshot_ref: Some(snapshot_ref.to_owned()),
            ..preview.clone()
        })?;
        Ok(published)
    }
}

fn from_outbox(message: OutboxMessage) -> RenderedMessage {
    let kind = if message.push_type.is_empty() { String::new() } else { format!("[{}]", message.push_type) };
    let head: Vec<&str> = [kind.as_str(), message.title.as_str()].into_iter().filter(|t| !t.is_empty()).collect();
    let parts = [head.join(" "), message.content];
    let text = parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join("\n");
    rendered(&message.message_id, text, message.actions)
}

fn rendered(message_id: &str, text: String, actions: Vec<String>) -> RenderedMessage {
    let suspect = actions.iter().chain([&text]).any(|part| is_suspect(part)) || is_suspect(message_id);
    let shown = |text: &str| if suspect { HELD_BACK.to_owned() } else { plain(text) };
    RenderedMessage {
        channel: CONSOLE.to_owned(),
        message_id: shown(message_id),
        text_preview: shown(&text),
        actions_preview: if suspect { Vec::new() } else { actions.iter().map(|action| plain(action)).collect() },
        blocked: suspect,
        blocked_reason: suspect.then(|| "SECRET_INJECTION_SUSPECTED".to_owned()),
        secret_injection_check: if suspect { "FAIL" } else { "PASS" }.to_owned(),
    }
}

fn is_suspect(text: &str) -> bool {
    let upper = text.to_uppercase();
    MARKS.iter().any(|mark| text.contains(mark)) || SECRETS.iter().any(|name| upper.contains(name))
}

/// Control characters could move the cursor of a terminal; only the line feed is kept.
fn plain(text: &str) -> String {
    text.chars().take(MAX_TEXT).map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_suspect_text_is_held_back_whole() {
        let cases = [
            ("plain", "사이클 완료", false),
            ("dollar amount", "$100", false),
            ("one brace", "{a}", false),
            ("template", "hello {{name}}", true),
            ("closing only", "x }}", true),
            ("variable", "${HOME}", true),
            ("command", "$(id)", true),
            ("secret", "token is TELEGRAM_BOT_TOKEN", true),
            ("secret in lower case", "smtp_pass", true),
        ];
        for (name, text, suspect) in cases {
            for row in [
                rendered("m1", text.to_owned(), vec!["ok".to_owned()]),
                rendered("m1", "fine".to_owned(), vec![text.to_owned()]),
                rendered(text, "fine".to_owned(), Vec::new()),
            ] {
                assert_eq!(row.blocked, suspect, "{name}");
                assert_eq!(row.text_preview == HELD_BACK, suspect, "{name}");
                assert_eq!(row.blocked_reason.is_some(), suspect, "{name}");
                let all = format!("{row:?}");
                assert!(!suspect || !all.contains(text), "{name}: {all}");
            }
        }
    }

    #[test]
    fn an_outbox_message_becomes_one_plain_text() {
        let message = |kind: &str, title: &str, content: &str| {
            from_outbox(OutboxMessage {
                message_id: "m".to_owned(),
                push_type: kind.to_owned(),
                title: title.to_owned(),
                content: content.to_owned(),
                actions: Vec::new(),
            })
            .text_preview
        };
        assert_eq!(message("ALERT", "", ""), "[ALERT]");
        assert_eq!(message("ALERT", "제목", "본문\n둘째"), "[ALERT] 제목\n본문\n둘째");
        assert_eq!(message("", "", "\u{1b}[2Jx"), " [2Jx");
        assert_eq!(message("", "", &"가".repeat(3000)).chars().count(), MAX_TEXT);
    }
}
