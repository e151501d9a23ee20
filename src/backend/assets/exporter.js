// The export: the server's file with the filters of the page, or what the page holds when the server cannot be reached.

import { ask, Refused } from "./net.js";
import { matcher } from "./filter.js";
import { save, toast } from "./dom.js";
import { count, fileStamp } from "./format.js";
import { t } from "./i18n.js";

const MOST = 10000;

function query(filter) {
  const asked = new URLSearchParams({ limit: String(MOST) });
  if (filter.type !== "") asked.set("type", filter.type);
  if (filter.q.trim() !== "") asked.set("q", filter.q.trim());
  return asked.toString();
}

async function sha256(bytes) {
  const digest = await crypto.subtle?.digest("SHA-256", bytes);
  return digest === undefined ? null : [...new Uint8Array(digest)].map((b) => b.toString(16).padStart(2, "0")).join("");
}

async function fromServer(filter) {
  const read = async (reply) => ({
    bytes: await reply.arrayBuffer(),
    told: reply.headers.get("X-Content-SHA256"),
    name: /filename="([A-Za-z0-9_.-]+)"/.exec(reply.headers.get("Content-Disposition") ?? "")?.[1],
  });
  const { bytes, told, name } = await ask(`/api/ops/export?${query(filter)}`, { read, limit: 30000 });
  const made = await sha256(bytes);
  const body = JSON.parse(new TextDecoder().decode(bytes));
  save(new Blob([bytes], { type: "application/json" }), name ?? `ops_events_${fileStamp(Date.now())}.json`);
  if (told !== null && made !== null && told !== made) return toast(t("export.mismatch"), "bad");
  const key = body.truncated === true ? "export.truncated" : "export.done";
  return toast(t(key, { n: count(body.count), name: name ?? "", sha: (told ?? made ?? "—").slice(0, 12) }));
}

function fromPage(filter, known) {
  const now = Date.now();
  const events = known.filter(matcher(filter));
  const name = `ops_events_${fileStamp(now)}.json`;
  const body = {
    contract_version: "v1",
    exported_at: new Date(now + 9 * 3600 * 1000).toISOString().replace("Z", "+09:00"),
    exported_at_ms: now,
    origin: "browser",
    count: events.length,
    first_id: events[0]?.id ?? null,
    last_id: events[events.length - 1]?.id ?? null,
    truncated: true,
    filters: { type: filter.type || null, q: filter.q.trim() || null },
    events,
  };
  save(new Blob([JSON.stringify(body)], { type: "application/json" }), name);
  toast(t("export.local", { n: count(events.length), name }), "warn");
}

// `known` are the events that the page has.
export async function exportEvents(filter, known) {
  try {
    await fromServer(filter);
  } catch (fault) {
    if (fault instanceof Refused && fault.status < 500) toast(`${fault.code}: ${fault.message}`, "bad");
    else fromPage(filter, known);
  }
}
