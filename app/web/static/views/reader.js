// Reading six insights: one at a time, each sentence with the messages that it rests on.

import { html, useEffect, useState } from "../app/html.js";
import { place } from "../app/router.js";
import { listed, number, duration, plainName, share, t } from "../app/words.js";
import { Bar, colour } from "../pictures/figure.js";
import { Evidence } from "./bubbles.js";
import { insightTitle } from "./categories.js";
import { Feedback } from "./feedback.js";
import { Share } from "./share.js";

const FINDINGS_FIRST = 3;

export function Reader({ job, source, turns }) {
  const chosen = job.insights.find((one) => one.key === place.value.hash) ?? job.insights.find((one) => one.content) ?? job.insights[0];
  return html`<div class="reader">
    <nav class="six ${turns ? "turns" : ""}" aria-label=${t("reader.six")}>${job.insights.map((one, n) => html`<a key=${one.key} class="flip turn${n}"
      href=${`#${one.key}`} aria-current=${one === chosen ? "true" : null}>
      <span class="label">${insightTitle(one)}</span>
      <span class="headline" dir="auto">${one.content?.headline ?? missing(one)}</span></a>`)}</nav>
    <${Insight} key=${chosen.key} insight=${chosen} job=${job} source=${source} />
  </div>`;
}

const missing = (one) => {
  if (one.content_deleted) return t("insight.deleted");
  if (one.content_unreadable) return t("insight.unreadable");
  return one.state === "empty" ? one.empty_reason ?? t("lane.empty") : t("insight.none");
};

function Insight({ insight, job, source }) {
  const content = insight.content;
  const [all, showAll] = useState(false);
  const [arrived, setArrived] = useState(false);
  useEffect(() => setArrived(true), []);
  if (!content) return html`<section class="insight card"><span class="label">${insightTitle(insight)}</span><p>${missing(insight)}</p></section>`;
  const findings = all ? content.findings : content.findings.slice(0, FINDINGS_FIRST);
  const chart = chartOf(content.metrics);
  return html`<section class="insight card ${arrived ? "arrived" : ""}" id=${insight.key} aria-labelledby="insight-title">
    <span class="label">${insightTitle(insight)}</span>
    <h2 id="insight-title" class="headline" dir="auto">${content.headline}</h2>
    <p class="summary" dir="auto">${content.summary}</p>
    ${chart ? html`<${Bars} ...${chart} source=${source} />` : null}
    <h3>${t("reader.findings")}</h3>
    <ol class="findings">${findings.map((finding, n) => html`<li key=${n}>
      <p dir="auto">${finding.claim}</p>
      <${Evidence} finding=${finding} source=${source} revision=${job.chat_revision} />
      ${source.isSample ? null : html`<${Feedback} job=${job} insight=${insight} finding=${n} />`}</li>`)}</ol>
    ${!all && content.findings.length > FINDINGS_FIRST ? html`<button type="button" class="plain" onClick=${() => showAll(true)}>${t("reader.more", { n: content.findings.length - FINDINGS_FIRST })}</button>` : null}
    <div class="row tools"><${Share} insight=${insight} title=${insightTitle(insight)} source=${source} job=${job} /></div>
    <details class="behind"><summary>${t("reader.details")}</summary><${Metrics} metrics=${content.metrics} />
      <p class="quiet">${t("reader.confidence", { share: share(content.confidence) })}</p></details>
  </section>`;
}

const isTable = (value) => value && typeof value === "object" && !Array.isArray(value);
const BARS_MAX = 8;

/** The first metric that a picture says more of than a number: values by person, or by period. */
function chartOf(metrics) {
  for (const [key, value] of Object.entries(metrics)) {
    if (!isTable(value)) continue;
    const bars = Object.entries(value).filter(([, one]) => typeof one === "number" && one >= 0);
    if (bars.length >= 2 && bars.length <= BARS_MAX && bars.some(([, one]) => one > 0)) return { name: key, bars };
  }
  return null;
}

function Bars({ name, bars, source }) {
  const most = Math.max(...bars.map(([, value]) => value));
  const people = source.chat.participants?.map((one) => one.name) ?? [];
  return html`<figure class="bars"><figcaption>${plainName(name)}</figcaption><ul class="people">${bars.map(([label, value], n) => {
    const index = people.indexOf(label);
    return html`<li key=${label}><div class="line"><bdi class="grow">${label}</bdi><b>${valueOf(name, value)}</b></div>
      <${Bar} kind=${colour(index >= 0 ? index : n)} most=${most} value=${value} /></li>`;
  })}</ul></figure>`;
}

const valueOf = (name, value) => (name.endsWith("_s") && typeof value === "number" ? duration(value) : shown(value));

function Metrics({ metrics }) {
  const rows = Object.entries(metrics);
  if (!rows.length) return null;
  return html`<dl class="metrics">${rows.map(([key, value]) => html`<div key=${key}><dt>${plainName(key)}</dt><dd dir="auto">${valueOf(key, value)}</dd></div>`)}</dl>`;
}

function shown(value) {
  if (value === null) return "–";
  if (typeof value === "number") return number(value);
  if (typeof value === "boolean") return t(value ? "yes" : "no");
  if (Array.isArray(value)) return value.length ? listed(value.map(shown)) : "–";
  if (typeof value === "object") return Object.entries(value).map(([key, one]) => `${key}: ${shown(one)}`).join(" · ") || "–";
  return String(value);
}
