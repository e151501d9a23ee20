// The cards: what the server counts and says about itself. Old figures turn grey; nothing is green by default.

import { byId, el, fill, mark, put, show } from "./dom.js";
import { count, isNumber } from "./format.js";
import { age, ago, known, t } from "./i18n.js";
import { OLD } from "./net.js";

const WINDOW = 60000;
// Between two samples.
const SLACK = 5000;

// What happened to the drops within the last minute, and of how many seconds of it the page knows. `samples` ascend in
// time and are of one process; all drops of a process that is younger than a minute are of this minute.
export function dropsOf(samples) {
  const last = samples[samples.length - 1];
  if (last === undefined) return { rise: 0, share: 0, seconds: 0, whole: false };
  const young = isNumber(last.uptime) && last.uptime * 1000 <= WINDOW;
  const first = young ? { at: last.at - WINDOW, drops: 0, deliveries: 0 } : samples[0];
  const rise = Math.max(0, last.drops - first.drops);
  const delivered = Math.max(0, last.deliveries - first.deliveries);
  const known = last.at - first.at;
  const share = rise === 0 ? 0 : rise / (rise + delivered);
  return { rise, share, seconds: Math.round(known / 1000), whole: known >= WINDOW - SLACK };
}

// Adds a sample and forgets what is older than a minute, or of another process.
export function sampled(samples, sample) {
  return [...samples.filter((old) => old.boot === sample.boot && sample.at - old.at <= WINDOW), sample];
}

export function healthTone(health) {
  return { OK: "ok", WARN: "warn", CRITICAL: "bad" }[health] ?? "none";
}

export class Cards {
  constructor() {
    this.metrics = null;
    this.at = null;
    this.failed = false;
    this.samples = [];
  }

  took(metrics) {
    this.metrics = metrics;
    this.at = Date.now();
    this.failed = false;
    this.samples = sampled(this.samples, { at: this.at, boot: metrics.boot_id, drops: metrics.drop_count, deliveries: metrics.deliveries_total, uptime: metrics.uptime_sec });
    this.draw();
  }

  missed() {
    this.failed = true;
    this.draw();
  }

  stale() {
    return this.at === null || this.failed || Date.now() - this.at > OLD;
  }

  draw() {
    const stale = this.stale();
    const m = this.metrics ?? {};
    this.health(m, stale);
    this.drops(m);
    this.subscribers(m);
    this.kill(m, stale);
    this.risk(m, stale);
    this.queue(m);
    for (const id of ["health", "drop", "subs", "killsw", "risk", "qmax"]) mark(byId(id), "stale", String(stale));
    this.times();
    const failed = byId("metricsError");
    const lost = stale && (this.failed || this.at !== null);
    show(failed, lost);
    // The age in the note counts on; a screen reader is told once.
    put(byId("metricsSaid"), lost ? t("metrics.lost") : "");
    if (stale) put(failed, this.at === null ? t("metrics.none") : t("metrics.failed", { age: age((Date.now() - this.at) / 1000) }));
    const mode = stale || typeof m.mode !== "string" ? "UNKNOWN" : m.mode;
    mark(document.body, "mode", mode);
  }

  times() {
    put(byId("lastTs"), this.at === null ? "—" : ago((Date.now() - this.at) / 1000));
  }

  card(id, value, note, tone) {
    const card = byId(id);
    put(card.querySelector("[data-part=value]"), value);
    put(card.querySelector("[data-part=note]"), note);
    mark(card, "tone", tone);
  }

  health(m, stale) {
    const word = typeof m.health === "string" ? m.health : "UNKNOWN";
    const reasons = !stale && Array.isArray(m.health_reasons) ? m.health_reasons.map((code) => known("reason", code)) : [];
    this.moreReasons(reasons.slice(1));
    if (stale) {
      this.card("health", this.at === null ? "UNKNOWN" : t("health.stale"), this.at === null ? t("waiting") : t("health.was", { word }), "none");
      return;
    }
    this.card("health", word, reasons[0] ?? t(word === "OK" ? "health.fine" : "health.unsaid"), healthTone(word));
  }

  moreReasons(rest) {
    show(byId("healthMore"), rest.length > 0);
    put(byId("healthCount"), String(rest.length));
    const list = byId("healthReasons");
    if (list.textContent !== rest.join("")) fill(list, rest.map((word) => el("li", {}, word)));
  }

  drops(m) {
    const { rise, share, seconds, whole } = dropsOf(this.samples);
    const recent = rise > 0 || (Array.isArray(m.health_reasons) && m.health_reasons.includes("drops_recent"));
    const tone = !recent ? "plain" : share >= 0.01 ? "bad" : "warn";
    const told = { n: count(rise), s: seconds };
    const key = whole ? (recent && rise === 0 ? "drop.recent" : "drop.minute") : recent ? "drop.recent.part" : "drop.part";
    const note = this.samples.length === 0 ? t("unknown") : t(key, told);
    this.card("drop", count(m.drop_count), note, tone);
  }

  subscribers(m) {
    const near = isNumber(m.subscribers) && m.subscribers_max > 0 && m.subscribers >= 0.9 * m.subscribers_max;
    const card = byId("subs");
    card.title = `SSE ${count(m.subscribers_sse)} · WebSocket ${count(m.subscribers_ws)}`;
    const split = `SSE ${count(m.subscribers_sse)} · WS ${count(m.subscribers_ws)}`;
    this.card("subs", `${count(m.subscribers)} / ${count(m.subscribers_max)}`, split, near ? "warn" : "plain");
  }

  kill(m, stale) {
    const status = stale ? "?" : m.kill_switch_status ?? (m.kill_switch === true ? "ON" : "?");
    const tone = { ON: "bad", ARMED: "warn", OFF: "plain" }[status] ?? "none";
    const reasons = Array.isArray(m.health_reasons) ? m.health_reasons : [];
    const byStop = tone === "bad" && reasons.includes("emergency_stop") && !reasons.includes("kill_switch_on");
    this.card("killsw", status, t(byStop ? "kill.note.stop" : `kill.note.${tone}`), tone);
  }

  risk(m, stale) {
    const mode = stale || typeof m.mode !== "string" ? "?" : m.mode;
    const tone = { KILL: "bad", DOWNGRADE: "warn", WARN: "warn", NORMAL: "plain" }[mode] ?? "none";
    const level = isNumber(this.downgrade) ? t("risk.level", { n: this.downgrade }) : t("risk.level", { n: "—" });
    this.card("risk", mode, stale ? t("unknown") : `${m.risk_level ?? "—"} · ${level}`, tone);
    show(byId("modeBadge"), mode === "DOWNGRADE");
  }

  queue(m) {
    const note = t("queue.note", { pending: count(m.event_pending), max: count(m.event_queue_depth_max_seen) });
    const behind = isNumber(m.event_pending) && m.queue_maxsize > 0 && m.event_pending >= m.queue_maxsize;
    this.card("qmax", count(m.queue_maxsize), note, behind ? "warn" : "plain");
  }
}
