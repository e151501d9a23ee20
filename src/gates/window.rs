//! The one-shot window for real execution, and the one for sending that is used once for ever.
//!
//! The window file is a list of events. What a window comes to is worked out from all of them: EXPIRED, CONSUMED, REVOKED
//! or ACTIVE. A line that cannot be read closes what was open before it.

use super::Gates;
use super::Shortfall;
use super::audit::Change;
use crate::contracts::Document;
use crate::contracts::actor::Actor;
use crate::contracts::approval::WINDOW_TYPES;
use crate::contracts::approval::Window;
use crate::contracts::approval::WindowConsumed;
use crate::contracts::approval::WindowEnd;
use crate::contracts::approval::WindowState;
use crate::contracts::json::Json;
use crate::store::Durability;
use crate::store::Store;
use crate::store::StoreFault;
use crate::store::layout;
use crate::time::KstTime;
use crate::time::Stamp;

/// A window was not opened or not closed.
#[derive(Debug, thiserror::Error)]
pub enum WindowFault {
    /// A text that must say something says nothing.
    #[error("{0} must not be empty")]
    Empty(&'static str),
    /// There is no such window.
    #[error("Window not found")]
    Unknown,
    /// Another window is open; one at a time.
    #[error("window {0} is still ACTIVE; revoke it first or wait until it expires")]
    StillOpen(String),
    /// It is not open, so it cannot be used.
    #[error("the window is {}", .0.as_str())]
    NotOpen(WindowState),
    /// The window for sending was used before.
    #[error("the one-shot window for sending is used up")]
    SenderUsed,
    /// The window is closed, and the audit trail could not be told.
    #[error("{0}")]
    NotRecorded(Shortfall),
    /// A file cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreFault),
}

impl From<Shortfall> for WindowFault {
    fn from(short: Shortfall) -> Self {
        Self::NotRecorded(short)
    }
}

/// The open window, and whether the file has lines that cannot be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatestWindow {
    /// The open window.
    pub window: Option<Window>,
    /// Lines that cannot be read.
    pub bad_lines: usize,
}

/// What the file says, in its order.
#[derive(Debug, Default)]
pub(super) struct Windows {
    events: Vec<Event>,
}

#[derive(Debug)]
enum Event {
    Bad,
    Create(Window),
    /// Anything that is no creation. `REVOKE` and `CONSUME` are known; a word of a later version closes as well.
    End(WindowEnd),
}

impl Event {
    fn of(line: &[u8]) -> Self {
        // Strict JSON first: a key that stands twice could be read in two ways.
        let Ok(json) = Json::parse(line) else { return Self::Bad };
        if json.get("event").and_then(Json::as_str) == Some("CREATE") {
            return Window::parse(line).map_or(Self::Bad, Self::Create);
        }
        let text = json.canonical(crate::contracts::Text::Raw);
        serde_json::from_str(&text).ok().filter(|_| json.is_object()).map_or(Self::Bad, Self::End)
    }
}

impl Windows {
    pub(super) fn read(store: &Store) -> Result<Self, StoreFault> {
        let lines = super::lines(store, layout::WINDOWS)?;
        Ok(Self { events: lines.iter().map(|line| Event::of(line)).collect() })
    }

    pub(super) fn bad_lines(&self) -> usize {
        self.events.iter().filter(|event| matches!(event, Event::Bad)).count()
    }

    /// The open window: the newest one that was created, if nothing has closed it.
    pub(super) fn open(&self, now: KstTime) -> Option<&Window> {
        let mut open: Option<&Window> = None;
        for event in &self.events {
            match event {
                Event::Bad => open = None,
                Event::Create(window) => open = window.is_usable(now).then_some(window),
                Event::End(end) if end.window_id.is_empty() || open.is_some_and(|w| w.window_id == end.window_id) => {
                    open = None;
                }
                Event::End(_) => {}
            }
        }
        // An end may stand before a creation that was written late; it counts all the same.
        open.filter(|window| self.end_of(&window.window_id).is_none())
    }

    fn end_of(&self, id: &str) -> Option<WindowState> {
        let ends: Vec<&str> = self
            .events
            .iter()
            .filter_map(|event| match event {
                Event::End(end) if end.window_id == id => Some(end.event.as_str()),
                Event::End(_) | Event::Create(_) | Event::Bad => None,
            })
            .collect();
        match ends.as_slice() {
            [] => None,
            words if words.contains(&"CONSUME") => Some(WindowState::Consumed),
            _ => Some(WindowState::Revoked),
        }
    }

    fn created(&self, id: &str) -> Option<&Window> {
        self.events.iter().rev().find_map(|event| match event {
            Event::Create(window) if window.window_id == id => Some(window),
            Event::Create(_) | Event::End(_) | Event::Bad => None,
        })
    }

    /// What a known window comes to now.
    fn state(&self, window: &Window, now: KstTime) -> WindowState {
        if !window.is_alive(now) {
            return WindowState::Expired;
        }
        let open = || self.open(now).is_some_and(|open| open.window_id == window.window_id);
        let ended = self.end_of(&window.window_id);
        // What is neither ended nor open was closed by a line that cannot be read or by a later window.
        ended.unwrap_or_else(|| if open() { WindowState::Active } else { WindowState::Revoked })
    }
}

/// What is recorded of a window: its own line with the state that it comes to.
pub(super) fn at_state(window: &Window, state: WindowState) -> Window {
    Window { status: state, ..window.clone() }
}

/// The line that closes a window unused.
pub(super) fn revocation(window: &Window, reason: &str, now: KstTime) -> WindowEnd {
    WindowEnd {
        schema: Window::SCHEMA.to_owned(),
        event: "REVOKE".to_owned(),
        window_id: window.window_id.clone(),
        revoked_at: Some(Stamp::of(now)),
        consumed_at: None,
        reason: reason.to_owned(),
    }
}

impl Gates<'_> {
    /// Opens a window of `seconds`, for one execution of one of the two kinds of tickets that have a command.
    ///
    /// # Errors
    /// The reason is empty, another window is open, or a file cannot be read or written.
    pub fn open_window(&self, seconds: u32, actor: &Actor, reason: &str, now: KstTime) -> Result<Window, WindowFault> {
        if reason.trim().is_empty() {
            return Err(WindowFault::Empty("reason"));
        }
        let _held = self.store.exclusive_within(layout::APPROVALS_LOCK, super::PATIENCE)?;
        if let Some(open) = Windows::read(self.store)?.open(now) {
            return Err(WindowFault::StillOpen(open.window_id.clone()));
        }
        let window = Window {
            schema: Window::SCHEMA.to_owned(),
            event: "CREATE".to_owned(),
            window_id: super::new_id(),
            created_at: Stamp::of(now),
            expires_at: Stamp::of(now + chrono::Duration::seconds(i64::from(seconds))),
            created_by: actor.name.clone(),
            reason: reason.to_owned(),
            allowed_request_types: WINDOW_TYPES.map(str::to_owned).to_vec(),
            max_real_executions: 1,
            real_executions_used: 0,
            status: WindowState::Active,
        };
        let change = Change::new("window.open", window.window_id.as_str(), reason).to(&window);
        self.recorded(actor, change, now, || {
            let line = super::line_of(layout::WINDOWS, &window)?;
            self.store.append(layout::WINDOWS, &line, Durability::Durable)
        })?;
        Ok(window)
    }

    /// Closes a window, whether or not that can be recorded. Closing one that is closed already is no fault and says so
    /// once more.
    ///
    /// # Errors
    /// There is no such window, or a file cannot be read or written; or the window is closed and the audit trail could not
    /// be told.
    pub fn revoke_window(&self, id: &str, actor: &Actor, reason: &str, now: KstTime) -> Result<(), WindowFault> {
        let _held = self.store.exclusive_within(layout::APPROVALS_LOCK, super::PATIENCE)?;
        let all = Windows::read(self.store)?;
        let window = all.created(id).ok_or(WindowFault::Unknown)?;
        let state = all.state(window, now);
        let change = Change::new("window.revoke", id, reason)
            .of(&at_state(window, state))
            .to(&at_state(window, WindowState::Revoked));
        let done = format!("the window {id} is closed");
        self.made_first(done, (actor, change), now, || self.append_end(&revocation(window, reason, now)))
    }

    /// Uses the one execution of a window. `Ok` means that this call used it, which only one call can; record it before
    /// acting on it.
    ///
    /// # Errors
    /// There is no such window, it is not open, or a file cannot be read or written.
    pub fn consume_window(&self, id: &str, actor: &Actor, reason: &str, now: KstTime) -> Result<(), WindowFault> {
        let _held = self.store.exclusive_within(layout::APPROVALS_LOCK, super::PATIENCE)?;
        let all = Windows::read(self.store)?;
        let window = all.created(id).ok_or(WindowFault::Unknown)?;
        let state = all.state(window, now);
        if state != WindowState::Active {
            return Err(WindowFault::NotOpen(state));
        }
        let end = WindowEnd {
            schema: Window::SCHEMA.to_owned(),
            event: "CONSUME".to_owned(),
            window_id: window.window_id.clone(),
            revoked_at: None,
            consumed_at: Some(Stamp::of(now)),
            reason: reason.to_owned(),
        };
        let change = Change::new("window.consume", id, reason)
            .of(&at_state(window, state))
            .to(&at_state(window, WindowState::Consumed));
        self.recorded(actor, change, now, || self.append_end(&end))
    }

    /// Uses the one window for sending, which nothing in this program ever resets. `Ok` means that this call used it,
    /// which only one call can; a file that cannot be read counts as used.
    ///
    /// # Errors
    /// It was used before, or a file cannot be written.
    pub fn consume_sender_window(&self, actor: &Actor, now: KstTime) -> Result<(), WindowFault> {
        let _held = self.store.exclusive_within(layout::APPROVALS_LOCK, super::PATIENCE)?;
        if super::real::consumed(self.store) {
            return Err(WindowFault::SenderUsed);
        }
        let document = WindowConsumed {
            schema: WindowConsumed::SCHEMA.to_owned(),
            consumed: true,
            consumed_at: Some(Stamp::of(now)),
        };
        let change = Change::new("sender_window.consume", layout::WINDOW_CONSUMED, "the window for sending is used")
            .of(&self.store.document::<WindowConsumed>(layout::WINDOW_CONSUMED).present())
            .to(&document);
        self.recorded(actor, change, now, || self.store.write_document(layout::WINDOW_CONSUMED, &document))?;
        Ok(())
    }

    /// The open window, if one is open.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn latest_window(&self, now: KstTime) -> Result<LatestWindow, StoreFault> {
        let all = Windows::read(self.store)?;
        let window = all.open(now).map(|window| at_state(window, WindowState::Active));
        Ok(LatestWindow { window, bad_lines: all.bad_lines() })
    }

    fn append_end(&self, end: &WindowEnd) -> Result<(), WindowFault> {
        let line = super::line_of(layout::WINDOWS, end)?;
        Ok(self.store.append(layout::WINDOWS, &line, Durability::Durable)?)
    }
}
