// The one live stream of this tab: opened, watched, resumed by id, closed while nobody looks.

const BACKOFF = [1000, 2000, 4000, 8000];
const OFFLINE_AFTER = 60000;
const HIDDEN_AFTER = 60000;
// A connection that opens no stream and reports no fault within this time is made anew.
const STUCK_AFTER = 5000;
// A connection that has been stale for so long is made anew.
const STALE_FOR = 2000;

// How long a stream may be quiet.
function patience(seen) {
  return seen.heartbeat * 2000 + 2000;
}

// How long to wait before attempt `n`, from 1 on; `chance` is 0 to 1 and spreads tabs by a fifth either way.
export function backoff(n, chance) {
  const base = BACKOFF[Math.min(n, BACKOFF.length) - 1];
  return Math.round(base * (0.8 + 0.4 * chance));
}

// What the indicator says. `seen` holds times in milliseconds.
export function condition(seen, now) {
  if (seen.open) return now - seen.lastFrame <= patience(seen) ? "live" : "stale";
  if (seen.full) return "full";
  if (!seen.everOpen && seen.attempts === 0 && now - seen.lostAt <= OFFLINE_AFTER) return "connecting";
  return now - seen.lostAt > OFFLINE_AFTER ? "offline" : "reconnecting";
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export class Stream {
  // `on` has event, gap, hello and shutdown; `lastId` says which id was seen last; the browser itself tries again after
  // `retryMs`.
  constructor(retryMs, lastId, on) {
    this.retryMs = retryMs;
    this.lastId = lastId;
    this.on = on;
    this.source = null;
    this.timer = null;
    this.hiddenTimer = null;
    this.asleep = false;
    this.nextAt = null;
    this.openedAt = 0;
    this.seen = { open: false, everOpen: false, full: false, attempts: 0, heartbeat: 5, lastFrame: null, lostAt: Date.now() };
  }

  start() {
    window.addEventListener("online", () => this.renew());
    document.addEventListener("visibilitychange", () => this.looked());
    this.connect();
    // A tab may be opened where nobody looks.
    this.looked();
  }

  get lastFrame() {
    return this.seen.lastFrame;
  }

  state(now) {
    return condition(this.seen, now);
  }

  // Looks after a stream that neither speaks nor fails; called once a second.
  watch(now) {
    const quiet = this.seen.open && now - this.seen.lastFrame > patience(this.seen) + STALE_FOR;
    const stuck = this.source !== null && !this.seen.open && now - this.openedAt > STUCK_AFTER;
    if (quiet || stuck) this.lost(true, stuck ? now - this.openedAt : 0);
  }

  connect() {
    this.drop();
    this.nextAt = null;
    this.openedAt = Date.now();
    const last = this.lastId();
    const source = new EventSource(last === null ? "/events" : `/events?last_event_id=${last}`);
    this.source = source;
    const frame = (name, use) => source.addEventListener(name, (message) => {
      if (this.source !== source) return;
      this.opened();
      const data = parsed(message.data);
      if (data !== null && typeof data === "object") use(data);
    });
    frame("hello", (data) => {
      if (data.heartbeat_sec > 0) this.seen.heartbeat = data.heartbeat_sec;
      this.on.hello(data);
    });
    // Events are read later, in slices: a burst of them must not stop the page.
    source.addEventListener("message", (message) => {
      if (this.source !== source) return;
      this.opened();
      this.on.event(message.data, Number(message.lastEventId));
    });
    frame("gap", (data) => this.on.gap(data));
    frame("shutdown", (data) => this.on.shutdown(data));
    frame("heartbeat", () => {});
    source.addEventListener("error", () => {
      if (this.source === source) this.lost(source.readyState === EventSource.CLOSED);
    });
  }

  opened() {
    this.seen.lastFrame = Date.now();
    this.seen.open = true;
    this.seen.everOpen = true;
    this.seen.full = false;
    this.seen.attempts = 0;
    this.nextAt = null;
  }

  // The browser tries again by itself unless it gave up; then it is our turn.
  // `spent` was waited for nothing already and counts.
  lost(gaveUp, spent = 0) {
    if (this.seen.open) {
      this.seen.lostAt = Date.now();
      this.seen.attempts = 0;
    }
    this.seen.open = false;
    this.seen.attempts += 1;
    this.openedAt = Date.now();
    if (gaveUp) this.later(spent);
    else this.nextAt = this.openedAt + this.retryMs;
  }

  async later(spent) {
    this.drop();
    const wait = Math.max(500, backoff(this.seen.attempts, Math.random()) - spent);
    this.nextAt = Date.now() + wait;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.connect(), wait);
    const full = await refusedAsFull();
    this.seen.full = full && !this.seen.open;
  }

  again() {
    if (this.asleep || this.state(Date.now()) === "live") return;
    this.renew();
  }

  // Makes the connection anew, also one that looks alive: the network under it was another one.
  renew() {
    if (this.asleep) return;
    clearTimeout(this.timer);
    if (this.seen.open) {
      this.seen.open = false;
      this.seen.lostAt = Date.now();
      this.seen.attempts = 0;
    }
    this.connect();
  }

  // A browser allows six connections to a host; a tab that nobody looks at gives its own back.
  looked() {
    clearTimeout(this.hiddenTimer);
    if (document.hidden) {
      this.hiddenTimer = setTimeout(() => {
        this.asleep = true;
        clearTimeout(this.timer);
        this.drop();
        this.seen.open = false;
        this.seen.lostAt = Date.now();
      }, HIDDEN_AFTER);
    } else if (this.asleep) {
      this.asleep = false;
      this.seen = { ...this.seen, everOpen: false, full: false, attempts: 0, lostAt: Date.now() };
      this.connect();
    } else if (this.source === null || this.source.readyState === EventSource.CLOSED) {
      this.again();
    }
  }

  drop() {
    this.source?.close();
    this.source = null;
  }
}

// A browser does not tell a page why a stream was refused, so the page asks once itself and hangs up at once.
async function refusedAsFull() {
  const stop = new AbortController();
  const timer = setTimeout(() => stop.abort(), 3000);
  try {
    const reply = await fetch("/events", { signal: stop.signal, cache: "no-store" });
    return reply.status === 503;
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
    stop.abort();
  }
}
