// The banner of a level downgrade: it stays until somebody says that it was read.

import { byId, put, show } from "./dom.js";
import { stamp } from "./format.js";
import { t } from "./i18n.js";

const KEY = "daily_ops.downgrade_read";

function name(event) {
  return `${event.id}@${event.ts}`;
}

export class Downgrade {
  constructor() {
    this.event = null;
    this.read = null;
    try {
      this.read = localStorage.getItem(KEY);
    } catch {
      // Without storage the banner comes back with the page.
    }
    byId("downgradeOk").addEventListener("click", () => this.done());
  }

  saw(event) {
    if (event.type !== "LEVEL_DOWNGRADED" || name(event) === this.read) return;
    if (this.event !== null && this.event.id > event.id) return;
    this.event = event;
    this.draw();
  }

  draw() {
    const event = this.event;
    show(byId("downgrade"), event !== null);
    if (event === null) return;
    const data = event.data ?? {};
    const symbols = Array.isArray(data.affected_symbols) ? data.affected_symbols.join(", ") : "";
    put(byId("downgradeText"), t("downgrade.text", { before: data.previous_level ?? "—", after: data.new_level ?? "—", why: data.reason ?? event.message ?? "—" }));
    put(byId("downgradeMore"), [symbols, event.trace_id, stamp(event.ts)].filter(Boolean).join(" · "));
  }

  done() {
    this.read = this.event === null ? this.read : name(this.event);
    this.event = null;
    try {
      localStorage.setItem(KEY, this.read);
    } catch {
      // See above.
    }
    this.draw();
  }
}
