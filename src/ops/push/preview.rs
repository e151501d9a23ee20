//! PUSH_RENDER_PREVIEW_V1: what each channel would show. Nothing leaves the host.
//!
//! A live cycle renders for the console only; a delivery renders each message for every channel that would take it.

use super::FORMATTER;
use super::HELD_BACK;
use super::headline;
use super::plain;
use crate::contracts::Document as _;
use crate::contracts::push::OutboxMessage;
use crate::contracts::push::PreviewSummary;
use crate::contracts::push::PushOutbox;
use crate::contracts::push::PushPreview;
use crate::contracts::push::RenderedMessage;
use crate::gates::Gates;
use crate::notify::Channel;
use crate::notify::alert::is_suspect;
use crate::ops::Ops;
use crate::ops::resolves;
use crate::store::Published;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// Messages of an outbox that are shown.
const MAX_ROWS: usize = 200;
/// Characters of a text that are shown.
const MAX_TEXT: usize = 2000;

/// The cycle's own message.
#[derive(Clone, Copy, Debug)]
pub(in crate::ops) struct OwnMessage<'a> {
    pub(in crate::ops) id: &'a str,
    pub(in crate::ops) text: &'a str,
}

impl Ops {
    /// Renders the outbox and the cycle's own message for the console and stores the preview.
    pub(in crate::ops) fn publish_preview(&self, own: OwnMessage<'_>, now: KstTime) -> Result<Published, StoreFault> {
        let own = Shown { channel: Channel::Console, id: own.id, actions: &[] }.with(own.text.to_owned());
        self.store_preview(vec![own], &[Channel::Console], now)
    }

    /// Renders the outbox for every channel and stores the preview.
    pub(super) fn publish_outbox_preview(&self, now: KstTime) -> Result<Published, StoreFault> {
        self.store_preview(Vec::new(), &Channel::ALL, now)
    }

    fn store_preview(
        &self,
        own: Vec<RenderedMessage>,
        channels: &[Channel],
        now: KstTime,
    ) -> Result<Published, StoreFault> {
        let outbox = self.store.document::<PushOutbox>(layout::OUTBOX.latest).present();
        let source_outbox_ref = outbox
            .as_ref()
            .filter(|_| resolves(&self.store, layout::OUTBOX.latest))
            .map(|_| layout::OUTBOX.latest.to_owned());
        let messages = outbox.map(|outbox| outbox.messages).unwrap_or_default();
        let shown = messages.iter().take(MAX_ROWS).flat_map(|message| {
            let takers = channels.iter().filter(|channel| channel.takes(&message.push_type));
            takers.map(|channel| from_outbox(*channel, message))
        });
        let rendered: Vec<RenderedMessage> = own.into_iter().chain(shown).collect();
        let blocked = rendered.iter().filter(|row| row.blocked).count() as u64;
        let gate = Gates::new(&self.store).switches().gate.value;
        let preview = PushPreview {
            schema: PushPreview::SCHEMA.to_owned(),
            preview_id: Some(uuid::Uuid::new_v4().to_string()),
            asof: Some(Stamp::of(now)),
            source_outbox_ref,
            formatter_ref: Some(FORMATTER.to_owned()),
            channels_evaluated: channels.iter().map(|channel| channel.as_str().to_owned()).collect(),
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

fn from_outbox(channel: Channel, message: &OutboxMessage) -> RenderedMessage {
    let head = headline(message);
    let parts = match channel {
        Channel::Email => vec![format!("Subject: {head}\n"), message.content.clone()],
        Channel::Console | Channel::Telegram | Channel::Slack => vec![head, message.content.clone()],
    };
    let text = parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("\n");
    Shown { channel, id: &message.message_id, actions: &message.actions }.with(text)
}

/// What a row shows beside its text.
#[derive(Debug)]
struct Shown<'a> {
    channel: Channel,
    id: &'a str,
    actions: &'a [String],
}

impl Shown<'_> {
    fn with(self, text: String) -> RenderedMessage {
        // What the delivery has already held back stays held back.
        let is_held = text.contains(HELD_BACK);
        let suspect = is_held || self.actions.iter().chain([&text]).any(|part| is_suspect(part)) || is_suspect(self.id);
        let shown = |text: &str| if suspect { HELD_BACK.to_owned() } else { plain(text, MAX_TEXT) };
        let message_id = if is_suspect(self.id) || !is_held { shown(self.id) } else { plain(self.id, MAX_TEXT) };
        RenderedMessage {
            channel: self.channel.as_str().to_owned(),
            message_id,
            text_preview: shown(&text),
            actions_preview: if suspect {
                Vec::new()
            } else {
                self.actions.iter().map(|a| plain(a, MAX_TEXT)).collect()
            },
            blocked: suspect,
            blocked_reason: suspect.then(|| "SECRET_INJECTION_SUSPECTED".to_owned()),
            secret_injection_check: if suspect { "FAIL" } else { "PASS" }.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rendered(id: &str, text: &str, action: &str) -> RenderedMessage {
        Shown { channel: Channel::Console, id, actions: &[action.to_owned()] }.with(text.to_owned())
    }

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
            for row in [rendered("m1", text, "ok"), rendered("m1", "fine", text), rendered(text, "fine", "ok")] {
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
        let shown = |channel: Channel, kind: &str, title: &str, content: &str| {
            let (push_type, title, content) = (kind.to_owned(), title.to_owned(), content.to_owned());
            let message =
                OutboxMessage { message_id: "m".to_owned(), push_type, title, content, ..OutboxMessage::default() };
            from_outbox(channel, &message).text_preview
        };
        let message = |kind: &str, title: &str, content: &str| shown(Channel::Console, kind, title, content);
        assert_eq!(shown(Channel::Email, "ALERT", "제목", "본문"), "Subject: [ALERT] 제목\n\n본문");
        assert_eq!(message("ALERT", "", ""), "[ALERT]");
        assert_eq!(message("ALERT", "제목", "본문\n둘째"), "[ALERT] 제목\n본문\n둘째");
        assert_eq!(message("", "", "\u{1b}[2Jx"), " [2Jx");
        assert_eq!(message("", "", &"가".repeat(3000)).chars().count(), MAX_TEXT);
    }
}
