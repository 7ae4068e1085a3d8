// How quickly people answer, and who answers whom.

import { html } from "../app/html.js";
import { duration, number, parts, share, t } from "../app/words.js";
import { Bar, colour, COLOURS, Figure, Legend } from "./figure.js";
import { level } from "./heatmap.js";

/** Of fewer it cannot be said who is quickest. */
const ANSWERS_MIN = 3;
const MEDIANS_MAX = 3; // Those of more are in the table.

/** How answers spread over times: a group of bars for each span, one bar a person. */
export function Replies({ told, shown }) {
  const everybody = told.replies.filter((one) => one.count && (shown === null || one.person === shown));
  if (!everybody.length) return null;
  const people = everybody.slice(0, COLOURS);
  const spans = told.reply_spans_s.map((to, n) => (to === null
    ? t("replies.over", { time: duration(told.reply_spans_s[n - 1]) }) : t("replies.within", { time: duration(to) })));
  const part = (one, n) => one.spans[n] / one.count;
  const most = Math.max(...people.flatMap((one) => one.spans.map((_, n) => part(one, n))));
  const usual = everybody.filter((one) => one.count >= ANSWERS_MIN);
  const compared = usual.length ? usual : everybody;
  const quickest = compared.reduce((best, one) => (one.median_s < best.median_s ? one : best));
  const isEven = everybody.length > 1 && compared.every((one) => one.median_s === quickest.median_s);
  const facts = { name: html`<bdi>${told.people[quickest.person]}</bdi>`, time: duration(quickest.median_s) };
  const says = isEven ? t("replies.says.even", facts) : parts(everybody.length > 1 ? "replies.says" : "replies.says.one", facts);
  const table = {
    heads: [t("people.name"), t("people.replies"), t("people.median"), t("replies.p90"), ...spans],
    rows: everybody.map((one) => [told.people[one.person], one.count, duration(one.median_s), duration(one.p90_s), ...one.spans]),
  };
  const width = 520 / spans.length;
  const bar = Math.min(34, (width - 14) / people.length);
  return html`<${Figure} title=${t("replies.title")} says=${says} table=${table}>
    <${Legend} people=${people.map((one) => ({ name: told.people[one.person], index: one.person }))} />
    <svg class="drawing" viewBox="0 0 560 200" role="img" aria-label=${t("replies.label")}>
      ${[0, 0.5, 1].map((at) => html`<g key=${at}><line class="grid" x1="36" x2="556" y1=${170 - 155 * at} y2=${170 - 155 * at} />
        <text x="30" y=${174 - 155 * at} text-anchor="end">${share(most * at)}</text></g>`)}
      ${spans.map((span, n) => html`<g key=${n}>
        ${people.map((one, m) => html`<rect key=${m} class="fill-${colour(one.person)}" rx="3"
          x=${36 + n * width + (width - bar * people.length) / 2 + m * bar} width=${bar - 2}
          y=${170 - 155 * part(one, n) / most} height=${155 * part(one, n) / most}>
          <title>${`${told.people[one.person]}, ${span}: ${number(one.spans[n])} (${share(part(one, n))})`}</title></rect>`)}
        <text x=${36 + (n + 0.5) * width} y="190" text-anchor="middle">${span}</text></g>`)}
    </svg>
    ${people.length > MEDIANS_MAX ? null : html`<p class="quiet">${people.map((one, n) => html`<span key=${n}>${n ? " · " : ""}<bdi>${told.people[one.person]}</bdi> ${t("replies.median", { time: duration(one.median_s) })}</span>`)}</p>`}<//>`;
}

/** Who begins after a silence. */
export function Starts({ told, shown }) {
  const everybody = told.starts.map((count, person) => ({ count, person }));
  const total = everybody.reduce((sum, one) => sum + one.count, 0) + told.starts_of_others;
  const people = everybody.filter((one) => (shown === null ? one.count : one.person === shown));
  if (!total || !people.length) return null;
  const first = people.reduce((best, one) => (one.count > best.count ? one : best));
  const table = { heads: [t("people.name"), t("people.starts"), t("people.share")],
    rows: people.map((one) => [told.people[one.person], one.count, share(one.count / total)]) };
  return html`<${Figure} title=${t("starts.title")} table=${table}
    says=${parts("starts.says", { name: html`<bdi>${told.people[first.person]}</bdi>`, share: share(first.count / total), n: total })}>
    <ul class="people">${people.map((one) => html`<li key=${one.person}>
      <div class="line"><bdi class="grow">${told.people[one.person]}</bdi><span>${number(one.count)} · ${share(one.count / total)}</span></div>
      <${Bar} kind=${colour(one.person)} most=${Math.max(...told.starts)} value=${one.count} /></li>`)}</ul><//>`;
}

/** In groups: rows answer columns; of one person, whom they answer and who answers them. */
export function Answers({ told, shown }) {
  if (told.people.length < 3) return null;
  const pairs = told.answers.flatMap((row, who) => row.map((count, whom) => ({ count, who, whom })))
    .filter(({ count, who, whom }) => count && (shown === null || who === shown || whom === shown));
  if (!pairs.length) return null;
  const best = pairs.reduce((one, other) => (other.count > one.count ? other : one));
  const bdi = (person) => html`<bdi title=${told.people[person]}>${told.people[person]}</bdi>`;
  return html`<${Figure} wide title=${t("answers.title")} table=${{
    heads: [t("answers.who"), t("answers.whom"), t("words.count")],
    rows: pairs.toSorted((a, b) => b.count - a.count).map(({ who, whom, count }) => [told.people[who], html`<bdi>${told.people[whom]}</bdi>`, count]),
  }}
    says=${parts("answers.says", { name: bdi(best.who), other: bdi(best.whom), times: t("times", { n: best.count }) })}>
    <div class="scroll" tabindex="0" role="region" aria-label=${t("answers.title")}><table class="matrix">
      <thead><tr><th scope="col">${t("answers.corner")}</th>${told.people.map((_, n) => html`<th key=${n} scope="col">${bdi(n)}</th>`)}</tr></thead>
      <tbody>${told.answers.map((row, n) => html`<tr key=${n}><th scope="row">${bdi(n)}</th>
        ${row.map((count, m) => (n === m ? html`<td key=${m}>–</td>` : shown === null || n === shown || m === shown
          ? html`<td key=${m} class="level${level(count, best.count)}">${number(count)}</td>` : html`<td key=${m} class="apart"></td>`))}</tr>`)}</tbody>
    </table></div><//>`;
}
