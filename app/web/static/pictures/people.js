// Who writes: everybody, the busiest first.

import { html, useState } from "../app/html.js";
import { duration, number, parts, share, t } from "../app/words.js";
import { Bar, colour, Figure } from "./figure.js";

const SHOWN_FIRST = 20;

export function People({ told, shown: chosen }) {
  const [all, showAll] = useState(false);
  const people = told.authors.map((one, index) => ({ ...one, index }))
    .filter((one) => chosen === null || one.index === chosen);
  const shown = all ? people : people.slice(0, SHOWN_FIRST);
  const most = people[0];
  const table = {
    heads: ["people.name", "tile.messages", "people.share", "tile.words", "people.average", "tile.media",
      "people.questions", "people.starts", "people.replies", "people.median"].map((key) => t(key)),
    rows: people.map((one) => [one.author, one.messages, share(one.messages / told.total.messages), one.words,
      one.average_words, one.media, one.questions, one.conversations_started, one.replies,
      duration(one.reply_median_s)]),
  };
  return html`<${Figure} title=${t("people.title")} table=${table}
    says=${parts("people.says", { share: share(most.messages / told.total.messages), name: html`<bdi>${most.author}</bdi>` })}>
    <ul class="people">${shown.map((one) => html`<li key=${one.author}>
      <div class="line"><bdi class="grow"><b>${one.author}</b></bdi><span>${number(one.messages)}</span></div>
      <${Bar} kind=${colour(one.index)} most=${told.authors[0].messages} value=${one.messages} />
      <small class="quiet">${[
        one.reply_median_s == null ? null : t("people.answers_in", { time: duration(one.reply_median_s) }),
        t("people.started", { n: one.conversations_started }),
        t("people.words_each", { n: one.average_words }),
      ].filter(Boolean).join(" · ")}</small></li>`)}</ul>
    ${told.others && chosen === null ? html`<p class="quiet">${t("people.others", { n: told.participants - people.length, messages: told.others.messages })}</p>` : null}
    ${!all && people.length > SHOWN_FIRST ? html`<button type="button" class="plain" onClick=${() => showAll(true)}>${t("people.all", { n: people.length })}</button>` : null}
  <//>`;
}
