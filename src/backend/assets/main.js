// Starts the dashboard: one stream, one poll of the metrics, the panels that hang on them.

import { ask, poll, Reading } from "./net.js";
import { byId, mark, put, show } from "./dom.js";
import { ago, onLanguage, startLanguage, t } from "./i18n.js";
import { Cards } from "./cards.js";
import { clock, isNumber } from "./format.js";
import { Downgrade } from "./downgrade.js";
import { drawEngine, drawPositions, drawRisks, freeze, isConnected } from "./tables.js";
import { drawOverview } from "./overview.js";
import { BUFFER, EventBuffer } from "./state.js";
import { exportEvents } from "./exporter.js";
import { Inbox } from "./inbox.js";
import { KillPanel } from "./kill.js";
import { Stream } from "./stream.js";
import { Timeline } from "./timeline.js";

const METRICS_EVERY = 1500;
const VIEWS_EVERY = 5000;
const FIRST = 200;
// How long after a read of the history that failed it is read again.
const HISTORY_AGAIN = 5000;
const MOST = 1000;
// How much of the past a filter asks for, and how long an answer from the log may take.
const SEARCHED = 500;
const SEARCH_PAGES = 6;
const SEARCH_LIMIT = 15000;
// Events that say that a state may have changed. The state itself is read from its owner.
const TURNING = new Set(["KillSwitchChanged", "guardrail_update", "safety_changed", "run_started", "stage_finished", "run_finished"]);

startLanguage(byId("langToggle"));

const buffer = new EventBuffer();
const cards = new Cards();
const views = {
  overview: new Reading("/api/ops/overview"),
  state: new Reading("/api/v1/ops/state"),
  positions: new Reading("/api/v1/ops/positions"),
  risks: new Reading("/api/v1/ops/risks?limit=20"),
  snapshot: new Reading("/api/ops/risk-snapshot"),
};
let lastEventAt = null;
let historyMissing = true;
let historyReads = 0;
let historyTimer = null;
// The stream began after this id and was asked for nothing earlier: all up to it is the history's to bring.
let beganAfter = null;

const timeline = new Timeline(buffer, loadGap, findPast);
const downgrade = new Downgrade();
const kill = new KillPanel(() => refresh());
const inbox = new Inbox(BUFFER, (event) => take(event, true), (n) => {
  buffer.added += n;
  refreshSoon();
});
let heardId = null;
const stream = new Stream(Number(byId("sseStatus").dataset.retryMs) || 3000, () => (heardId === null && historyMissing && buffer.length === 0 ? null : Math.max(heardId ?? 0, buffer.lastId)), {
  hello: greeted,
  event: (text, id) => {
    if (id > (heardId ?? 0)) heardId = id;
    inbox.push(text);
  },
  gap: (gap) => {
    buffer.addGap({ from: gap.from_id, to: gap.to_id, missed: gap.missed });
    timeline.drawSoon();
  },
  shutdown: () => show(byId("shutdownNote"), true),
});

function take(event, live) {
  if (!buffer.add(event)) return;
  lastEventAt = Math.max(lastEventAt ?? 0, live ? Date.now() : isNumber(event.ts) ? event.ts : 0);
  timeline.noticed(event);
  downgrade.saw(event);
  if (live && TURNING.has(event.type)) refreshSoon();
}

function greeted(hello) {
  show(byId("shutdownNote"), false);
  if (hello.replay?.reset === true) forget();
  else recognize(hello.boot_id);
  // Nothing was asked for, so nothing is replayed: what comes after this id and is lost later must be noticed.
  if (hello.replay?.requested_after === null && Number.isSafeInteger(hello.last_id)) {
    heardId = Math.max(heardId ?? 0, hello.last_id);
    beganAfter = hello.last_id;
    // A history that was read before the stream began may end before it.
    historyMissing = true;
  }
  if (historyMissing) loadHistory();
  timeline.searchAgain();
}

function forget() {
  inbox.clear();
  buffer.clear();
  heardId = 0;
  beganAfter = null;
  timeline.renew();
}

let boot = null;

// Ids go on after a restart unless the server lost its log. Then it has another event by the id of the newest one here,
// and nothing that this page holds or skips by its id can be trusted.
async function recognize(now) {
  const [before, newest] = [boot, buffer.list().at(-1)];
  boot = now;
  if (before === null || before === now || newest === undefined) return;
  try {
    const { events } = await ask(`/api/ops/events?after=${newest.id - 1}&before=${newest.id + 1}&limit=1`);
    if (events.length === 0 || events[0].ts === newest.ts) return;
    forget();
    loadHistory();
  } catch {
    // Not known: asked again with the next hello.
    boot = before;
  }
}

// Reads the newest events, or those before the stream's first, until it has them. Only the last read that began counts.
async function loadHistory() {
  historyReads += 1;
  const read = historyReads;
  const began = beganAfter;
  clearTimeout(historyTimer);
  try {
    const page = await ask(`/api/ops/events?limit=${FIRST}${began === null ? "" : `&before=${began + 1}`}`);
    if (read !== historyReads) return;
    historyMissing = false;
    for (const event of [...page.events].sort((a, b) => a.id - b.id)) take(event, false);
    if (began === null && Number.isSafeInteger(page.last_id)) buffer.lastId = Math.max(buffer.lastId, page.last_id);
  } catch {
    if (read !== historyReads) return;
    historyMissing = true;
    historyTimer = setTimeout(readHistoryAgain, HISTORY_AGAIN);
  }
  show(byId("historyNote"), historyMissing);
  timeline.drawSoon();
}

// A page that nobody looks at asks nothing.
function readHistoryAgain() {
  if (document.hidden) historyTimer = setTimeout(readHistoryAgain, HISTORY_AGAIN);
  else loadHistory();
}

// Fetches the newest events of a hole, whether there may be more, and the last id that the server looked at.
async function loadGap(gap) {
  const reply = await ask(`/api/ops/events?after=${gap.from - 1}&before=${gap.to + 1}&limit=${MOST}&order=desc`, { limit: SEARCH_LIMIT });
  const events = reply.events ?? [];
  return { events, more: reply.has_more === true, scanned: reply.scanned_id ?? events.at(-1)?.id };
}

// Asks for matching events of the past, newest first, until there are enough or none are left; says whether there may be
// more. `keep` gets them page by page and says whether they are still wanted.
async function findPast(filter, keep) {
  const asked = new URLSearchParams({ limit: String(SEARCHED), order: "desc" });
  if (filter.type !== "") asked.set("type", filter.type);
  if (filter.q.trim() !== "") asked.set("q", filter.q.trim());
  let got = 0;
  for (let page = 0; page < SEARCH_PAGES; page += 1) {
    const reply = await ask(`/api/ops/events?${asked}`, { limit: SEARCH_LIMIT });
    got += reply.events.length;
    if (!keep(reply.events) || reply.has_more !== true) return false;
    const next = reply.scanned_id;
    if (got >= SEARCHED || !Number.isSafeInteger(next) || String(next) === asked.get("before")) return true;
    asked.set("before", String(next));
  }
  return true;
}

const pollMetrics = poll(METRICS_EVERY, async () => {
  try {
    cards.took(await ask("/api/ops/metrics"));
  } catch {
    cards.missed();
  }
});

// What each reading changes on the page.
const DRAWS = {
  overview: drawDay,
  state: () => {
    drawStateOfEngine();
    drawHeld();
  },
  positions: drawHeld,
  risks: drawRecent,
  snapshot: () => cards.draw(),
};

// Each is asked for by itself: one that hangs makes no other one old.
const pollViews = Object.keys(DRAWS).map((name) =>
  poll(VIEWS_EVERY, async () => {
    await views[name].read();
    drawAges();
    DRAWS[name]();
  }),
);

const pollKill = poll(VIEWS_EVERY, async () => {
  if (!kill.pending) await kill.read();
});

function refresh() {
  for (const now of [pollMetrics, pollKill, ...pollViews]) now();
}

let soon = null;

// Many turning events within a moment ask once.
function refreshSoon() {
  soon ??= setTimeout(() => {
    soon = null;
    refresh();
  }, 150);
}

function drawDay() {
  drawOverview(views.overview.value);
}

function drawHeld() {
  drawPositions(views.positions.value, { connected: isConnected(views.state.value), failed: views.positions.failed });
}

function drawRecent() {
  const choose = (trace) => timeline.setFilter({ q: timeline.filter.q === trace ? "" : trace });
  drawRisks(views.risks.value, { choose, failed: views.risks.failed });
}

function drawStateOfEngine() {
  const quiet = lastEventAt === null ? null : (Date.now() - lastEventAt) / 1000;
  const live = stream.state(Date.now()) === "live" && !views.state.isOld();
  drawEngine(views.state.value, cards.metrics?.uptime_sec, freeze(views.state.value, live, quiet));
}

// What is old is grey and says so: nothing that was read long ago stands there as if it were now.
function drawAges() {
  stale("positions", views.positions, views.positions.value?.stale === true && !isAbsent());
  stale("risks", views.risks);
  stale("engine", views.state);
  stale("day", views.overview);
  cards.downgrade = views.snapshot.isOld() ? null : views.snapshot.value?.downgrade_level;
}

function stale(id, reading, saysSo = false) {
  mark(byId(id), "stale", String(reading.isOld()));
  show(byId(`${id}Stale`), reading.isOld() || saysSo);
}

// Without an engine there is nothing that could be late.
function isAbsent() {
  return isConnected(views.state.value) === false && !(views.positions.value?.positions?.length > 0);
}

function drawConnection() {
  const now = Date.now();
  stream.watch(now);
  const state = stream.state(now);
  const node = byId("sseStatus");
  mark(node, "state", state);
  put(byId("sseText"), t(`sse.${state}`));
  const retry = state === "reconnecting" || state === "full" || state === "offline";
  const wait = stream.nextAt === null ? null : Math.max(0, Math.ceil((stream.nextAt - now) / 1000));
  put(byId("sseDetail"), retry ? t(wait === null ? "sse.try" : "sse.try.in", { n: stream.seen.attempts, s: wait }) : "");
  show(byId("reconnectBtn"), retry);
  put(byId("lastHeartbeat"), stream.lastFrame === null ? "—" : ago((now - stream.lastFrame) / 1000));
  put(byId("dataChanged"), lastEventAt === null ? "—" : ago((now - lastEventAt) / 1000));
  put(byId("clock"), `${clock(now).slice(0, 8)} KST`);
}

function tick() {
  drawConnection();
  drawAges();
  cards.draw();
  kill.draw();
  drawStateOfEngine();
  keepFocus();
}

let focused = null;

document.addEventListener("focusin", ({ target }) => {
  focused = { node: target, home: target.closest("#eventScroll") ?? byId("main") };
});

// A control that goes while it has the focus leaves it to the part of the page that it was in.
function keepFocus() {
  if (focused === null || document.activeElement !== document.body || document.querySelector("dialog[open]") !== null) return;
  const { node, home } = focused;
  if (node.isConnected && node.disabled !== true && node.checkVisibility({ visibilityProperty: true })) return;
  home.focus({ preventScroll: true });
}

function typing(target) {
  return target instanceof HTMLElement && target.closest("input, textarea, select, [contenteditable]") !== null;
}

const KEYS = {
  "/": () => byId("traceSearch").focus(),
  t: () => byId("typeFilter").focus(),
  p: () => timeline.togglePause(),
  g: () => timeline.toggleGroups(),
  e: () => byId("exportBtn").click(),
  "?": () => byId("helpDialog").showModal(),
};

document.addEventListener("keydown", (key) => {
  if (key.ctrlKey || key.metaKey || key.altKey || document.querySelector("dialog[open]") !== null) return;
  if (key.key === "Escape") {
    if (typing(document.activeElement)) document.activeElement.blur();
    timeline.clear();
    return;
  }
  const act = typing(key.target) ? undefined : KEYS[key.key];
  if (act === undefined) return;
  key.preventDefault();
  act();
});

byId("helpBtn").addEventListener("click", () => byId("helpDialog").showModal());
byId("helpClose").addEventListener("click", () => byId("helpDialog").close());
byId("reconnectBtn").addEventListener("click", () => stream.again());
let exporting = false;

byId("exportBtn").addEventListener("click", async (click) => {
  if (exporting) return;
  exporting = true;
  const button = click.currentTarget;
  // It stays enabled: a disabled button would lose the focus.
  button.setAttribute("aria-busy", "true");
  await exportEvents(timeline.filter, timeline.known());
  button.removeAttribute("aria-busy");
  exporting = false;
});
onLanguage(() => {
  for (const draw of Object.values(DRAWS)) draw();
  tick();
  downgrade.draw();
});

kill.begin();
timeline.begin();
tick();
setInterval(tick, 500);
await loadHistory();
stream.start();
