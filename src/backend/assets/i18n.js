// The page's words in both languages, and the switch between them.

import { WORDS } from "./words.js";
import { span } from "./format.js";

const KEY = "daily_ops.lang";
const AT = { ko: 0, en: 1 };
const told = [];
let lang = "ko";

export function t(key, values = {}) {
  const one = `${key}.one`;
  const word = WORDS[String(values.n) === "1" && one in WORDS ? one : key]?.[AT[lang]] ?? key;
  return word.replace(/\{(\w+)\}/g, (all, name) => (name in values ? String(values[name]) : all));
}

// A word when the table has it; what the server said otherwise.
export function known(prefix, code) {
  return `${prefix}.${code}` in WORDS ? t(`${prefix}.${code}`) : String(code ?? "");
}

export function age(seconds) {
  const [n, unit] = span(seconds);
  return t(`age.${unit}`, { n });
}

export function ago(seconds) {
  return t("ago", { age: age(seconds) });
}

export function current() {
  return lang;
}

// Calls `listener` after each change of the language.
export function onLanguage(listener) {
  told.push(listener);
}

function apply() {
  document.documentElement.lang = lang;
  for (const node of document.querySelectorAll("[data-i18n]")) node.textContent = t(node.dataset.i18n);
  for (const [name, attribute] of [["i18nLabel", "aria-label"], ["i18nHint", "placeholder"], ["i18nTitle", "title"]]) {
    const selector = `[data-${name.replace(/[A-Z]/g, (c) => `-${c.toLowerCase()}`)}]`;
    for (const node of document.querySelectorAll(selector)) node.setAttribute(attribute, t(node.dataset[name]));
  }
  for (const listener of told) listener();
}

function stored() {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

export function startLanguage(toggle) {
  const served = document.documentElement.lang === "en" ? "en" : "ko";
  const chosen = stored();
  lang = chosen === "ko" || chosen === "en" ? chosen : served;
  if (lang !== served) apply();
  toggle.addEventListener("click", () => {
    lang = lang === "ko" ? "en" : "ko";
    try {
      localStorage.setItem(KEY, lang);
    } catch {
      // A browser without storage forgets the choice with the tab.
    }
    apply();
  });
}
