// What was sent to a provider of models for a job, word for word: asked for when somebody looks.

import { Failure, useAction } from "../app/acting.js";
import { read } from "../app/api.js";
import { html, useState } from "../app/html.js";
import { moment, parts, t } from "../app/words.js";

const ROLES = new Set(["system", "user", "assistant"]);

export function Sent({ jobId, titleOf }) {
  const [page, setPage] = useState(null);
  const { busy, failure, run } = useAction();
  const more = (before) => run(async () => {
    const cursor = before ? `?cursor=${encodeURIComponent(before.next_cursor)}` : "";
    const found = await read(`/api/insights/jobs/${jobId}/sent${cursor}`);
    setPage(before ? { ...found, provider: before.provider, items: [...before.items, ...found.items] } : found);
  });
  return html`<details class="sent" onToggle=${(event) => event.target.open && event.target === event.currentTarget && more(null)}>
    <summary>${t("sent.title")}</summary>
    ${busy ? html`<p class="quiet" role="status">${t("reading")}</p>` : null}
    <${Failure} text=${failure} />
    ${page && html`<p class="quiet">${summary(page)}</p>
      ${page.items.map((prompt, n) => html`<${Prompt} key=${n} prompt=${prompt} title=${titleOf(prompt.insight)} />`)}
      ${page.next_cursor ? html`<button type="button" class="plain" onClick=${() => more(page)}>${t("more")}</button>` : null}`}
  </details>`;
}

function summary(page) {
  if (page.content_deleted) return t("sent.deleted");
  if (page.provider === null) return t("sent.nothing");
  return parts("sent.to", { provider: html`<b>${page.provider}</b>` });
}

function Prompt({ prompt, title }) {
  const call = prompt.call === 1 ? "" : `, ${t("sent.call", { n: prompt.call })}`;
  return html`<details><summary>${title}${call} · ${prompt.model} · ${moment(prompt.sent_at)}</summary>
    ${prompt.messages.map((message, n) => html`<p key=${`role${n}`} class="quiet">${ROLES.has(message.role) ? t(`sent.${message.role}`) : message.role}</p>
      <pre key=${n} tabindex="0" dir="auto">${message.content}</pre>`)}</details>`;
}
