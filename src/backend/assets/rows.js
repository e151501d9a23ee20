// One row of the timeline as elements: a group's head, an event, a hole, or what is folded away.

import { clock, count, shortStamp } from "./format.js";
import { el, mark, put, show } from "./dom.js";
import { t } from "./i18n.js";

// A sign beside the word: the severity is never told by color alone.
const SIGNS = { INFO: "·", WARN: "▲", ERROR: "■", CRITICAL: "◆" };
const CHIPS = 5;
// A message longer than this is folded to a few lines.
const LONG = 240;
const LONG_LINES = 4;

function level(severity) {
  const node = el("span", { class: "level", "data-severity": severity }, `${SIGNS[severity] ?? "·"} ${severity ?? "—"}`);
  return node;
}

// Enough of a trace id to tell it from others: eight characters of a random one, more of one that says something.
export function shortTrace(trace) {
  const text = String(trace ?? "—");
  return /^[0-9a-f]{8}-?[0-9a-f]{4}/i.test(text) ? text.slice(0, 8) : text.length > 24 ? `${text.slice(0, 23)}…` : text;
}

function traceButton(trace, label) {
  return el("button", { type: "button", class: "trace", "data-act": "trace", "data-value": trace, title: t("trace.toggle") }, label);
}

function message(text) {
  if (text.length <= LONG && text.split("\n").length <= LONG_LINES) return el("span", { class: "message" }, text);
  const more = el("button", { type: "button", class: "unfold", "data-act": "unfold", "aria-expanded": "false" }, t("message.more"));
  return el("span", { class: "message" }, el("span", { class: "clamp", "data-part": "text" }, text), more);
}

// Shows a folded message whole, or folds it again.
export function unfold(button) {
  const open = !button.previousElementSibling.classList.toggle("clamp");
  button.setAttribute("aria-expanded", String(open));
  put(button, t(open ? "message.less" : "message.more"));
}

export function eventRow({ event, inGroup }) {
  const data = event.data !== null && typeof event.data === "object" && Object.keys(event.data).length > 0;
  const more = data
    ? el("button", { type: "button", class: "data", "data-act": "data", "aria-expanded": "false", "aria-label": t("data.show") }, "{ }")
    : null;
  const line = el(
    "div",
    { class: "line" },
    el("time", { class: "num", title: event.ts_iso ?? "" }, clock(event.ts)),
    level(event.severity),
    el("span", { class: "type" }, event.type ?? "—"),
    el("span", { class: "source" }, event.source ?? "—"),
    inGroup ? null : traceButton(event.trace_id, shortTrace(event.trace_id)),
    message(String(event.message ?? "")),
    el("span", { class: "id num" }, `#${event.id}`),
    more,
  );
  const node = el("div", { class: "row event", role: "listitem", "data-id": event.id, "data-type": event.type, "data-severity": event.severity }, line);
  if (inGroup) node.classList.add("inside");
  return node;
}

// Opens or closes the machine's part of an event.
export function toggleData(row, button, event) {
  const open = row.querySelector("pre");
  if (open !== null) open.remove();
  else row.append(el("pre", { tabindex: "0" }, JSON.stringify(event.data, null, 2)));
  button.setAttribute("aria-expanded", String(open === null));
}

export function groupRow({ group, open }) {
  const node = el(
    "div",
    { class: "row group", role: "listitem", "data-trace": group.trace },
    el("button", { type: "button", class: "fold", "data-act": "fold", "data-value": group.key, "data-part": "fold" }),
    traceButton(group.trace, shortTrace(group.trace)),
    group.trace === "no-trace" ? null : el("button", { type: "button", class: "copy", "data-act": "copy", "data-value": group.trace, "aria-label": t("copy.trace", { id: group.trace }), title: group.trace }),
    el("span", { class: "when num", "data-part": "when" }),
    el("span", { class: "many num", "data-part": "many" }),
    el("span", { class: "chips", "data-part": "chips" }),
    el("span", { class: "worst", "data-part": "worst" }),
  );
  updateGroup(node, { group, open });
  return node;
}

// Brings the head of a group up to date in place, so that focus stays where it is.
export function updateGroup(node, { group, open }) {
  const part = (name) => node.querySelector(`[data-part="${name}"]`);
  const fold = part("fold");
  put(fold, open ? "▾" : "▸");
  fold.setAttribute("aria-expanded", String(open));
  fold.setAttribute("aria-label", t(open ? "group.close" : "group.open", { id: String(group.trace) }));
  const now = Date.now();
  const [from, to] = [group.first.ts, group.last.ts];
  const date = shortStamp(to, now).includes("-") ? `${shortStamp(to, now).slice(0, 5)} ` : "";
  put(part("when"), date + (from === to ? clock(to) : `${clock(from)} → ${clock(to)}`));
  const matched = group.events.length;
  const all = group.total === 1 ? t("group.one") : t("group.count", { n: count(matched) });
  put(part("many"), matched === group.total ? all : t("group.matched", { n: count(matched), total: count(group.total) }));
  mark(node, "count", String(matched));
  mark(node, "total", String(group.total));
  mark(node, "severity", group.worst);
  const types = [...group.types].map(([type, n]) => (n > 1 ? `${type} ×${n}` : type));
  const chips = part("chips");
  const text = types.join("|");
  if (chips.dataset.sum !== text) {
    const shown = types.slice(0, CHIPS).map((type) => el("span", { class: "chip", title: type }, type));
    if (types.length > CHIPS) shown.push(el("span", { class: "chip" }, `+${types.length - CHIPS}`));
    chips.replaceChildren(...shown);
    chips.dataset.sum = text;
  }
  const worst = part("worst");
  if (worst.dataset.sum !== group.worst) {
    worst.replaceChildren(level(group.worst));
    worst.dataset.sum = group.worst;
  }
}

export function moreRow({ group, hidden }) {
  return el(
    "div",
    { class: "row more inside", role: "listitem" },
    el("button", { type: "button", "data-act": "whole", "data-value": group.key }, t("group.more", { n: count(hidden) })),
  );
}

export function gapRow({ gap }) {
  const node = el(
    "div",
    { class: "row gap", role: "listitem" },
    el("span", { "data-part": "text" }),
    el("button", { type: "button", "data-act": "gap", "data-value": gap.key }, t("gap.load")),
  );
  updateGap(node, { gap });
  return node;
}

export function updateGap(node, { gap }) {
  const ids = { n: count(gap.missed), a: gap.from, b: gap.to };
  const key = { open: "gap.text", loading: "gap.loading", gone: "gap.gone", full: "gap.full", failed: "gap.failed" }[gap.state] ?? "gap.text";
  put(node.querySelector('[data-part="text"]'), `⚠ ${t(key, ids)}`);
  mark(node, "gap", `${gap.from}-${gap.to}`);
  mark(node, "state", gap.state);
  const button = node.querySelector("button");
  button.disabled = gap.state === "loading";
  show(button, gap.state !== "gone" && gap.state !== "full");
}

// The older holes in one row.
export function gapsRow({ gaps }) {
  const node = el(
    "div",
    { class: "row gap", role: "listitem", "data-gap": "older" },
    el("span", { "data-part": "text" }),
    el("button", { type: "button", "data-act": "gaps" }, t("gap.load")),
  );
  updateGaps(node, { gaps });
  return node;
}

export function updateGaps(node, { gaps }) {
  const missed = gaps.reduce((sum, gap) => sum + gap.missed, 0);
  put(node.querySelector('[data-part="text"]'), `⚠ ${t("gap.more", { k: count(gaps.length), n: count(missed) })}`);
  node.querySelector("button").disabled = gaps.some((gap) => gap.state === "loading");
}
