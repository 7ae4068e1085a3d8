// What the views show, as signals; read from the API and kept current.

import { call, read, readAll, readIfKnown, Refused, token, unlock } from "./api.js";
import { batch, computed, effect, signal } from "./html.js";
import { askWho } from "./session.js";
import { go, path } from "./router.js";
import { follow, hasEnded } from "./stream.js";
import { t } from "./words.js";

export const balance = signal(null);
export const chats = signal(null);
export const categories = signal([]);
/** Snapshots by id. */
export const jobs = signal(new Map());
/** What a chat has to say by category, by chat; null where the server does not tell. */
export const worth = signal(new Map());
/** Jobs that were seen to succeed in this visit: their cards turn over. */
export const revealed = signal(new Set());

const streams = new Map();

export const activeJobs = computed(() => [...jobs.value.values()].filter((job) => !hasEnded(job)));
/** Insights that are written, or of which it is known that there is nothing to write. */
export const readyOf = (job) => job.progress.completed + (job.progress.empty ?? 0);
/** Insights ready, of all under way, for the title. */
export const ready = computed(() => activeJobs.value.reduce(
  (sum, job) => ({ done: sum.done + readyOf(job), total: sum.total + job.progress.total }),
  { done: 0, total: 0 }));

/** Reads what every view needs; again when somebody else signs in. */
export async function enter() {
  await Promise.all([askWho(), readBalance(), readCategories(), readChats(), readJobs()]);
}

export function leave() {
  for (const stream of streams.values()) stream.abort();
  streams.clear();
  batch(() => {
    balance.value = chats.value = null;
    jobs.value = new Map();
    worth.value = new Map();
    revealed.value = new Set();
  });
}

export async function readBalance() { balance.value = await read("/api/credits"); }
async function readCategories() { categories.value = (await read("/api/categories")).items; }
export async function readChats() { chats.value = await readAll("/api/chats"); }

async function readJobs() {
  const { items } = await read("/api/insights/jobs?limit=100");
  keepJobs(items);
}

/** Jobs of a chat, however old: what was unlocked beside what is under way. */
export async function readJobsOf(chatId) {
  keepJobs((await readAll(`/api/chats/${chatId}/insights`)));
}

export async function readWorth(chatId) {
  const told = await readIfKnown(`/api/chats/${chatId}/categories`);
  worth.value = new Map(worth.value).set(chatId, told?.items ?? null);
}

export async function readJob(jobId) {
  keepJobs([await read(`/api/insights/jobs/${jobId}`)]);
}

/** Keeps what is newer than what is there, and follows what is under way. */
export function keepJobs(snapshots) {
  const before = jobs.value;
  const after = new Map(before);
  for (const job of snapshots) {
    const known = before.get(job.job_id);
    if (!known || job.version >= known.version) after.set(job.job_id, job);
    if (known && !hasEnded(known) && job.state === "succeeded") reveal(job);
    if (hasEnded(after.get(job.job_id))) continue;
    watch(job.job_id);
  }
  jobs.value = after;
}

/** What has just been charged is owned, before the server is asked what can be bought now. */
function reveal({ job_id: jobId, chat_id: chatId, category }) {
  revealed.value = new Set(revealed.value).add(jobId);
  const told = worth.value.get(chatId)?.map((one) => (one.category === category ? { ...one, owned: true } : one));
  if (told) worth.value = new Map(worth.value).set(chatId, told);
}

/** Cards turn over once: not again when the reader comes back. */
export function turned(jobId) {
  const left = new Set(revealed.value);
  if (left.delete(jobId)) revealed.value = left;
}

function watch(jobId) {
  if (streams.has(jobId)) return;
  const stream = new AbortController();
  streams.set(jobId, stream);
  follow(jobId, (snapshot) => keepJobs([snapshot]), stream.signal)
    .then(() => { if (!stream.signal.aborted) return settled(jobId); })
    .catch(() => {}) // The job is gone, or the token: the views of both say so.
    .finally(() => { if (streams.get(jobId) === stream) streams.delete(jobId); });
}

async function settled(jobId) {
  tell(jobs.value.get(jobId));
  await Promise.allSettled([readBalance(), jobs.value.get(jobId) && readWorth(jobs.value.get(jobId).chat_id)]);
}

/** Says that a job has ended to a reader who looks elsewhere and wants to know. */
function tell(job) {
  if (!job || job.state === "cancelled" || document.visibilityState === "visible") return;
  if (globalThis.Notification?.permission !== "granted") return;
  const kind = job.state === "succeeded" ? "" : ".failed";
  try {
    const shown = new Notification(t(`watch.notification.title${kind}`), { body: t(`watch.notification.body${kind}`), tag: job.job_id });
    shown.onclick = () => {
      focus();
      go(path("jobs", job.job_id));
      shown.close();
    };
  } catch {
    // Phones show those of a service worker only.
  }
}

/** Unlocks a category and shows its job; the job's id, also of one that was there already. */
export async function buy(chatId, category) {
  try {
    const told = await unlock(chatId, category.key, category.price_coins);
    await Promise.all([readJob(told.job_id), readBalance()]);
    return told.job_id;
  } catch (error) {
    if (error instanceof Refused && error.job_id) {
      await readJob(error.job_id);
      return error.job_id;
    }
    if (error.code === "price_changed") await readCategories();
    throw error;
  }
}

export async function cancel(jobId) {
  keepJobs([await (await call("POST", `/api/insights/jobs/${jobId}/cancel`)).json()]);
  await readBalance();
}

/** Says what the user thinks of a finding; `verdict` null takes it back. */
export async function judge(jobId, given) {
  const path = `/api/insights/jobs/${jobId}/feedback`;
  keepJobs([await (await call("POST", path, { json: given })).json()]);
}

export async function forgetChat(chatId) {
  await call("DELETE", `/api/chats/${chatId}`);
  await Promise.all([readChats(), readBalance()]);
  await Promise.allSettled([...jobs.value.values()].filter((job) => job.chat_id === chatId)
    .map((job) => readJob(job.job_id)));
}

/** What a page that was asleep may have missed. */
async function catchUp() {
  if (document.visibilityState !== "visible" || !token.value) return;
  await Promise.allSettled([
    readBalance(), ...activeJobs.value.map((job) => readJob(job.job_id)),
  ]);
}

export function keepCurrent() {
  document.addEventListener("visibilitychange", catchUp);
  addEventListener("online", catchUp);
  effect(() => {
    const { done, total } = ready.value;
    const name = title.value ? `${title.value} · Sixfold` : "Sixfold";
    document.title = total ? `(${done}/${total}) ${name}` : name;
  });
}

export const title = signal("");
