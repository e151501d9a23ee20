// The strip of the day: the last daily run with its stages, the switches with who set them, the bundle, what is due.

import { byId, el, fill, mark, put, show } from "./dom.js";
import { DASH, instant, isNumber, shortStamp } from "./format.js";
import { age, ago, current, known, t } from "./i18n.js";

const RESULT_TONE = { DONE: "ok", WARNED: "warn", BLOCKED: "warn", FAILED: "bad", RUNNING: "plain" };
const CLASS_TONE = { ok: "ok", warn: "warn", block: "warn", fail: "bad", skipped: "none" };
const CLASS_SIGN = { ok: "✓", warn: "▲", block: "⊘", fail: "✕", skipped: "–" };

export function seconds(ms) {
  if (!isNumber(ms)) return DASH;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  return ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.floor(ms / 60000)} m ${Math.round((ms % 60000) / 1000)} s`;
}

function when(stamp) {
  const at = instant(stamp);
  return at === null ? DASH : shortStamp(at, Date.now());
}

function part(id, name) {
  return byId(id).querySelector(`[data-part=${name}]`);
}

function tile(id, value, note, tone) {
  put(part(id, "value"), value);
  put(part(id, "note"), note);
  mark(byId(id), "tone", tone);
}

function stage(one) {
  // A pull that was not to be made has not gone well: it has not gone.
  const kind = one.code === "GIT_PULL_SKIPPED" ? "skipped" : one.class;
  const tone = CLASS_TONE[kind] ?? "none";
  const name = known("stage", String(one.n));
  const said = `${known("class", kind)} · ${one.code ?? DASH}`;
  return el(
    "li",
    { "data-tone": tone, "data-stage": one.n, title: `${name}: ${said}` },
    el("span", { class: "sign", "aria-hidden": "true" }, CLASS_SIGN[kind] ?? "?"),
    el("span", { class: "name" }, name),
    el("span", { class: "took num" }, kind === "skipped" ? known("class", "skipped") : seconds(one.duration_ms)),
    el("span", { class: "sr" }, said),
  );
}

function drawRun(view) {
  const run = view.run ?? null;
  const link = byId("runLink");
  show(link, run !== null);
  if (run === null) {
    tile("run", view.run_damage ? t("run.damaged") : t("run.none"), view.run_damage ?? t("run.none.note"), view.run_damage ? "bad" : "none");
    fill(byId("runStages"), []);
    return;
  }
  link.href = `/ops/runs/${encodeURIComponent(run.run_id)}`;
  const result = known("result", run.result);
  const exit = isNumber(run.exit_code) ? ` · exit ${run.exit_code}` : "";
  const why = run.reason && run.reason !== "OK" ? ` · ${run.reason}` : "";
  tile("run", result, `${when(run.started_at)}${isNumber(run.duration_ms) ? ` · ${seconds(run.duration_ms)}` : ""}${exit}${why}`, RESULT_TONE[run.result] ?? "none");
  const sum = current() + JSON.stringify(run.stages ?? []);
  const list = byId("runStages");
  if (list.dataset.sum === sum) return;
  list.dataset.sum = sum;
  fill(list, (run.stages ?? []).map(stage));
}

function who(found) {
  const by = found.updated_by ?? DASH;
  const at = when(found.updated_at);
  if (found.origin === "MISSING") return t("switch.missing");
  if (found.origin === "DAMAGED") return t("switch.damaged", { why: found.damage ?? "" });
  return `${at} · ${by}${found.reason ? ` · ${found.reason}` : ""}`;
}

function drawSwitches(view) {
  const { gate = {}, sender = {}, stop = {} } = view.switches ?? {};
  const word = (found, on, off) => (found.value === true ? on : found.value === false ? off : "?");
  const damaged = (found, tone) => (found.origin === "DAMAGED" ? "bad" : tone);
  tile("gate", typeof gate.value === "string" ? gate.value : "?", who(gate), damaged(gate, typeof gate.value === "string" ? (gate.value.includes("REAL") ? "warn" : "plain") : "none"));
  tile("sender", word(sender, "ON", "OFF"), who(sender), damaged(sender, sender.value === true ? "warn" : sender.value === false ? "plain" : "none"));
  tile("stop", word(stop, "ON", "OFF"), who(stop), damaged(stop, stop.value === true ? "bad" : stop.value === false ? "plain" : "none"));
  show(byId("stopBanner"), stop.value === true);
  put(byId("stopBannerText"), stop.value === true ? t("stop.banner", { why: stop.reason ?? stop.damage ?? DASH }) : "");
}

function drawBundle(view) {
  const bundle = view.bundle ?? {};
  const old = isNumber(bundle.age_seconds) ? age(bundle.age_seconds) : DASH;
  const tone = bundle.decision === "FAIL" || bundle.decision === "NO_BUNDLE" ? "bad" : bundle.fresh === true ? (bundle.decision === "PASS" ? "ok" : "warn") : "warn";
  if (bundle.decision === undefined || bundle.decision === null) return tile("bundle", DASH, t("unknown"), "none");
  const value = bundle.decision === "NO_BUNDLE" ? t("bundle.none") : old;
  const fresh = t(bundle.fresh === true ? "bundle.fresh" : "bundle.stale");
  return tile("bundle", value, [bundle.decision, bundle.decision === "NO_BUNDLE" ? null : fresh, bundle.strategy].filter(Boolean).join(" · "), tone);
}

// Why the heartbeat is no good one.
function degraded(beat) {
  if (isNumber(beat.consecutive_failures) && beat.consecutive_failures > 0) return t("due.failed", { n: beat.consecutive_failures });
  return beat.why ? String(beat.why) : isNumber(beat.exit_code) && beat.exit_code !== 0 ? `exit ${beat.exit_code}` : t("due.degraded");
}

function drawDue(view) {
  const beat = view.heartbeat ?? {};
  const due = instant(beat.next_due_at);
  const last = isNumber(beat.last_success_age_sec) ? t("due.last", { ago: ago(beat.last_success_age_sec) }) : t("due.never");
  const late = due !== null && Date.now() - due > 0;
  const tone = beat.status === "UP" ? "plain" : beat.status === "DEGRADED" ? "warn" : "none";
  const why = [late ? t("due.late", { age: age((Date.now() - due) / 1000) }) : null, beat.status === "DEGRADED" ? degraded(beat) : null, last];
  tile("due", due === null ? DASH : when(due), why.filter(Boolean).join(" · "), late ? "warn" : tone);
}

export function drawOverview(view) {
  if (view === null) return;
  drawRun(view);
  drawSwitches(view);
  drawBundle(view);
  drawDue(view);
}
