// Words of the page in its language, and numbers and times as people of it write them.

import messages from "sixfold/messages";

export const language = document.documentElement.lang || "en";
const preferred = [Intl.DateTimeFormat().resolvedOptions().locale, ...(navigator.languages ?? [])];
const locale = preferred.find((one) => one.split("-")[0] === language) ?? language;
const plural = new Intl.PluralRules(locale);

/** The message of a key; `{name}` stands for a fact, and `n` chooses between one and many. */
export function t(key, facts = {}) {
  return message(key, facts).replace(/\{(\w+)\}/g, (_, name) => shown(facts[name]));
}

export const has = (key) => messages[key] !== undefined;

/** A message whose facts are elements: its parts, in order. */
export function parts(key, facts) {
  return message(key, facts).split(/(\{\w+\})/).map((part) => {
    const name = part.match(/^\{(\w+)\}$/)?.[1];
    return name ? shown(facts[name]) : part;
  });
}

function message(key, { n }) {
  const found = messages[key];
  return typeof found === "object" ? found[plural.select(n)] ?? found.other : found ?? key;
}

const shown = (fact) => (typeof fact === "number" ? number(fact) : fact ?? "");

const numbers = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
const signed = new Intl.NumberFormat(locale, { signDisplay: "exceptZero" });
const shares = new Intl.NumberFormat(locale, { style: "percent", maximumFractionDigits: 0 });
export const number = (value) => numbers.format(value);
export const signedNumber = (value) => signed.format(value);
export const share = (value) => shares.format(value);

const stamp = (options) => {
  const format = new Intl.DateTimeFormat(locale, options);
  return (value) => format.format(value instanceof Date ? value : new Date(value));
};
export const moment = stamp({ dateStyle: "medium", timeStyle: "short" });
export const dayOf = stamp({ dateStyle: "medium" });
export const clock = stamp({ timeStyle: "short" });
/** Days of a calendar are in no time zone. */
export const plainDay = stamp({ dateStyle: "medium", timeZone: "UTC" });
export const longDay = stamp({ dateStyle: "long", timeZone: "UTC" });
export const plainMonth = stamp({ month: "short", year: "numeric", timeZone: "UTC" });
export const shortDay = stamp({ day: "numeric", month: "short", timeZone: "UTC" });
export const shortMonth = stamp({ month: "short", timeZone: "UTC" });

const weekday = (style) => Array.from({ length: 7 }, (_, n) =>
  new Intl.DateTimeFormat(locale, { weekday: style, timeZone: "UTC" }).format(Date.UTC(2024, 0, n + 1)));
/** Monday first. */
export const WEEKDAYS = weekday("short");
export const WEEKDAYS_LONG = weekday("long");

/** A message's own wall time, whatever zone the reader is in: "2024-03-01T10:15:00+01:00". */
export const wallDay = (iso) => longDay(`${iso.slice(0, 10)}T00:00:00Z`);
export const wallClock = (iso) => iso.slice(11, 16);

const UNITS = [["unit.d", 86400], ["unit.h", 3600], ["unit.min", 60], ["unit.s", 1]];

/** 5400 → "1 h 30 min": the two largest units. */
export function duration(seconds) {
  if (seconds == null) return "–";
  let rest = Math.round(seconds);
  const first = UNITS.findIndex(([, size]) => rest >= size);
  const from = first < 0 ? UNITS.length - 1 : first;
  const shown = [];
  for (const [name, size] of UNITS.slice(from, from + 2)) {
    const whole = Math.floor(rest / size);
    rest -= whole * size;
    if (whole || !shown.length) shown.push(`${number(whole)} ${t(name)}`);
  }
  return shown.join(" ");
}

/** "reply_median_s" → "Reply median". */
export function plainName(key) {
  const text = key.replace(/_s$/, "").replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const names = new Intl.ListFormat(locale, { type: "conjunction" });
export const listed = (items) => names.format(items);
