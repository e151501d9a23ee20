// Which events are shown, and how they are grouped. Functions of their arguments only: no page, no clock.

export const NO_TRACE = "no-trace";
// Rows of one group before the rest is folded away.
export const GROUP_ROWS = 50;
// Holes that are told one by one above the groups; the older ones are told together.
const GAP_ROWS = 3;

const RANK = { INFO: 0, WARN: 1, ERROR: 2, CRITICAL: 3 };

export function rank(severity) {
  return RANK[severity] ?? 0;
}

// Trace ids are compared without hyphens and without case: the inspector writes them another way.
export function plain(trace) {
  return String(trace ?? "").replaceAll("-", "").toLowerCase();
}

export function noFilter() {
  return { type: "", q: "" };
}

export function isActive(filter) {
  return filter.type !== "" || filter.q.trim() !== "";
}

export function matcher(filter) {
  const wanted = plain(filter.q.trim());
  return (event) => (filter.type === "" || event.type === filter.type) && (wanted === "" || plain(event.trace_id).includes(wanted));
}

// Every type in the buffer with its number of events, by name.
export function typesOf(events) {
  const counts = new Map();
  for (const event of events) counts.set(event.type, (counts.get(event.type) ?? 0) + 1);
  return [...counts].map(([type, count]) => ({ type, count })).sort((a, b) => (a.type < b.type ? -1 : a.type > b.type ? 1 : 0));
}

function emptyGroup(event) {
  const key = plain(event.trace_id);
  return { key, trace: event.trace_id, total: 0, events: [], types: new Map(), worst: event.severity, first: event, last: event };
}

function join(group, event) {
  group.events.push(event);
  group.types.set(event.type, (group.types.get(event.type) ?? 0) + 1);
  if (rank(event.severity) > rank(group.worst)) group.worst = event.severity;
  group.last = event;
}

// Groups of the events that match, newest first, the events inside oldest first; events without a trace come last.
// `total` counts the whole trace in the buffer. `events` must ascend.
export function groupsOf(events, filter) {
  const matches = matcher(filter);
  const totals = new Map();
  const groups = new Map();
  for (const event of events) {
    const key = plain(event.trace_id);
    totals.set(key, (totals.get(key) ?? 0) + 1);
    if (!matches(event)) continue;
    if (!groups.has(key)) groups.set(key, emptyGroup(event));
    join(groups.get(key), event);
  }
  const none = plain(NO_TRACE);
  const all = [...groups.values()];
  for (const group of all) group.total = totals.get(group.key);
  return all.sort((a, b) => (a.key === none ? 1 : 0) - (b.key === none ? 1 : 0) || b.last.id - a.last.id);
}

function gapRow(gap) {
  return { kind: "gap", key: `gap:${gap.key}`, gap };
}

function eventRow(event, inGroup) {
  // A row inside a group looks another way than one of the flat list.
  return { kind: "event", key: `e:${inGroup ? "g" : "f"}:${event.id}`, event, inGroup };
}

// The rows of the grouped view. `view` says which groups are closed and which show everything.
export function groupedRows(groups, gaps, view) {
  const rows = gaps.slice(-GAP_ROWS).reverse().map(gapRow);
  if (gaps.length > GAP_ROWS) rows.push({ kind: "gaps", key: "gaps", gaps: gaps.slice(0, -GAP_ROWS) });
  for (const group of groups) {
    const open = !view.closed.has(group.key);
    rows.push({ kind: "group", key: `g:${group.key}`, group, open });
    if (!open) continue;
    const hidden = view.whole.has(group.key) ? 0 : Math.max(0, group.events.length - GROUP_ROWS);
    if (hidden > 0) rows.push({ kind: "more", key: `m:${group.key}`, group, hidden });
    for (const event of group.events.slice(hidden)) rows.push(eventRow(event, true));
  }
  return rows;
}

// The rows of the flat view, newest first, gaps at their place.
export function flatRows(events, gaps) {
  const rows = [];
  const open = [...gaps].sort((a, b) => a.to - b.to);
  for (const event of [...events].reverse()) {
    while (open.length > 0 && open[open.length - 1].to >= event.id) rows.push(gapRow(open.pop()));
    rows.push(eventRow(event, false));
  }
  return rows.concat(open.reverse().map(gapRow));
}

// The filter as it stands in the address, so that a link shows the same.
export function readHash(hash) {
  const given = new URLSearchParams(String(hash).replace(/^#/, ""));
  return { filter: { type: given.get("type") ?? "", q: given.get("q") ?? "" }, flat: given.get("flat") === "1" };
}

export function writeHash(filter, flat) {
  const told = new URLSearchParams();
  if (filter.type !== "") told.set("type", filter.type);
  if (filter.q.trim() !== "") told.set("q", filter.q.trim());
  if (flat) told.set("flat", "1");
  const text = told.toString();
  return text === "" ? "" : `#${text}`;
}
