// A category of a chat: the offer, six lanes while it is written, the reader when it is there.

import { Button } from "../app/acting.js";
import { read } from "../app/api.js";
import { html, useEffect, useLayoutEffect, useRef, useState } from "../app/html.js";
import { inWords } from "../app/refusals.js";
import { path, place } from "../app/router.js";
import { balance, buy, cancel, categories, jobs, readJob, readyOf, revealed, title, turned, worth } from "../app/store.js";
import { hasEnded } from "../app/stream.js";
import { duration, t } from "../app/words.js";
import { Categories, categoryTitle, insightTitle, stateOf } from "./categories.js";
import { NotFound } from "./landing.js";
import { Reader } from "./reader.js";
import { Sent } from "./sent.js";

/** The view of `/jobs/:id`. */
export default function JobView({ jobId }) {
  const [{ chat, failure }, set] = useState({ chat: null, failure: "" });
  const job = jobs.value.get(jobId);
  useEffect(() => {
    let isWanted = true;
    const load = async () => {
      await readJob(encodeURIComponent(jobId));
      const found = jobs.value.get(jobId);
      const chat = await read(`/api/chats/${found.chat_id}`).catch((error) => {
        if (error.code === "not_found") return { id: found.chat_id, title: t("chat.deleted"), isDeleted: true };
        throw error;
      });
      if (isWanted) set({ chat, failure: "" });
    };
    load().catch((error) => isWanted && set({ chat: null, failure: inWords(error) }));
    return () => { isWanted = false; };
  }, [jobId]);
  if (failure) return html`<div class="card"><h1>${t("failed.title")}</h1><p class="failure" role="alert">${failure}</p><a class="button" href="/">${t("not_found.home")}</a></div>`;
  if (!job || !chat) return html`<p class="quiet" role="status">${t("reading")}</p>`;
  const messages = async (numbers, revision) =>
    (await read(`/api/chats/${chat.id}/messages?numbers=${numbers.join(",")}&revision=${revision}`)).items;
  return html`<${Job} source=${{ chat, messages }} job=${job} />`;
}

/** The view of `/chats/:id/:category`. */
export function Category({ source, category: key }) {
  const { chat } = source;
  const category = categories.value.find((one) => one.key === key);
  if (!category) return html`<${NotFound} />`;
  const own = [...jobs.value.values()].filter((job) => job.chat_id === chat.id);
  const told = worth.value.get(chat.id)?.find((one) => one.category === key);
  const newest = own.filter((job) => job.category === key).sort((a, b) => (a.created_at < b.created_at ? 1 : -1))[0];
  const state = stateOf(category, chat, own, told);
  const job = state.job ?? newest;
  const offers = state.kind === "locked" || state.kind === "none";
  const offer = offers ? html`<${Categories} chat=${chat} categories=${[category]} jobs=${own} worth=${worth.value.get(chat.id)} balance=${balance.value}
    isOffer=${true} source=${source} buy=${(one) => buy(chat.id, one)} />` : null;
  if (job) return html`<${Job} key=${job.job_id} source=${source} job=${job} />${offer}`;
  return html`<${Head} chat=${chat} category=${category} />${offer}`;
}

function Head({ chat, category, base = path("chats", chat.id), children }) {
  return html`<header class="chat-head"><p class="crumb">${chat.isDeleted ? html`<span class="quiet">${chat.title}</span>`
    : html`<a href=${base}>← <bdi>${chat.title}</bdi></a>`}</p>
    <div class="title-row"><h1 tabindex="-1">${categoryTitle(category)}</h1>${children}</div></header>`;
}

export function Job({ source, job, base, named }) {
  const category = named ?? categories.value.find((one) => one.key === job.category) ?? { key: job.category, title: job.category };
  useEffect(() => { title.value = `${categoryTitle(category)} · ${source.chat.title}`; }, [job.job_id]);
  useEffect(() => () => turned(job.job_id), [job.job_id]);
  const isOver = hasEnded(job);
  useHeldFocus(isOver);
  const isReadable = job.state === "succeeded" && job.settlement.state !== "refunded";
  return html`<article class="job" data-job=${job.job_id} data-state=${job.state}>
    <${Head} chat=${source.chat} category=${category} base=${base}>
      <span class="state ${job.state}">${stateShown(job)}</span><//>
    ${isReadable ? html`<${Reader} key=${job.job_id} job=${job} source=${source} turns=${revealed.value.has(job.job_id)} initial=${place.value.hash} />` : html`<${Lanes} job=${job} />`}
    <p class="quiet settlement" role="status">${settlement(job)}</p>
    ${isOver ? null : html`<div class="row"><${Button} class="plain" action=${() => cancel(job.job_id)}>${t("watch.cancel")}<//><${Notify} /></div>`}
    ${base ? null : html`<${Sent} jobId=${job.job_id} titleOf=${(key) => insightTitle(job.insights.find((one) => one.key === key) ?? { key, title: key })} />`}
  </article>`;
}

/** The buttons of a job leave when it ends: a focus that was on one goes to its title. */
function useHeldFocus(isOver) {
  const wasOver = useRef(isOver);
  useLayoutEffect(() => {
    const isLost = document.activeElement === document.body;
    if (isOver && !wasOver.current && isLost) document.querySelector(".job h1")?.focus();
    wasOver.current = isOver;
  }, [isOver]);
}

function stateShown(job) {
  const position = job.progress.queue_position;
  if (job.state === "queued" && position) return t("job.queued.at", { n: position });
  return t(`job.${job.state}`);
}

/** What the ledger says, in the words of the page. */
export function settlement({ settlement: told, price_coins: price, error_code: code, state }) {
  const facts = { charged: t("coins", { n: told.charged_coins }), back: t("coins", { n: told.released_coins || told.refunded_coins }) };
  if (told.state === "held") return t("settlement.held", { n: price });
  if (told.state === "refunded") return t("settlement.refunded", facts);
  if (told.state === "captured") return t(told.released_coins ? "settlement.part" : "settlement.captured", facts);
  const why = code === "nothing_to_say" ? `${t("job.nothing_to_say")} ` : state === "failed" ? `${t("job.why.failed")} ` : "";
  return why + t("settlement.released", facts);
}

/** Six lanes: each insight with its state, its time and its calls. */
function Lanes({ job }) {
  const now = useClock(!hasEnded(job));
  const elapsed = job.started_at ? Math.max(0, (now - Date.parse(job.started_at)) / 1000) : 0;
  const done = readyOf(job);
  return html`<section class="watch card" aria-labelledby="watch-title">
    <div class="title-row"><h2 id="watch-title">${hasEnded(job) ? t(`job.${job.state}`) : job.state === "queued" ? t("watch.waiting") : t("watch.title")}</h2>
      <span class="count" aria-live="polite">${t("watch.count", { done, total: job.progress.total })}</span></div>
    <ol class="lanes">${job.insights.map((one) => html`<li key=${one.key} class="lane ${one.state}">
      <span class="lane-title">${insightTitle(one)}</span>
      <span class="lane-bar" aria-hidden="true"><i></i></span>
      <span class="lane-state">${laneState(one, elapsed)}</span></li>`)}</ol>
    ${hasEnded(job) ? null : html`<p class="quiet">${job.state === "running" ? t("watch.reading", { title: insightTitle(job.insights.find((one) => one.state === "running") ?? job.insights[0]) }) : t("watch.soon")}</p>`}
  </section>`;
}

function laneState(one, elapsed) {
  const calls = one.attempts > 1 ? ` · ${t("watch.calls", { n: one.attempts })}` : "";
  if (one.state === "completed") return t("lane.completed", { time: one.duration_ms < 1000 ? `${one.duration_ms} ms` : duration(one.duration_ms / 1000) }) + calls;
  if (one.state === "running") return t("lane.running", { time: duration(elapsed) }) + calls;
  if (one.state === "empty") return one.empty_reason ?? t("lane.empty");
  return t(`lane.${one.state}`) + calls;
}

function useClock(isRunning) {
  const [now, set] = useState(Date.now);
  useEffect(() => {
    if (!isRunning) return undefined;
    const timer = setInterval(() => set(Date.now()), 1000);
    return () => clearInterval(timer);
  }, [isRunning]);
  return now;
}

/** Asks once whether the system may say when it is done. */
function Notify() {
  const [state, set] = useState(globalThis.Notification?.permission);
  if (state !== "default") return null;
  return html`<button type="button" class="plain" onClick=${async () => set(await Notification.requestPermission())}>${t("watch.notify")}</button>`;
}
