// Talking to the API: one token, refusals as exceptions.

import { signal } from "./html.js";

const KEPT = "sixfold.token";

export const token = signal(localStorage.getItem(KEPT) ?? "");

/** Why nobody is signed in any more, if somebody was: "expired" or "". */
export const ended = signal("");

export function keepToken(given) {
  const kept = given.trim();
  if (kept) localStorage.setItem(KEPT, kept);
  else localStorage.removeItem(KEPT);
  token.value = kept;
  if (kept) ended.value = "";
}

// Signing in or out in one tab is told to the others.
addEventListener("storage", (event) => {
  if (event.key === KEPT || event.key === null) token.value = localStorage.getItem(KEPT) ?? "";
});

/** A refusal of the API: `code`, and its facts. */
export class Refused extends Error {
  constructor(problem, status) {
    super(problem.code);
    Object.assign(this, problem, { status });
  }
}

/** The server could not be asked. */
export class Away extends Error {}

/** The event of the window when the API has answered. */
export const REACHED = "reached";

const ANSWER_MS_MAX = 60_000; // Of a network that has gone away, no word may ever come.

/** The reply; `answerMs` is how long it may take to begin. A file may take as long as it takes. */
export async function call(method, path, { json, form, headers = {}, signal, answerMs = ANSWER_MS_MAX } = {}) {
  const used = token.value;
  const own = new AbortController();
  const stop = () => own.abort();
  if (signal?.aborted) stop();
  signal?.addEventListener("abort", stop, { once: true });
  const patience = form ? null : setTimeout(stop, answerMs);
  const reply = await fetch(path, {
    method,
    signal: own.signal,
    headers: {
      ...(used ? { authorization: `Bearer ${used}` } : {}),
      ...(json ? { "content-type": "application/json" } : {}),
      ...headers,
    },
    body: json ? JSON.stringify(json) : form,
  }).catch((error) => {
    throw signal?.aborted ? error : new Away(error.message);
  }).finally(() => clearTimeout(patience));
  if (reply.ok) {
    dispatchEvent(new Event(REACHED));
    return reply;
  }
  const problem = await reply.json().catch(() => ({ code: "unreadable" }));
  if (reply.status === 401 && used && used === token.value) {
    keepToken("");
    ended.value = "expired";
  }
  throw new Refused(problem, reply.status);
}

export const read = async (path, options) => (await call("GET", path, options)).json();

/** What is there, or null where this server does not have such a thing. */
export async function readIfKnown(path) {
  try {
    return await read(path);
  } catch (error) {
    if (error instanceof Refused && (error.status === 404 || error.status === 405)) return null;
    throw error;
  }
}

/** All items of a list that comes in pages. */
export async function readAll(path, { pages = 20 } = {}) {
  const items = [];
  let cursor = "";
  for (let page = 0; page < pages && cursor !== null; page += 1) {
    const more = cursor && `&cursor=${encodeURIComponent(cursor)}`;
    const found = await read(`${path}${path.includes("?") ? "&" : "?"}limit=100${more}`);
    items.push(...found.items);
    cursor = found.next_cursor;
  }
  return items;
}

const keys = new Map();
const underWay = new Map();

/** Unlocks once: asked twice at one moment it is one order, and an order whose answer was lost is
 * repeated with its key. */
export function unlock(chatId, category, priceCoins) {
  const order = `${chatId} ${category}`;
  if (!underWay.has(order)) {
    underWay.set(order, send(order, chatId, category, priceCoins)
      .finally(() => underWay.delete(order)));
  }
  return underWay.get(order);
}

async function send(order, chatId, category, priceCoins) {
  if (!keys.has(order)) keys.set(order, newKey());
  const reply = await call("POST", "/api/insights/unlock", {
    json: { chat_id: chatId, category, price_coins: priceCoins },
    headers: { "idempotency-key": keys.get(order) },
  }).catch((error) => {
    if (error instanceof Refused && error.code !== "unavailable") keys.delete(order);
    throw error;
  });
  keys.delete(order);
  return reply.json();
}

function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
