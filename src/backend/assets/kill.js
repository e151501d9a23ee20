// The kill switch: shown as the server says it is, set with a reason, a second look and a token.

import { ask, OLD, Refused } from "./net.js";
import { byId, copy, mark, put, show, toast } from "./dom.js";
import { known, onLanguage, t } from "./i18n.js";
import { instant, stamp } from "./format.js";

const PATH = "/api/control/kill-switch";
const AGAIN = 1000;
const LOOK_AGAIN_LIMIT = 60;

// What a refusal means; the server's own words when the table has none.
function told(fault) {
  const word = known("fault", fault.code);
  return word === fault.code ? fault.message || t("kill.refused") : word;
}

export class KillPanel {
  // `changed` is called when the server may say something new.
  constructor(changed) {
    this.changed = changed;
    this.state = null;
    this.at = null;
    this.unsure = false;
    this.pending = false;
    this.token = null;
    this.wanted = null;
    this.problem = null;
    this.done = null;
    this.opener = null;
    this.dialog = byId("killDialog");
  }

  begin() {
    byId("killToggle").addEventListener("click", () => this.ask(this.status() !== "ON"));
    byId("killOff").addEventListener("click", () => this.ask(false));
    byId("killForm").addEventListener("submit", (event) => {
      event.preventDefault();
      this.send();
    });
    byId("killCancel").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => this.closed());
    byId("killReason").addEventListener("input", () => this.complain(null));
    byId("killCopy").addEventListener("click", async () => {
      const id = this.done?.audit_id ?? "";
      toast(t((await copy(id)) ? "copied" : "copy.failed", { text: id }));
    });
    onLanguage(() => this.draw());
    this.draw();
  }

  // Reads the state from the server; what was known before does not count when that fails.
  async read() {
    try {
      const state = await ask(PATH);
      // The panel sets the latch, so it shows the latch; what counts beside it has its own line.
      this.state = { ...state, is_on: state.latch_is_on ?? state.is_on, status: state.latch_status ?? state.status };
      this.at = Date.now();
      this.unsure = false;
    } catch {
      this.unsure = true;
    }
    this.draw();
    return !this.unsure;
  }

  // Nobody knows how the switch stands now: it was not read yet, not in time, or long ago.
  isUnsure() {
    return this.unsure || this.state === null || Date.now() - this.at > OLD;
  }

  status() {
    return this.isUnsure() ? "?" : this.state.status ?? (this.state.is_on === true ? "ON" : "?");
  }

  draw() {
    const status = this.status();
    const on = status === "ON";
    mark(byId("killPanel"), "status", status);
    const stopped = status !== "ON" && status !== "?" && this.state.effective_is_on === true;
    mark(byId("killPanel"), "stopped", String(stopped));
    const said = stopped ? t("kill.stopped", { status }) : t(`kill.is.${status}`);
    put(byId("killState"), status === "?" ? t("kill.checking") : said);
    put(byId("killDetail"), this.detail());
    show(byId("killEffective"), stopped);
    const button = byId("killToggle");
    put(button, t(on ? "kill.turn.off" : "kill.turn.on"));
    button.disabled = this.pending || (status === "?" && this.state === null && this.wanted !== null);
    mark(button, "will", on ? "off" : "on");
    const off = byId("killOff");
    const left = document.activeElement === off && status !== "ARMED";
    show(off, status === "ARMED");
    if (left) button.focus();
    off.disabled = this.pending;
    // A switch that was on stays in the banner while nobody knows better, and the banner says that.
    const banner = on || (status === "?" && this.state?.status === "ON");
    const banned = banner ? t("kill.banner", { reason: this.state.reason || "—" }) : "";
    show(byId("killBanner"), banner);
    put(byId("killBannerText"), banner && !on ? `${banned} · ${t("kill.checking")}` : banned);
    this.drawDone();
    put(byId("killError"), this.problem === null ? "" : this.problem());
  }

  detail() {
    const s = this.state;
    if (this.isUnsure()) return "";
    const at = instant(s.ts > 0 ? s.ts : s.ts_iso);
    if (at === null) return t("kill.never");
    return t("kill.since", { at: stamp(at), who: s.actor || "—", why: s.reason || "—" });
  }

  drawDone() {
    const done = this.done;
    show(byId("killResult"), done !== null);
    if (done === null) return;
    put(byId("killAudit"), done.audit_id ?? "—");
    const key = done.changed === false ? "kill.same" : "kill.done";
    put(byId("killDoneText"), t(key, { status: done.latch_status ?? done.status ?? "?", at: stamp(instant(done.ts)) }));
    show(byId("killNotKept"), done.audit_persisted === false);
  }

  complain(key) {
    const reason = byId("killReason");
    put(byId("killReasonError"), key === null ? "" : t(key));
    if (key === null) {
      reason.removeAttribute("aria-invalid");
      return;
    }
    reason.setAttribute("aria-invalid", "true");
    reason.focus();
  }

  ask(on) {
    const reason = byId("killReason").value.trim();
    if (reason === "") return this.complain("kill.reason.missing");
    if ([...reason].length > 500) return this.complain("kill.reason.long");
    this.complain(null);
    this.wanted = { on, reason, version: this.state?.version };
    this.opener = document.activeElement?.closest?.("#killToggle, #killOff") ?? byId("killToggle");
    put(byId("killDialogTitle"), t(on ? "kill.confirm.on" : "kill.confirm.off"));
    put(byId("killDialogText"), t(on ? "kill.confirm.on.text" : "kill.confirm.off.text"));
    put(byId("killDialogReason"), reason);
    put(byId("killConfirm"), t(on ? "kill.turn.on" : "kill.turn.off"));
    mark(byId("killConfirm"), "will", on ? "on" : "off");
    put(byId("killDialogError"), "");
    show(byId("killForceRow"), false);
    byId("killForce").checked = false;
    show(byId("killTokenRow"), this.token === null);
    byId("killToken").required = this.token === null;
    this.dialog.showModal();
    (this.token === null ? byId("killToken") : byId("killCancel")).focus();
    return undefined;
  }

  closed() {
    byId("killToken").value = "";
    if (!this.pending) this.wanted = null;
    this.refocus();
  }

  // The focus goes back to the button that opened the dialog, or to the one that is left. A disabled button takes none.
  refocus() {
    const buttons = [this.opener, byId("killToggle"), byId("killReason")];
    buttons.find((node) => node && !node.hidden && !node.disabled)?.focus();
  }

  async send() {
    const typed = byId("killToken").value.trim();
    if (typed !== "") this.token = typed;
    if (this.token === null || this.wanted === null || this.pending) return;
    this.busy(true);
    const { on, reason, version } = this.wanted;
    const body = { is_on: on, reason };
    // Off is meant for the switch that the question was about. On is meant whatever happened meanwhile.
    if (!on && Number.isSafeInteger(version)) body.expected_version = version;
    if (byId("killForce").checked) body.force = true;
    try {
      const headers = { "Content-Type": "application/json", Authorization: `Bearer ${this.token}` };
      this.done = await ask(PATH, { method: "POST", headers, body: JSON.stringify(body), limit: 10000 });
      this.problem = null;
      byId("killReason").value = "";
      this.complain(null);
      this.dialog.close();
      await this.read();
    } catch (fault) {
      await this.refused(fault);
    } finally {
      this.busy(false);
      this.wanted = this.dialog.open ? this.wanted : null;
      this.draw();
      // The buttons were disabled, or one of them is gone, when the dialog closed.
      if (!this.dialog.open && this.isAstray()) this.refocus();
      this.changed();
    }
  }

  // Whether the focus is nowhere, or where the dialog put it for want of a button.
  isAstray() {
    const at = document.activeElement;
    return at === null || at === document.body || at === byId("killReason") || at.hidden || at.disabled === true;
  }

  busy(pending) {
    this.pending = pending;
    byId("killConfirm").disabled = pending;
    byId("killConfirm").setAttribute("aria-busy", String(pending));
    this.draw();
  }

  async refused(fault) {
    if (!(fault instanceof Refused)) {
      // Nobody knows whether it arrived: say so, and look until the server answers.
      this.unsure = true;
      this.problem = () => t("kill.unknown");
      this.dialog.close();
      this.lookAgain(0);
      return;
    }
    const text = () => `${fault.code}: ${told(fault)}`;
    const again = fault.status === 401 || fault.status === 403;
    if (again) this.token = null;
    if (again || fault.code === "KILL_SWITCH_CAUSE_ACTIVE") {
      put(byId("killDialogError"), again ? `${text()} — ${t("kill.token.again")}` : text());
      show(byId("killTokenRow"), again);
      byId("killToken").value = "";
      show(byId("killForceRow"), !again);
      (again ? byId("killToken") : byId("killForce")).focus();
    } else {
      this.problem = text;
      this.dialog.close();
    }
    await this.read();
  }

  async lookAgain(times) {
    if (await this.read()) {
      this.problem = null;
      this.draw();
      this.changed();
    } else if (times < LOOK_AGAIN_LIMIT) {
      setTimeout(() => this.lookAgain(times + 1), AGAIN);
    }
  }
}
