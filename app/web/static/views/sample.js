// The sample chat, for everybody: kept as files beside the page, so that no account is needed.

import { html, useEffect, useState } from "../app/html.js";
import { inWords } from "../app/refusals.js";
import { title } from "../app/store.js";
import { dayOf, t } from "../app/words.js";
import { Pictures } from "../pictures/pictures.js";
import { Categories } from "./categories.js";
import { Job } from "./job.js";
import { NotFound } from "./landing.js";

const fetched = new Map();

function part(name) {
  if (!fetched.has(name)) {
    const asked = fetch(import.meta.resolve(`/static/sample/${name}.json`))
      .then((reply) => { if (!reply.ok) throw new Error(reply.status); return reply.json(); });
    asked.catch(() => fetched.delete(name));
    fetched.set(name, asked);
  }
  return fetched.get(name);
}

const messages = async (numbers) => {
  const known = new Set(numbers);
  return (await part("messages")).filter((one) => known.has(one.number));
};

const pictures = () => part("pictures");

export default function Sample({ category }) {
  const [{ sample, failure }, set] = useState({ sample: null, failure: "" });
  useEffect(() => {
    let isWanted = true;
    part("chat").then((sample) => isWanted && set({ sample, failure: "" }))
      .catch((error) => isWanted && set({ sample: null, failure: inWords(error) }));
    return () => { isWanted = false; };
  }, []);
  useEffect(() => { title.value = t("sample.link"); }, [category]);
  if (failure) return html`<p class="failure" role="alert">${failure}</p>`;
  if (!sample) return html`<p class="quiet" role="status">${t("reading")}</p>`;
  const { chat, categories, jobs } = sample;
  if (category) {
    const job = jobs.find((one) => one.category === category);
    return job ? html`<${Job} source=${{ chat, messages, isSample: true }} job=${job} base="/sample" named=${categories.find((one) => one.key === category)} />` : html`<${NotFound} />`;
  }
  return html`<article class="chat">
    <p class="warning sample-note">${t("sample.note")} <a href="/">${t("sample.start")}</a></p>
    <header class="chat-head"><h1 id="chat-title" dir="auto">${chat.title}</h1>
      <p class="quiet">${t("messages", { n: chat.message_count })} · ${t("chat.period", { from: dayOf(chat.first_at), to: dayOf(chat.last_at) })}</p></header>
    <${Categories} chat=${chat} categories=${categories} jobs=${jobs} base="/sample" source=${{ chat, messages }} />
    <${Pictures} chat=${chat} load=${pictures} isWhole=${true} />
  </article>`;
}
