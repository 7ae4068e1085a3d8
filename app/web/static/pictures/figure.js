// A picture: what it is, a sentence of what it shows, the drawing, and the numbers behind it.

import { html, useState } from "../app/html.js";
import { number, t } from "../app/words.js";

export function Figure({ title, says, table, controls, wide, children }) {
  return html`<figure class="card picture ${wide ? "wide" : ""}">
    <div class="title-row"><h3>${title}</h3>${controls}</div>
    ${says ? html`<figcaption>${says}</figcaption>` : null}
    ${children}
    ${table ? html`<${Behind} ...${table} title=${title} />` : null}
  </figure>`;
}

/** The table behind a picture: `heads` and `rows`, the first cell of each names the row. */
function Behind({ heads, rows, title }) {
  const [open, setOpen] = useState(false); // Of ten years it has thousands of rows.
  return html`<details class="behind" onToggle=${(event) => setOpen(event.currentTarget.open)}><summary>${t("table")}</summary>
    ${open && html`<div class="scroll" tabindex="0" role="region" aria-label=${t("table.of", { title })}><table>
      <thead><tr>${heads.map((head, n) => html`<th key=${n} scope="col" class=${n ? "number" : ""}><bdi>${head}</bdi></th>`)}</tr></thead>
      <tbody>${rows.map((row, n) => html`<tr key=${n}>${row.map((cell, m) => (m
        ? html`<td key=${m} class="number">${typeof cell === "number" ? number(cell) : cell}</td>`
        : html`<th key=${m} scope="row"><bdi>${cell}</bdi></th>`))}</tr>`)}</tbody>
    </table></div>`}</details>`;
}

/** The colour of a person is that of their rank; those beyond share one. */
export const COLOURS = 8;
export const colour = (index) => (index >= 0 && index < COLOURS ? `p${index}` : "rest");

/** The people of a picture, with their colours; `others` stands for all who have none. */
export function Legend({ people }) {
  return html`<ul class="legend">${people.map(({ name, index }) =>
    html`<li key=${index}><span class="dot ${colour(index)}" aria-hidden="true"></span><bdi>${name}</bdi></li>`)}</ul>`;
}

/** Buttons of which one is chosen. */
export function Choice({ label, options, chosen, onChoose }) {
  return html`<div class="segmented" role="group" aria-label=${label}>${options.map(([key, text]) =>
    html`<button key=${key} type="button" aria-pressed=${key === chosen} onClick=${() => onChoose(key)}>${text}</button>`)}</div>`;
}

/** A bar whose length is `value` of `most`; its number stands beside it. */
export function Bar({ value, most, kind }) {
  const width = `${most > 0 ? Math.max(0.5, (100 * value) / most) : 0}%`;
  return html`<span class="bar ${kind}" aria-hidden="true"><i style=${{ width }}></i></span>`;
}
