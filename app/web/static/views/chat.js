// A chat: its statistics, what can be unlocked about it, and one category of it.

import { Button } from "../app/acting.js";
import { read } from "../app/api.js";
import { html, useEffect, useMemo, useState } from "../app/html.js";
import { inWords } from "../app/refusals.js";
import { go } from "../app/router.js";
import { balance, buy, forgetChat, jobs, readJobsOf, readWorth, title, worth, categories } from "../app/store.js";
import { dayOf, t } from "../app/words.js";
import { Pictures } from "../pictures/pictures.js";
import { Categories } from "./categories.js";
import { Category } from "./job.js";
import { Dialog } from "./dialog.js";
import { Newer } from "./newer.js";

const DRAWING_MS_MAX = 300_000; // Of a million messages, behind those of others.

export default function ChatView({ chatId, category }) {
  const { chat, failure, setChat, again } = useChat(chatId);
  useEffect(() => {
    const named = categories.value.find((one) => one.key === category);
    title.value = [named && t(`category.${named.key}`), chat?.title].filter(Boolean).join(" · ");
  }, [chat, category]);
  if (failure) return html`<div class="card"><h1>${t("failed.title")}</h1><p class="failure" role="alert">${failure}</p><button type="button" onClick=${again}>${t("again")}</button></div>`;
  if (!chat) return html`<p class="quiet" role="status">${t("reading")}</p>`;
  const source = { chat, messages: (numbers, revision) => readMessages(chatId, numbers, revision) };
  if (category) return html`<${Category} source=${source} category=${category} />`;
  return html`<${Overview} source=${source} setChat=${setChat} />`;
}

function useChat(chatId) {
  const [state, set] = useState({ chat: null, failure: "" });
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let isWanted = true;
    set({ chat: null, failure: "" });
    Promise.all([read(`/api/chats/${encodeURIComponent(chatId)}`), readJobsOf(encodeURIComponent(chatId)), readWorth(encodeURIComponent(chatId))])
      .then(([chat]) => isWanted && set({ chat, failure: "" }))
      .catch((error) => isWanted && set({ chat: null, failure: inWords(error) }));
    return () => { isWanted = false; };
  }, [chatId, tries]);
  return { ...state, setChat: (chat) => set({ chat, failure: "" }), again: () => setTries(tries + 1) };
}

async function readMessages(chatId, numbers, revision) {
  const { items } = await read(`/api/chats/${chatId}/messages?numbers=${numbers.join(",")}&revision=${revision}`);
  return items;
}

function Overview({ source, setChat }) {
  const { chat } = source;
  const load = useMemo(() => ({ from, to }) => {
    const asked = new URLSearchParams({ ...(from && { first_day: from }), ...(to && { last_day: to }) });
    return read(`/api/chats/${chat.id}/pictures?${asked}`, { answerMs: DRAWING_MS_MAX });
  }, [chat.id, chat.revision]);
  const notes = [t("chat.period", { from: dayOf(chat.first_at), to: dayOf(chat.last_at) }),
    chat.import.unparsed_lines ? t("chat.unparsed", { n: chat.import.unparsed_lines }) : null,
    chat.import.possibly_truncated ? t("chat.truncated") : null].filter(Boolean);
  return html`<article class="chat">
    <header class="chat-head"><h1 id="chat-title" dir="auto">${chat.title}</h1>
      <p class="quiet">${t("messages", { n: chat.message_count })} · ${notes.join(" · ")}</p></header>
    <${Categories} chat=${chat} categories=${categories.value} jobs=${[...jobs.value.values()].filter((job) => job.chat_id === chat.id)}
      worth=${worth.value.get(chat.id)} balance=${balance.value} buy=${(category) => buy(chat.id, category)} source=${source} />
    <${Pictures} chat=${chat} load=${load} />
    <${Newer} chat=${chat} setChat=${setChat} />
    <${Delete} chat=${chat} />
  </article>`;
}

function Delete({ chat }) {
  return html`<section class="card danger-zone"><h2>${t("delete.chat")}</h2><p>${t("delete.chat.means")}</p>
    <${Dialog} opens=${t("delete.chat")} title=${t("delete.chat.sure")} kind="danger">
      ${(close) => html`<p><bdi><b>${chat.title}</b></bdi></p><p>${t("delete.chat.means")}</p><div class="row">
        <${Button} kind="" class="danger" action=${async () => { await forgetChat(chat.id); go("/"); }}>${t("delete.now")}<//>
        <button type="button" class="plain" data-first onClick=${close}>${t("keep")}</button></div>`}
    <//></section>`;
}
