// A job and its six insights.

import { read } from "/static/api.js";
import { duration, element, moment, words } from "/static/dom.js";
import { sentDisclosure } from "/static/sent.js";

const CANCELLABLE = new Set(["queued", "running"]);

/** The card of a job; it shows each snapshot it is given. */
export function jobCard({ jobId, title, onCancel }) {
  const root = element("section", { class: "job" });
  let titles = new Map();
  const sent = sentDisclosure(jobId, (key) => titles.get(key) ?? key);
  const show = (job) => {
    titles = new Map(job.insights.map((insight) => [insight.key, insight.title]));
    root.replaceChildren(...parts(job), sent);
  };
  const parts = (job) => [
    element("div", { class: "title-row" },
      element("h2", {}, title),
      element("span", { class: `state ${job.state}` }, stateOf(job)),
      CANCELLABLE.has(job.state)
        ? element("button", { class: "plain", type: "button", onclick: () => onCancel(job) }, "Cancel")
        : null),
    element("progress", {
      max: job.progress.total, value: job.progress.completed, "aria-label": "Insights ready",
    }),
    element("p", { class: "quiet", "aria-live": "polite" }, job.message),
    element("div", { class: "six" }, job.insights.map((insight) => insightCard(insight, job))),
  ];
  return { root, show };
}

function stateOf(job) {
  const place = job.progress.queue_position;
  if (job.state === "queued" && place) return `queued, place ${place}`;
  if (job.state === "running") return `running, ${job.progress.completed} of ${job.progress.total}`;
  return job.state;
}

function insightCard(insight, job) {
  const took = insight.duration_ms == null ? null : ` · ${insight.duration_ms < 1000 ? `${insight.duration_ms} ms` : `${(insight.duration_ms / 1000).toFixed(1)} s`}`;
  const head = [
    element("h3", {}, insight.title),
    element("span", { class: `state ${insight.state}` }, insight.state, took),
  ];
  const content = insight.content;
  if (!content) {
    const why = insight.content_deleted ? "Deleted with its chat."
      : insight.content_unreadable ? "It cannot be opened just now; it was reported." : null;
    const gone = why ? element("p", { class: "quiet" }, why) : null;
    return element("article", { class: "insight waiting" }, head, gone);
  }
  return element("article", { class: "insight" }, head,
    element("p", { class: "headline" }, content.headline),
    element("p", {}, content.summary),
    element("ul", {}, content.findings.map((finding) => findingItem(finding, job))),
    metricList(content.metrics),
    element("p", { class: "quiet" }, `Confidence ${Math.round(content.confidence * 100)} %`));
}

function findingItem(finding, job) {
  const quotes = element("div");
  const numbers = finding.evidence.map((number) => element("button", {
    class: "evidence", type: "button", title: `Show message ${number}`,
    onclick: () => toggleQuotes(quotes, job, finding.evidence),
  }, `#${number}`));
  return element("li", {}, finding.claim, " ", numbers, quotes);
}

async function toggleQuotes(place, job, numbers) {
  if (place.hasChildNodes()) return place.replaceChildren();
  place.append(element("p", { class: "quiet" }, "Looking up …"));
  try {
    const { items } = await read(
      `/api/chats/${job.chat_id}/messages?numbers=${numbers.join(",")}&revision=${job.chat_revision}`);
    place.replaceChildren(...items.map((message) => element("blockquote", { class: "quote" },
      element("span", { class: "quiet" }, `#${message.number} ${message.author}, ${moment(message.at)}\n`),
      message.text || `(${message.kind})`)));
  } catch (error) {
    place.replaceChildren(element("p", { class: "quiet" }, error.message));
  }
}

function metricList(metrics) {
  const rows = Object.entries(metrics).flatMap(([key, value]) => [
    element("dt", {}, words(key.replace(/_s$/, ""))),
    element("dd", {}, key.endsWith("_s") && typeof value === "number" ? duration(value) : shown(value)),
  ]);
  return rows.length ? element("dl", {}, rows) : null;
}

function shown(value) {
  if (value === null) return "–";
  if (typeof value === "number") return new Intl.NumberFormat(undefined, { maximumFractionDigits: 2 }).format(value);
  if (Array.isArray(value)) return value.map(shown).join(", ");
  if (typeof value === "object") {
    return Object.entries(value).map(([key, one]) => `${key}: ${shown(one)}`).join(", ");
  }
  return String(value);
}
