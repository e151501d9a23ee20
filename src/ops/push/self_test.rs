//! SECRETS_SELF_TEST_V1: whether an outside channel has all the names that it needs. Only names are told.

use crate::contracts::Document as _;
use crate::contracts::actor::Actor;
use crate::contracts::push::MissingByChannel;
use crate::contracts::push::SelfTest;
use crate::gates::Change;
use crate::gates::Gates;
use crate::notify::Channel;
use crate::notify::Messenger;
use crate::ops::Ops;
use crate::settings::MESSAGE_SECRETS;
use crate::store::Published;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

pub(super) const PASS: &str = "SELF_TEST_PASS";
const FAIL: &str = "SELF_TEST_FAIL";

/// A self-test that was made and stored.
#[derive(Clone, Debug, PartialEq)]
pub struct SelfTestOutcome {
    /// The test.
    pub test: SelfTest,
    /// Where it lies.
    pub published: Published,
}

impl Ops {
    /// Looks at the names of all channels and stores what it saw, once that is recorded.
    ///
    /// # Errors
    /// A file cannot be written, the audit trail first of all.
    pub fn run_self_test(&self, actor: &Actor) -> Result<SelfTestOutcome, StoreFault> {
        let _held = self.store.exclusive(layout::PUSH_LOCK)?;
        let now = self.clock.now();
        let before = self.self_test_decision();
        let test = tested(&self.messenger(), now);
        let change = Change {
            action: "secrets.self_test",
            target: layout::SELF_TEST.latest.to_owned(),
            reason: test.reason.clone().unwrap_or_default(),
            before: before.into(),
            after: test.decision.clone().into(),
        };
        let publish = || {
            self.store.publish(layout::SELF_TEST, now, &|snapshot_ref| SelfTest {
                snapshot_ref: Some(snapshot_ref.to_owned()),
                ..test.clone()
            })
        };
        let (test, published) = Gates::new(&self.store).recorded(actor, change, now, publish)?;
        Ok(SelfTestOutcome { test, published })
    }

    /// What the newest self-test said; `None` without one that can be read.
    pub(super) fn self_test_decision(&self) -> Option<String> {
        self.store.document::<SelfTest>(layout::SELF_TEST.latest).present().and_then(|test| test.decision)
    }
}

fn tested(messenger: &Messenger, now: KstTime) -> SelfTest {
    let missing = |channel: Channel| messenger.missing(channel).into_iter().map(str::to_owned).collect::<Vec<_>>();
    let ready: Vec<&str> = Channel::OUTSIDE
        .into_iter()
        .filter(|channel| messenger.missing(*channel).is_empty())
        .map(Channel::as_str)
        .collect();
    let present = MESSAGE_SECRETS.iter().filter(|name| messenger.secrets.is_present(name)).count();
    let reason = if ready.is_empty() {
        "No external channel ready".to_owned()
    } else {
        format!("{} channel ready ({present} secrets present)", ready.join(", "))
    };
    let reason = match messenger.secrets.problem() {
        Some(why) => format!("{reason}; {why}"),
        None => reason,
    };
    SelfTest {
        schema: SelfTest::SCHEMA.to_owned(),
        asof: Some(Stamp::of(now)),
        provider: Some(messenger.secrets.provider().to_owned()),
        secrets_checked_count: MESSAGE_SECRETS.len() as u64,
        present_count: present as u64,
        missing_required_by_channel: MissingByChannel {
            telegram: missing(Channel::Telegram),
            slack: missing(Channel::Slack),
            email: missing(Channel::Email),
        },
        decision: Some(if ready.is_empty() { FAIL } else { PASS }.to_owned()),
        reason: Some(reason),
        snapshot_ref: None,
    }
}
