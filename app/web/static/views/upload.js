// The upload form: one file, the questions that it leaves open, and archives without their media.

import { Failure } from "../app/acting.js";
import { call } from "../app/api.js";
import { html, useRef, useState } from "../app/html.js";
import { inWords } from "../app/refusals.js";
import { longDay, t } from "../app/words.js";
import { withoutMedia } from "./archive.js";

const ORDERS = ["dmy", "mdy", "ymd"];
const ACCEPTED = ".txt,.zip,.json,.jsonl,.csv,.xml,.md,.html";
const zoneHere = () => Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";

/** `done` gets the answer to the upload; a newer export is read in the zone of its chat. */
export function Upload({ address, done, isNewer = false }) {
  const [file, setFile] = useState(null);
  const [order, setOrder] = useState("");
  const [answers, setAnswers] = useState({}); // To the questions that this file left open.
  const [zone, setZone] = useState(isNewer ? "" : zoneHere);
  const [state, set] = useState({ busy: false, failure: "", question: null });
  const [isOver, setOver] = useState(false);
  const input = useRef(null);

  const choose = (chosen) => {
    setFile(chosen ?? null);
    setAnswers({});
    set({ busy: false, failure: "", question: null });
    if (chosen) start(chosen, {});
  };
  const start = async (chosen, given) => {
    set({ busy: true, failure: "", question: null });
    try {
      const answer = await send(address, chosen, { date_order: order, ...given, timezone: zone });
      setFile(null);
      setAnswers({});
      input.current.value = "";
      set({ busy: false, failure: "", question: null });
      await done(answer);
    } catch (error) {
      const question = questionOf(error);
      set({ busy: false, failure: question ? "" : inWords(error, { file: chosen }), question });
    }
  };
  const answer = (given) => {
    const all = { ...answers, ...given };
    setAnswers(all);
    start(file, all);
  };
  const hover = (is) => (event) => { event.preventDefault(); setOver(is); };
  const drop = (event) => {
    hover(false)(event);
    choose(event.dataTransfer.files[0]);
  };

  return html`<form class="card upload" onSubmit=${(event) => event.preventDefault()}
    onDragOver=${hover(true)} onDragLeave=${hover(false)} onDrop=${drop}>
    <label class="file ${isOver ? "over" : ""}" aria-busy=${state.busy}>
      <input id="file" type="file" accept=${ACCEPTED} ref=${input} onChange=${(event) => choose(event.target.files[0])} />
      <svg viewBox="0 0 24 24" aria-hidden="true"><path d="M12 16V4m0 0 5 5m-5-5L7 9M4 16v3a1 1 0 0 0 1 1h14a1 1 0 0 0 1-1v-3" /></svg>
      <span id="file-name">${file ? html`<bdi>${file.name}</bdi>` : t(isNewer ? "upload.prompt.newer" : "upload.prompt")}</span>
      <small class="quiet">${state.busy ? t("upload.reading") : t("upload.kinds")}</small>
    </label>
    <progress class=${state.busy ? "" : "unseen"} aria-label=${t("upload.reading")} aria-hidden=${!state.busy}></progress>
    <${Failure} text=${state.failure} />
    <div id="questions" aria-live="polite">${state.question && html`<${Question} ...${state.question} answer=${answer} />`}</div>
    ${file && state.failure ? html`<button type="button" id="upload-again" onClick=${() => start(file, answers)}>${t("again")}</button>` : null}
    <details class="more"><summary>${t("upload.more")}</summary><div class="row">
      <label>${t("upload.dates")} <select id="date-order" value=${order}
        onChange=${(event) => setOrder(event.target.value)}>
        <option value="">${t("upload.dates.auto")}</option>
        ${ORDERS.map((order) => html`<option key=${order} value=${order}>${t(`upload.dates.${order}`)}</option>`)}
      </select></label>
      <label>${t("upload.zone")} <input id="timezone" autocomplete="off" value=${zone} placeholder=${isNewer ? t("upload.zone.same") : ""}
        onInput=${(event) => setZone(event.target.value)} /></label>
    </div></details>
  </form>`;
}

function Question({ text, options, answer }) {
  return html`<h3>${text}</h3><ul class="options">${options.map((option, n) => html`<li key=${n}>
    <button type="button" class="plain" onClick=${() => answer(option.given)}><bdi>${option.title}</bdi>
      ${option.detail ? html`<small><bdi>${option.detail}</bdi></small>` : null}</button></li>`)}</ul>`;
}

/** What a refusal leaves to ask; null where it leaves nothing. */
function questionOf(error) {
  if (error.code === "ambiguous_dates" && error.readings?.length) {
    return { text: t("upload.ask.dates"), options: error.readings.map((reading) => ({
      title: reading.line_at ? longDay(reading.line_at) : t(`upload.dates.${reading.date_order}`),
      detail: reading.line,
      given: { date_order: reading.date_order },
    })) };
  }
  if (error.code === "several_chats" && error.chats?.length) {
    return { text: t("upload.ask.chat"), options: error.chats.map((chat) => ({
      title: chat.title,
      detail: chat.messages === null ? null : t("messages", { n: chat.messages }),
      given: { chat: chat.chat },
    })) };
  }
  return null;
}

/** The answer to the upload; of an archive only what may be the chat leaves this machine. */
async function send(address, file, answers) {
  return post(address, await withoutMedia(file, answers.chat) ?? file, answers);
}

async function post(address, file, answers) {
  const form = new FormData();
  form.append("file", file);
  for (const [name, answer] of Object.entries(answers)) if (answer) form.append(name, answer);
  return (await call("POST", address, { form })).json();
}
