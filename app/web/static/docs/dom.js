// Building the page. Whatever comes from outside becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";

export const byId = (id) => document.getElementById(id);

/** A new element with attributes and children; strings become text. */
export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** As `element`, for a drawing. */
export function drawn(name, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") node.addEventListener("click", value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, String(value));
  }
  node.append(...children.flat(Infinity).filter((child) => child != null));
  return node;
}

export const count = (number) => new Intl.NumberFormat().format(number);

export const moment = (iso) =>
  new Date(iso).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

export const day = (iso) => new Date(iso).toLocaleDateString(undefined, { dateStyle: "medium" });

/** "2024-02-01" → "1 February 2024": a day of the calendar, in no time zone. */
export const dayOf = (iso) =>
  new Date(iso).toLocaleDateString(undefined, { dateStyle: "long", timeZone: "UTC" });

/** "reply_median_s" → "Reply median s". */
export function words(key) {
  const text = key.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** 5400 → "1 h 30 min"; the two largest units. */
export function duration(seconds) {
  if (seconds == null) return "–";
  const units = [["d", 86400], ["h", 3600], ["min", 60], ["s", 1]];
  const first = Math.max(0, units.findIndex(([, size]) => seconds >= size));
  let rest = Math.round(seconds);
  const parts = [];
  for (const [name, size] of units.slice(seconds < 1 ? 3 : first, (seconds < 1 ? 3 : first) + 2)) {
    const whole = Math.floor(rest / size);
    rest -= whole * size;
    if (whole || !parts.length) parts.push(`${whole} ${name}`);
  }
  return parts.join(" ");
}
