// The statement: what came, what went, for what, and what was there after.

import { Button, Failure, useAction } from "../app/acting.js";
import { call, read } from "../app/api.js";
import { html, useEffect, useState } from "../app/html.js";
import { path } from "../app/router.js";
import { balance, categories, chats, jobs, title } from "../app/store.js";
import { has, moment, number, signedNumber, t } from "../app/words.js";
import { categoryTitle } from "./categories.js";
import { offer } from "./share.js";

export default function Credits() {
  const [page, setPage] = useState(null);
  const { busy, failure, run } = useAction();
  const load = (cursor) => run(async () => {
    const found = await read(`/api/credits/entries?limit=50${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ""}`);
    setPage((before) => ({ ...found, items: cursor ? [...before.items, ...found.items] : found.items }));
  });
  useEffect(() => { title.value = t("credits.title"); load(); }, [balance.value?.available, balance.value?.held]);
  const download = async () => {
    const reply = await call("GET", "/api/credits/entries.csv");
    offer(await reply.blob(), "sixfold-entries.csv");
  };
  const coins = balance.value;
  return html`<h1>${t("credits.title")}</h1>
    ${coins && html`<dl class="tiles two"><div class="tile"><dt>${t("credits.available")}</dt><dd>${number(coins.available)}</dd></div>
      <div class="tile"><dt>${t("credits.in_use")}</dt><dd>${number(coins.held)}</dd></div></dl>`}
    <p class="quiet">${t("credits.how")}</p>
    <section class="card"><div class="title-row"><h2>${t("credits.statement")}</h2>
      <${Button} class="plain" action=${download}>${t("credits.csv")}<//></div>
      <${Failure} text=${failure} />
      ${page && !page.items.length ? html`<p class="quiet">${t("credits.none")}</p>` : null}
      ${page?.items.length ? html`<div class="scroll" tabindex="0" role="region" aria-label=${t("credits.statement")}><table class="statement">
        <thead><tr><th scope="col">${t("credits.what")}</th><th scope="col" class="number">${t("credits.coins")}</th><th scope="col" class="number">${t("credits.balance")}</th></tr></thead>
        <tbody>${page.items.map((entry) => html`<${Row} key=${entry.seq} entry=${entry} />`)}</tbody></table></div>` : null}
      ${page?.next_cursor ? html`<button type="button" class="plain" aria-busy=${busy} onClick=${() => load(page.next_cursor)}>${t("credits.earlier")}</button>` : null}
    </section>`;
}

/** How an entry moves what can be spent; a charge moves only what was set aside before. */
const SIGNS = { grant: 1, refund: 1, release: 1, reserve: -1, capture: 0 };

function Row({ entry }) {
  const job = jobs.value.get(entry.reservation_id);
  const chat = job && chats.value?.find((one) => one.id === job.chat_id);
  const category = job && categories.value.find((one) => one.key === job.category);
  const sign = SIGNS[entry.kind] ?? 0;
  const what = has(`entry.${entry.kind}`) ? t(`entry.${entry.kind}`, { n: entry.amount }) : entry.kind;
  const isOwn = entry.kind === "grant" && has(`grant.${entry.reason}`);
  return html`<tr><td><b>${what}</b><time class="quiet" datetime=${entry.at}>${moment(entry.at)}</time>${category ? html`<div><a href=${path("jobs", job.job_id)}>${categoryTitle(category)}</a></div>` : null}
      ${job ? html`<small class="quiet"><bdi>${chat?.title ?? t("chat.deleted")}</bdi></small>` : null}
      ${entry.reason ? html`<small class="quiet"><bdi>${isOwn ? t(`grant.${entry.reason}`) : has(`reason.${entry.reason}`) ? t(`reason.${entry.reason}`) : entry.reason}</bdi></small>` : null}</td>
    <td class="number ${sign > 0 ? "plus" : sign < 0 ? "minus" : ""}">${sign ? signedNumber(sign * entry.amount) : "–"}</td>
    <td class="number">${number(entry.available_after)}</td></tr>`;
}
