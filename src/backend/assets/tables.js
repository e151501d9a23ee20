// Positions, recent risks and the engine, each from the service that owns it.

import { arrange, byId, el, fill, mark, put, show } from "./dom.js";
import { count, DASH, decimal, instant, isNumber, shortStamp, signed } from "./format.js";
import { age, known, t } from "./i18n.js";
import { shortTrace } from "./rows.js";

const SIGNS = { INFO: "·", WARN: "▲", WARNING: "▲", ERROR: "■", CRITICAL: "◆" };
const FREEZE_WARN = 60;
const FREEZE_BAD = 120;

function side(value) {
  return isNumber(value) && value !== 0 ? (value > 0 ? "up" : "down") : "flat";
}

function money(value, digits = 0) {
  const arrow = { up: "▲ ", down: "▼ ", flat: "" }[side(value)];
  return el("td", { class: `num ${side(value)}` }, arrow + signed(value, digits) + (digits > 0 && isNumber(value) ? "%" : ""));
}

function total(rows, field) {
  const known = rows.filter((row) => isNumber(row[field]));
  return known.length === rows.length ? known.reduce((sum, row) => sum + row[field], 0) : null;
}

// Whether there is an engine that could know anything. Null: not known.
export function isConnected(state) {
  if (state === null) return null;
  const engine = state.engine ?? {};
  if (engine.task_state === "NOT_CONNECTED") return false;
  return engine.alive === true || isNumber(engine.pid) || isNumber(state.freshness?.checkpoint_age_sec);
}

// What can be shown of a list: a row that is none is left out.
function listOf(list) {
  return Array.isArray(list) ? list.filter((row) => row !== null && typeof row === "object") : [];
}

function nothing(reply, failed, word) {
  if (reply !== null) return t(word);
  return t(failed ? "table.failed" : "waiting");
}

export function drawPositions(reply, { connected, failed }) {
  const rows = listOf(reply?.positions);
  const lines = rows.map((row) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, row.name || row.symbol || DASH, row.name ? el("small", { class: "num" }, row.symbol ?? "") : null),
      el("td", { class: "num" }, count(row.qty)),
      el("td", { class: "num" }, decimal(row.avg_entry_price, 0)),
      el("td", { class: "num" }, decimal(row.mark_price, 0)),
      money(row.pnl),
      money(row.pnl_pct, 2),
    ),
  );
  if (rows.length > 0) {
    const blank = () => el("td", {});
    lines.push(el("tr", { class: "total" }, el("th", { scope: "row" }, t("total")), blank(), blank(), blank(), money(total(rows, "pnl")), blank()));
  }
  fill(byId("positionRows"), lines);
  show(byId("positionsTable"), rows.length > 0);
  show(byId("positionsEmpty"), rows.length === 0);
  put(byId("positionsEmpty"), nothing(reply, failed, connected === false ? "engine.absent" : "positions.empty"));
  const asof = instant(reply?.as_of_ms);
  put(byId("positionsAsof"), asof === null ? "" : shortStamp(asof, Date.now()));
}

// A name that may be broken between its words, and not inside of one.
function breakable(name) {
  return name.split(/(?<=_)|(?<=[a-z])(?=[A-Z])/).flatMap((word, at) => (at === 0 ? [word] : [el("wbr"), word]));
}

// The rows of the risks that are on the page, by what they say: a row that stays keeps its focus.
let riskRows = new Map();

export function drawRisks(reply, { choose, failed }) {
  const items = listOf(reply?.items).slice(0, 20);
  const now = Date.now();
  const kept = new Map();
  const line = (item) => {
    const severity = item.severity ?? "INFO";
    const link = el("button", { type: "button", class: "trace", title: item.trace_id ?? "" }, shortTrace(item.trace_id));
    link.addEventListener("click", () => choose(String(item.trace_id ?? "")));
    return el(
      "tr",
      {},
      el("td", { class: "num" }, shortStamp(instant(item.timestamp), now)),
      el("td", {}, el("span", { class: "level", "data-severity": severity }, `${SIGNS[severity] ?? "·"} ${item.level ?? severity}`)),
      el("td", {}, ...breakable(String(item.event_type ?? DASH))),
      el("td", { class: "wide" }, item.reason || DASH),
      el("td", {}, link),
    );
  };
  for (const item of items) {
    const base = JSON.stringify([item, shortStamp(instant(item.timestamp), now)]);
    let key = base;
    for (let n = 2; kept.has(key); n += 1) key = `${base}#${n}`;
    kept.set(key, riskRows.get(key) ?? line(item));
  }
  riskRows = kept;
  arrange(byId("riskRows"), [...kept.values()]);
  show(byId("risksTable"), items.length > 0);
  show(byId("risksEmpty"), items.length === 0);
  put(byId("risksEmpty"), nothing(reply, failed, "risks.empty"));
}

// Whether data stand still although the stream lives, while the engine works.
export function freeze(state, streamLive, quietSeconds) {
  if (state?.engine?.alive !== true || !streamLive || !isNumber(quietSeconds)) return "none";
  if (quietSeconds > FREEZE_BAD) return "bad";
  return quietSeconds > FREEZE_WARN ? "warn" : "none";
}

export function drawEngine(reply, uptime, frozen) {
  const engine = reply?.engine ?? {};
  const alive = engine.alive === true;
  const absent = isConnected(reply) === false;
  const idle = reply !== null && !alive && (engine.task_state === "IDLE" || engine.health_status === "OK" || engine.pid === null || engine.pid === undefined);
  const state = reply === null ? "unknown" : alive ? "alive" : absent ? "absent" : idle ? "idle" : "dead";
  mark(byId("engine"), "state", state);
  put(byId("engineState"), t(`engine.${state}`));
  const fresh = reply?.freshness ?? {};
  const counters = reply?.counters ?? {};
  const checkpoint = !absent && fresh.checkpoint_status ? `${fresh.checkpoint_status}${isNumber(fresh.checkpoint_age_sec) ? ` · ${age(fresh.checkpoint_age_sec)}` : ""}` : DASH;
  const values = {
    enginePid: isNumber(engine.pid) ? String(engine.pid) : DASH,
    engineTask: engine.task_state && !absent ? known("task", engine.task_state) : DASH,
    engineUptime: isNumber(uptime) ? age(uptime) : DASH,
    engineCheckpoint: checkpoint,
    enginePublished: count(counters.published),
    engineConsumed: count(counters.consumed),
    enginePending: count(counters.pending_total),
    engineRestarts: absent ? DASH : count(counters.restart_count),
  };
  for (const [id, text] of Object.entries(values)) put(byId(id), text);
  const note = byId("engineFreeze");
  show(note, frozen !== "none");
  mark(note, "tone", frozen);
  put(note, frozen === "none" ? "" : t("engine.freeze", { n: frozen === "bad" ? FREEZE_BAD : FREEZE_WARN }));
}
