// What can be unlocked about a chat: owned, under way, locked, or with too little to say.

import { Failure, useAction } from "../app/acting.js";
import { html, useId, useMemo } from "../app/html.js";
import { go, path } from "../app/router.js";
import { readyOf } from "../app/store.js";
import { hasEnded } from "../app/stream.js";
import { has, language, t } from "../app/words.js";
import { Teaser, teasersOf } from "./teaser.js";

export const categoryTitle = (category) => named("category", category.key, category.title);
export const insightTitle = (insight) => named("insight", insight.key, insight.title);
const named = (kind, key, told) => (has(`${kind}.${key}`) ? t(`${kind}.${key}`) : told);

/** The newest job of a category that says something: under way, or owned. */
export function stateOf(category, chat, jobs, told) {
  const own = jobs.filter((job) => job.category === category.key)
    .sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  const running = own.find((job) => !hasEnded(job));
  if (running) return { kind: "running", job: running };
  const owned = own.find((job) => job.state === "succeeded" && job.settlement.state !== "refunded");
  const isCurrent = told?.owned ?? owned?.chat_revision === chat.revision;
  if (owned && isCurrent) return { kind: "owned", job: owned };
  if (told?.fit === "none") return { kind: "none", reason: reasonOf(told), job: owned };
  return { kind: "locked", job: owned, reason: told?.fit === "thin" ? reasonOf(told) : null };
}

const reasonOf = ({ reason }) =>
  (reason ? (has(`reason.${reason.code}`) ? t(`reason.${reason.code}`) : reason.text) : t("category.none"));

export function Categories({ chat, categories, jobs, worth, balance, buy, source, base = path("chats", chat.id), isOffer = false }) {
  const teasers = useMemo(() => (chat.statistics ? teasersOf(chat.statistics) : new Map()), [chat]);
  return html`<section aria-labelledby="categories-title"><h2 id="categories-title">${t(isOffer ? "categories.offer" : "categories.title")}</h2>
    <div class="cards ${isOffer ? "offer" : ""}">${categories.map((category) => {
      const told = worth?.find((one) => one.category === category.key);
      return html`<${Card} key=${category.key} category=${told ? { ...category, price_coins: told.price_coins } : category}
        state=${stateOf(category, chat, jobs, told)} balance=${balance} buy=${buy} isOffer=${isOffer}
        teaser=${teasers.get(category.key)} source=${source} address=${`${base}/${category.key}`} />`;
    })}</div></section>`;
}

function Card({ category, state, balance, buy, address, isOffer, teaser, source }) {
  const { busy, failure, run } = useAction();
  const id = useId();
  const unlock = () => run(async () => { if (await buy(category)) go(address); });
  const { kind, job } = state;
  const after = balance ? balance.available - category.price_coins : null;
  return html`<article class="card category ${kind}" aria-labelledby=${id}>
    <div class="title-row"><h3 id=${id}>${categoryTitle(category)}</h3><span class="state ${kind}">${t(`state.${kind}`)}</span></div>
    ${kind === "running" ? html`<progress max=${job.progress.total} value=${readyOf(job)} aria-label=${t("watch.ready")}></progress>` : null}
    <ul class="petals">${category.insights.map((one) => html`<li key=${one.key} title=${isOffer ? null : one.description}>
      ${isOffer && language === "en" ? html`<b>${insightTitle(one)}</b> ${one.description}` : insightTitle(one)}</li>`)}</ul>
    ${kind === "locked" && teaser ? html`<${Teaser} ...${teaser} source=${source} />` : null}
    ${state.reason ? html`<p class="quiet reason">${state.reason}</p>` : null}
    <div class="foot">
      ${kind === "owned" ? html`<a class="button" href=${address}>${t("category.read")}</a>` : null}
      ${kind === "running" ? html`<a class="button" href=${address}>${t("category.watch")}</a>` : null}
      ${kind === "locked" && buy ? html`<button type="button" class="unlock" aria-busy=${busy} onClick=${unlock}>${t("unlock.for", { n: category.price_coins })}</button>
        <small class="quiet">${after === null ? "" : after >= 0 ? t("unlock.after", { n: after }) : t("unlock.short", { n: -after })}</small>` : null}
      ${kind === "locked" && job ? html`<a href=${address}>${t("category.earlier")}</a>` : null}
      <${Failure} text=${failure} />
    </div></article>`;
}
