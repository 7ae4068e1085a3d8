// The console: sign in, upload, look, unlock, watch, read, account for it.

import { call, follow, hasToken, keepToken, read, Refused, unlock } from "/static/api.js";
import { byId, count, day, element, moment } from "/static/dom.js";
import { jobCard } from "/static/insights.js";
import { statistics } from "/static/statistics.js";
import { prepareUpload } from "/static/upload.js";

let open = { chat: null, streams: new AbortController() };
let categories = [];
let entriesCursor = null;

start();

function start() {
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    keepToken(given);
    history.replaceState(null, "", location.pathname);
  }
  onSubmit("login", signIn);
  prepareUpload(attempt, showUploaded);
  onClick("logout", signOut);
  onClick("delete", deleteChat);
  onClick("csv", downloadStatement);
  onClick("more-entries", moreEntries);
  if (hasToken()) attempt(enter);
}

function onClick(id, action) {
  byId(id).addEventListener("click", () => attempt(action));
}

function onSubmit(id, action) {
  byId(id).addEventListener("submit", (event) => {
    event.preventDefault();
    attempt(action);
  });
}

/** Runs an action and tells what went wrong. */
async function attempt(action) {
  byId("notice").hidden = true;
  try {
    await action();
  } catch (error) {
    if (error instanceof Refused && error.code === "unauthorized") signOut();
    tell(error);
  }
}

function tell(error) {
  const notice = byId("notice");
  const details = (error.errors ?? []).map((one) => `${one.field} ${one.message}`);
  if (error.code === "insufficient_coins") details.push(`${error.available} of ${error.required} coins`);
  notice.textContent = [error.message, ...details].join(" · ");
  notice.hidden = false;
  notice.scrollIntoView({ block: "nearest" });
}

async function signIn() {
  keepToken(byId("token").value);
  byId("token").value = "";
  await enter();
}

async function enter() {
  await showAccount();
  categories = (await read("/api/categories")).items;
  for (const [id, hidden] of [["login", true], ["welcome", true], ["account", false], ["desk", false]]) {
    byId(id).hidden = hidden;
  }
  await listChats();
}

function signOut() {
  keepToken("");
  open.streams.abort();
  location.reload();
}

async function showAccount() {
  const balance = await read("/api/credits");
  byId("balance").textContent = `${count(balance.available)} coins`
    + (balance.held ? ` · ${count(balance.held)} held` : "");
  const page = await read("/api/credits/entries");
  byId("entries").replaceChildren(...page.items.map(entryRow));
  keepCursor(page.next_cursor);
}

async function moreEntries() {
  const page = await read(`/api/credits/entries?cursor=${encodeURIComponent(entriesCursor)}`);
  byId("entries").append(...page.items.map(entryRow));
  keepCursor(page.next_cursor);
}

function keepCursor(cursor) {
  entriesCursor = cursor;
  byId("more-entries").hidden = cursor === null;
}

function entryRow(entry) {
  const reason = entry.reason ? ` (${entry.reason})` : "";
  const cells = [entry.seq, moment(entry.at), `${entry.kind}${reason}`];
  const numbers = [entry.amount, entry.available_after, entry.held_after];
  return element("tr", {},
    cells.map((cell) => element("td", {}, String(cell))),
    numbers.map((number) => element("td", { class: "number" }, count(number))));
}

async function downloadStatement() {
  const reply = await call("GET", "/api/credits/entries.csv");
  const address = URL.createObjectURL(await reply.blob());
  element("a", { href: address, download: "sixfold-entries.csv" }).click();
  URL.revokeObjectURL(address);
}

async function showUploaded(chat) {
  await listChats();
  await showChat(chat);
}

async function listChats() {
  const { items } = await read("/api/chats?limit=100");
  const rows = items.map((chat) => element("li", {}, element("button", {
    type: "button",
    "data-chat": chat.id,
    onclick: () => attempt(async () => showChat(await read(`/api/chats/${chat.id}`))),
  }, chat.unreadable ? "Unreadable chat" : chat.title, element("small", {}, `${count(chat.message_count)} messages · ${day(chat.created_at)}`))));
  byId("chats").replaceChildren(...(rows.length ? rows : [element("li", { class: "quiet" }, "None yet.")]));
}

async function showChat(chat) {
  open.streams.abort();
  open = { chat, streams: new AbortController() };
  byId("chat").hidden = false;
  for (const button of document.querySelectorAll("[data-chat]")) {
    button.setAttribute("aria-current", String(button.dataset.chat === chat.id));
  }
  byId("chat-title").textContent = chat.title;
  byId("statistics").replaceChildren(...statistics(chat));
  byId("categories").replaceChildren(...categories.map(categoryCard));
  byId("jobs").replaceChildren();
  byId("chat").scrollIntoView({ behavior: "smooth" });
  const { items } = await read("/api/insights/jobs?limit=100");
  const ofChat = items.filter((job) => job.chat_id === chat.id);
  for (const job of ofChat.reverse()) showJob(job);
}

function categoryCard(category) {
  return element("article", { class: "card" },
    element("h3", {}, category.title),
    element("ul", {}, category.insights.map((one) => element("li", { title: one.description }, one.title))),
    element("button", { type: "button", onclick: () => attempt(() => buy(category)) },
      `Unlock for ${count(category.price_coins)} coins`));
}

async function buy(category) {
  const { job_id: id } = await unlock(open.chat.id, category.key, category.price_coins);
  showJob(await read(`/api/insights/jobs/${id}`)).scrollIntoView({ behavior: "smooth" });
  await showAccount();
}

/** Shows a job, newest on top, and follows it while it is under way. */
function showJob(job) {
  const { signal } = open.streams;
  const title = categories.find((one) => one.key === job.category)?.title ?? job.category;
  const card = jobCard({
    jobId: job.job_id,
    title,
    onCancel: (current) => attempt(async () => {
      await call("POST", `/api/insights/jobs/${current.job_id}/cancel`);
    }),
  });
  card.show(job);
  byId("jobs").prepend(card.root);
  if (job.finished_at === null) {
    follow(job.job_id, card.show, signal).then(showAccount).catch(tell);
  }
  return card.root;
}

async function deleteChat() {
  if (!confirm("Delete this chat and its insights for good? The statement stays.")) return;
  await call("DELETE", `/api/chats/${open.chat.id}`);
  open.streams.abort();
  open = { chat: null, streams: new AbortController() };
  byId("chat").hidden = true;
  await Promise.all([listChats(), showAccount()]);
}
