// When people write: hour of the day by day of the week.

import { html } from "../app/html.js";
import { number, t, WEEKDAYS, WEEKDAYS_LONG } from "../app/words.js";
import { Figure } from "./figure.js";

const HOURS = Array.from({ length: 24 }, (_, hour) => hour);
const [LEFT, CELL, ROW] = [40, 16, 22];

/** Counts are of the person that is shown, or of all. */
export function HeatMap({ told, shown }) {
  const rows = WEEKDAYS.map((_, day) => HOURS.map((hour) => (shown === null
    ? told.by_weekday_hour.reduce((sum, one) => sum + one[day][hour], 0)
    : told.by_weekday_hour[shown][day][hour])));
  const most = Math.max(1, ...rows.flat());
  const best = rows.flat().indexOf(most);
  const says = rows.flat().some(Boolean)
    ? t("heat.says", { day: WEEKDAYS_LONG[Math.floor(best / 24)], hour: `${best % 24}:00`, messages: t("messages", { n: most }) }) : "";
  const table = {
    heads: [t("heat.hour"), ...WEEKDAYS],
    rows: HOURS.map((hour) => [`${hour}:00`, ...rows.map((row) => row[hour])]),
  };
  return html`<${Figure} title=${t("heat.title")} says=${says} table=${table}>
    <svg class="drawing" viewBox=${`0 0 ${LEFT + 24 * CELL} ${7 * ROW + 22}`} role="img" aria-label=${`${t("heat.title")}. ${says}`}>
      ${rows.map((row, day) => html`<g key=${day}>
        <text x="0" y=${day * ROW + 14}>${WEEKDAYS[day]}</text>
        ${row.map((count, hour) => html`<rect key=${hour} class="level${level(count, most)}" x=${LEFT + hour * CELL} y=${day * ROW}
          width=${CELL - 2} height=${ROW - 2} rx="4"><title>${`${WEEKDAYS[day]} ${hour}:00 – ${number(count)}`}</title></rect>`)}</g>`)}
      ${[0, 6, 12, 18, 23].map((hour) => html`<text key=${hour} x=${LEFT + hour * CELL + CELL / 2 - 1} y=${7 * ROW + 16} text-anchor="middle">${hour}</text>`)}
    </svg><${Scale} most=${most} /><//>`;
}

/** 0 is none; 1 to 5 grow with the root of the count, so that quiet hours can be seen. */
export const level = (count, most) => (count ? Math.max(1, Math.ceil(5 * Math.sqrt(count / most))) : 0);

export function Scale({ most }) {
  return html`<p class="scale quiet" aria-hidden="true"><span>0</span>${[0, 1, 2, 3, 4, 5].map((one) =>
    html`<i key=${one} class="level${one}"></i>`)}<span>${number(most)}</span></p>`;
}
