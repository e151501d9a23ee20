// The pages of past runs: the switch of languages, and evidence that opens in place.

import { ask } from "./net.js";
import { el } from "./dom.js";
import { startLanguage, t } from "./i18n.js";

const LIMIT = 10000;

// The document behind a ref as text; what it holds is never markup.
async function load(details) {
  const reference = details.dataset.ref;
  const body = details.querySelector("[data-part=body]");
  body.replaceChildren(t("evidence.loading"));
  try {
    const reply = await ask(`/api/evidence/resolve?ref=${encodeURIComponent(reference)}`, { limit: LIMIT });
    if (reply.status === "error") throw new Error(reply.error?.message ?? reply.error?.code ?? "?");
    const text = JSON.stringify(reply.rows?.[0]?.data ?? null, null, 2);
    body.replaceChildren(el("pre", { tabindex: "0" }, text));
    details.dataset.loaded = "true";
  } catch (fault) {
    const why = [fault.code, fault.message].filter(Boolean).join(" ");
    body.replaceChildren(el("span", { class: "error" }, t("evidence.failed", { why })));
  }
}

startLanguage(document.getElementById("langToggle"));
for (const details of document.querySelectorAll("details[data-ref]")) {
  details.addEventListener("toggle", () => {
    if (details.open && details.dataset.loaded !== "true") load(details);
  });
}

// The newest days are at the right end; a narrow page starts there.
for (const chart of document.querySelectorAll(".chart .scroll")) chart.scrollLeft = chart.scrollWidth;
