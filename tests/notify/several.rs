//! One message for several channels.

use std::time::Duration;

use daily_ops::notify::Channel;
use daily_ops::notify::Sent;

use crate::HELLO;
use crate::LONG;
use crate::fake::Act;
use crate::fake::Fake;
use crate::fake::Smtp;
use crate::messenger;

#[test]
fn all_are_called_at_the_same_time() {
    let gate = std::sync::Arc::new(std::sync::Barrier::new(2));
    // Both calls are under way before either is answered: one after the other would never end.
    let fake = Fake::http(move |_| {
        gate.wait();
        Act::status(200, "", r#"{"ok":true}"#)
    });
    let sent = messenger(&fake.url(), 1, LONG, &[]).send_all(&[Channel::Telegram, Channel::Slack], HELLO);
    let yes = || Sent::Delivered { http_status: Some(200) };
    assert_eq!(sent, [(Channel::Telegram, yes()), (Channel::Slack, yes())]);
}

#[test]
fn each_has_its_own_end_and_one_that_hangs_or_fails_stops_no_other() {
    let fake =
        Fake::http(|asked| if asked.contains("/bot") { Act::hang() } else { Act::status(404, "", "no_service") });
    let mail = Fake::smtp(Smtp::GOOD);
    let messenger = messenger(&fake.url(), mail.address.port(), Duration::from_secs(2), &[]);
    let sent = messenger.send_all(&Channel::OUTSIDE, HELLO);
    let class = |sent: &Sent| match sent {
        Sent::Delivered { .. } => "SENT",
        Sent::Failed { class, .. } => class,
        Sent::NotConfigured(_) => "NOT_CONFIGURED",
    };
    let told: Vec<_> = sent.iter().map(|(channel, sent)| (*channel, class(sent))).collect();
    assert_eq!(told, [(Channel::Telegram, "TIMEOUT"), (Channel::Slack, "UNAUTHORIZED"), (Channel::Email, "SENT")]);
    assert!(mail.seen().contains(&".".to_owned()), "the whole mail was told");
}

#[test]
fn no_channel_is_no_call() {
    let fake = Fake::http(|_| Act::status(200, "", "ok"));
    assert_eq!(messenger(&fake.url(), 1, LONG, &[]).send_all(&[], HELLO), []);
    assert_eq!(fake.seen(), Vec::<String>::new());
}
