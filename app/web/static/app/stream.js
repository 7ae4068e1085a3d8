// Following a job: its events, read with fetch since EventSource cannot send a token.

import { call, REACHED, read, Refused } from "./api.js";
import { signal } from "./html.js";

const WAITS_MS = [500, 1000, 2000, 4000, 8000];
const SILENCE_MS_MAX = 20_000; // The server says something every 15 s.
const ANSWER_MS_MAX = 8_000; // Of what a server can say at once.
const FINAL = new Set(["not_found", "unauthorized", "forbidden", "job_unreadable"]);
const ENDED = new Set(["succeeded", "failed", "cancelled", "expired"]);

export const hasEnded = (job) => ENDED.has(job.state);

/** Whether a stream is cut off just now. */
export const isReconnecting = signal(false);

const cut = new Set();
const tellCut = (jobId, is) => {
  if (is) cut.add(jobId);
  else cut.delete(jobId);
  isReconnecting.value = cut.size > 0;
};

/** Calls `show` with each snapshot until the job has ended, however often the connection breaks. */
export async function follow(jobId, show, given) {
  let version = null;
  let failures = 0;
  const seen = (snapshot) => {
    failures = 0;
    tellCut(jobId, false);
    show(snapshot);
    return hasEnded(snapshot);
  };
  try {
    while (!given.aborted) {
      try {
        if (failures && seen(await read(`/api/insights/jobs/${jobId}`, { signal: given, answerMs: ANSWER_MS_MAX }))) return;
        for await (const event of listen(jobId, version, given)) {
          if (event.name === "problem") throw new Refused(JSON.parse(event.data));
          version = event.id ?? version;
          if (seen(JSON.parse(event.data))) return;
        }
      } catch (error) {
        if (given.aborted) return;
        if (error instanceof Refused && FINAL.has(error.code)) throw error;
      }
      if (failures) tellCut(jobId, true);
      await pause(WAITS_MS[Math.min(failures, WAITS_MS.length - 1)], given);
      failures += 1;
    }
  } finally {
    tellCut(jobId, false);
  }
}

/** The events of one connection, which is cut when nothing comes any more, or the network is gone. */
async function* listen(jobId, version, given) {
  const own = new AbortController();
  const stop = () => own.abort();
  given.addEventListener("abort", stop, { once: true });
  addEventListener("offline", stop);
  let watch = setTimeout(stop, SILENCE_MS_MAX);
  const alive = () => {
    clearTimeout(watch);
    watch = setTimeout(stop, SILENCE_MS_MAX);
  };
  try {
    const headers = version === null ? {} : { "last-event-id": version };
    const path = `/api/insights/jobs/${jobId}/events`;
    const reply = await call("GET", path, { headers, signal: own.signal });
    if (reply.status === 204) {
      yield { data: JSON.stringify(await read(`/api/insights/jobs/${jobId}`)) };
      return;
    }
    yield* events(reply.body, alive);
  } finally {
    clearTimeout(watch);
    given.removeEventListener("abort", stop);
    removeEventListener("offline", stop);
    own.abort();
  }
}

/** The events of a stream (WHATWG HTML §9.2): `id`, `name` and `data`. */
async function* events(body, alive) {
  let event = {};
  let rest = "";
  for await (const chunk of chunks(body.pipeThrough(new TextDecoderStream()))) {
    alive();
    const lines = (rest + chunk).split(/\r\n|\n|\r/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (event.data !== undefined) yield event;
        event = {};
      } else if (!line.startsWith(":")) {
        const [, field, value] = line.match(/^([^:]*):? ?(.*)$/);
        if (field === "data" && event.data) event.data += `\n${value}`;
        else event[field === "event" ? "name" : field] = value;
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
    reader.cancel().catch(() => {});
  }
}

/** A wait that ends early when the page is looked at again, or the network or the API is back. */
function pause(ms, given) {
  return new Promise((resolve) => {
    const looked = () => document.visibilityState === "visible" && done();
    const timer = setTimeout(done, ms);
    function done() {
      clearTimeout(timer);
      removeEventListener("online", done);
      removeEventListener(REACHED, done);
      document.removeEventListener("visibilitychange", looked);
      given.removeEventListener("abort", done);
      resolve();
    }
    addEventListener("online", done);
    addEventListener(REACHED, done);
    document.addEventListener("visibilitychange", looked);
    given.addEventListener("abort", done);
  });
}
