// Talking to the API: one token, problems as exceptions, streams over fetch.

const RECONNECT_MS = [500, 1000, 2000, 4000, 8000];
const FINAL = new Set(["not_found", "unauthorized"]);
const TERMINAL = new Set(["succeeded", "failed", "cancelled", "expired"]);

let token = sessionStorage.getItem("token") ?? "";

export const hasToken = () => token !== "";

export function keepToken(given) {
  token = given.trim();
  if (token) sessionStorage.setItem("token", token);
  else sessionStorage.removeItem("token");
}

/** A refusal of the API: `code`, `detail`, and its facts. */
export class Refused extends Error {
  constructor(problem) {
    super(problem.detail);
    Object.assign(this, problem);
  }
}

export async function call(method, path, { json, form, headers = {}, signal } = {}) {
  const reply = await fetch(path, {
    method,
    signal,
    headers: {
      authorization: `Bearer ${token}`,
      ...(json ? { "content-type": "application/json" } : {}),
      ...headers,
    },
    body: json ? JSON.stringify(json) : form,
  });
  if (!reply.ok) {
    const unreadable = { code: "unreadable", detail: `The server answered ${reply.status}.` };
    throw new Refused(await reply.json().catch(() => unreadable));
  }
  return reply;
}

export const read = async (path) => (await call("GET", path)).json();

const keys = new Map();

/** Unlocks once, also when the answer to an earlier try was lost: it repeats its key. */
export async function unlock(chatId, category, priceCoins) {
  const order = `${chatId} ${category}`;
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

/** Calls `show` with each snapshot until the job has ended; reconnects where it was. */
export async function follow(job, show, signal) {
  let version = null;
  let failures = 0;
  while (failures <= RECONNECT_MS.length) {
    try {
      const headers = version === null ? {} : { "last-event-id": version };
      const reply = await call("GET", `/api/insights/jobs/${job}/events`, { headers, signal });
      if (reply.status === 204) return;
      for await (const event of events(reply.body)) {
        failures = 0;
        version = event.id;
        const snapshot = JSON.parse(event.data);
        show(snapshot);
        if (TERMINAL.has(snapshot.state)) return;
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof Refused && FINAL.has(error.code)) throw error;
    }
    const wait = RECONNECT_MS[Math.min(failures, RECONNECT_MS.length - 1)];
    await new Promise((resolve) => setTimeout(resolve, wait));
    failures += 1;
  }
}

/** The events of a stream (WHATWG HTML §9.2): `id`, `event` and `data`. */
async function* events(body) {
  let event = {};
  let rest = "";
  for await (const chunk of chunks(body.pipeThrough(new TextDecoderStream()))) {
    const lines = (rest + chunk).split(/\r\n|\n|\r/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (event.data !== undefined) yield event;
        event = {};
      } else if (!line.startsWith(":")) {
        const [, field, value] = line.match(/^([^:]*):? ?(.*)$/);
        event[field] = field === "data" && event.data ? `${event.data}\n${value}` : value;
      }
    }
  }
}

// Safari has no async iteration over streams.
async function* chunks(stream) {
  const reader = stream.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
  } finally {
    await reader.cancel();
  }
}
