// Numbers, times and ages as text. What is missing becomes a dash, never zero and never an error.

export const DASH = "—";

const KST_MS = 9 * 3600 * 1000;

export function isNumber(value) {
  return typeof value === "number" && Number.isFinite(value);
}

// Korean wall time of an instant, whatever zone the browser is in.
function kst(ms) {
  const shifted = ms + KST_MS;
  return isNumber(ms) && Math.abs(shifted) < 8.64e15 ? new Date(shifted).toISOString() : null;
}

export function clock(ms) {
  const text = kst(ms);
  return text === null ? DASH : text.slice(11, 23);
}

export function stamp(ms) {
  const text = kst(ms);
  return text === null ? DASH : `${text.slice(0, 10)} ${text.slice(11, 19)}`;
}

export function day(ms) {
  const text = kst(ms);
  return text === null ? DASH : text.slice(0, 10);
}

// A short time for a row: the day only when it is not today.
export function shortStamp(ms, now) {
  const text = kst(ms);
  if (text === null) return DASH;
  return day(ms) === day(now) ? text.slice(11, 19) : `${text.slice(5, 10)} ${text.slice(11, 16)}`;
}

export function count(value) {
  return isNumber(value) ? Math.trunc(value).toLocaleString("en-US") : DASH;
}

export function decimal(value, digits) {
  return isNumber(value) ? value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits }) : DASH;
}

// Money and changes keep their sign in the text, so that color is never the only difference.
export function signed(value, digits = 0) {
  if (!isNumber(value)) return DASH;
  const sign = value > 0 ? "+" : value < 0 ? "−" : "";
  return sign + decimal(Math.abs(value), digits);
}

// The unit and how many of it: [12, "s"], [3, "m"], [5, "h"], [2, "d"].
export function span(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return [whole, "s"];
  if (whole < 3600) return [Math.floor(whole / 60), "m"];
  if (whole < 172800) return [Math.floor(whole / 3600), "h"];
  return [Math.floor(whole / 86400), "d"];
}

// Milliseconds of a stored time; null when there is none. Stamps without an offset are Korean.
export function instant(text) {
  if (isNumber(text)) return text < 1e10 ? text * 1000 : text;
  if (typeof text !== "string" || text === "") return null;
  const whole = /[zZ]|[+-]\d\d:?\d\d$/.test(text) ? text : `${text}+09:00`;
  const ms = Date.parse(whole.replace(/(\.\d{3})\d+/, "$1"));
  return Number.isNaN(ms) ? null : ms;
}

export function fileStamp(ms) {
  return new Date(ms).toISOString().replace(/[:.]/g, "");
}
