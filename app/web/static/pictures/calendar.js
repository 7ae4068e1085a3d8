// The calendar of a chat: a square for each day.

import { html, useState } from "../app/html.js";
import { number, plainDay, shortMonth, t, WEEKDAYS } from "../app/words.js";
import { Figure } from "./figure.js";
import { level, Scale } from "./heatmap.js";

const DAY_MS = 86_400_000;
const [LEFT, CELL] = [40, 13];
const DAYS_NAMED = [0, 2, 4, 6];
const YEARS_SHOWN = 2;

export function Calendar({ told, shown, streak }) {
  const [all, showAll] = useState(false);
  if (told.step !== "day") return null; // Days are not told of a chat that spans so many.
  const days = new Map(told.buckets.map(({ day, counts }) =>
    [day, shown === null ? counts.reduce((sum, count) => sum + count, 0) : counts[shown]]));
  const years = [...new Set([...days.keys()].map((day) => Number(day.slice(0, 4))))].sort((a, b) => b - a);
  const most = Math.max(1, ...days.values());
  const active = [...days.values()].filter(Boolean).length;
  const says = t("calendar.says", { n: active, streak: t("days", { n: streak.days }), from: plainDay(streak.first_day) });
  const table = {
    heads: [t("step.day"), t("tile.messages")],
    rows: [...days].filter(([, count]) => count).map(([day, count]) => [plainDay(day), count]),
  };
  return html`<${Figure} wide title=${t("calendar.title")} says=${says} table=${table}>
    ${(all ? years : years.slice(0, YEARS_SHOWN)).toReversed().map((year) => html`<${Year} key=${year} year=${year} days=${days} most=${most} />`)}
    <${Scale} most=${most} />
    ${!all && years.length > YEARS_SHOWN ? html`<button type="button" class="plain" onClick=${() => showAll(true)}>${t("calendar.all", { n: years.length })}</button>` : null}
  <//>`;
}

function Year({ year, days, most }) {
  const first = Date.UTC(year, 0, 1);
  const offset = (new Date(first).getUTCDay() + 6) % 7; // Monday first.
  const cells = [];
  const months = [];
  for (let at = first; new Date(at).getUTCFullYear() === year; at += DAY_MS) {
    const date = new Date(at);
    const n = Math.round((at - first) / DAY_MS) + offset;
    const day = date.toISOString().slice(0, 10);
    const x = LEFT + Math.floor(n / 7) * CELL;
    if (date.getUTCDate() === 1) months.push(html`<text key=${day} x=${x} y="10">${shortMonth(date)}</text>`);
    const count = days.get(day) ?? 0;
    cells.push(html`<rect key=${day} class="level${level(count, most)}" x=${x} y=${16 + (n % 7) * CELL} width=${CELL - 2} height=${CELL - 2} rx="2.5">
      <title>${`${plainDay(date)} – ${number(count)}`}</title></rect>`);
  }
  return html`<div class="scroll year" tabindex="0" role="group" aria-label=${t("calendar.year", { year: String(year) })}>
    <svg class="drawing calendar" viewBox=${`0 0 ${LEFT + 54 * CELL} ${18 + 7 * CELL}`} role="img" aria-label=${t("calendar.year", { year: String(year) })}>
      <text x="0" y="10" class="strong">${year}</text>
      ${DAYS_NAMED.map((day) => html`<text key=${day} x="0" y=${25 + day * CELL}>${WEEKDAYS[day]}</text>`)}${months}${cells}</svg></div>`;
}
