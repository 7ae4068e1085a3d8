// The upload form: one file, the questions that it leaves open, and archives without their media.

import { call, Refused } from "/static/api.js";
import { withoutMedia } from "/static/archive.js";
import { byId, count, dayOf, element } from "/static/dom.js";

const WHOLE_BYTES_MAX = 4 << 20; // A larger archive is sent without its media at once.
const ORDERS = { dmy: "day, month, year", mdy: "month, day, year", ymd: "year, month, day" };
const PROMPT = "Choose or drop an exported chat";

/** Makes the form work; `attempt` runs an action and tells its failure, `show` gets a new chat. */
export function prepareUpload(attempt, show) {
  const form = byId("upload");
  const start = (answers) => attempt(() => upload(answers, show, start));
  setTimezone();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    start({ date_order: byId("date-order").value });
  });
  byId("file").addEventListener("change", nameFile);
  takeDroppedFiles(form);
}

function setTimezone() {
  byId("timezone").value = Intl.DateTimeFormat().resolvedOptions().timeZone ?? "UTC";
}

function nameFile() {
  const [file] = byId("file").files;
  byId("file-name").textContent = file ? file.name : PROMPT;
  byId("questions").replaceChildren();
}

function takeDroppedFiles(form) {
  const hover = (on) => (event) => {
    event.preventDefault();
    form.classList.toggle("over", on);
  };
  form.addEventListener("dragover", hover(true));
  form.addEventListener("dragleave", hover(false));
  form.addEventListener("drop", (event) => {
    hover(false)(event);
    byId("file").files = event.dataTransfer.files;
    nameFile();
  });
}

/** Uploads the chosen file with what the user answered about it, or asks what it leaves open. */
async function upload(answers, show, again) {
  const [file] = byId("file").files;
  const button = byId("upload-button");
  byId("questions").replaceChildren();
  button.disabled = true;
  button.textContent = "Reading …";
  try {
    const chat = await send(file, answers);
    byId("upload").reset();
    setTimezone();
    nameFile();
    await show(chat);
  } catch (error) {
    const question = questionOf(error, (answer) => again({ ...answers, ...answer }));
    if (question === null) throw isTooLarge(error) ? new Error(tooLarge(file, error)) : error;
    byId("questions").replaceChildren(...question);
    byId("questions").scrollIntoView({ block: "nearest" });
  } finally {
    button.disabled = false;
    button.textContent = "Upload";
  }
}

/** The new chat; of a large archive only what may be the chat leaves this machine. */
async function send(file, answers) {
  const light = file.size > WHOLE_BYTES_MAX ? await withoutMedia(file, answers.chat) : null;
  try {
    return await post(light ?? file, answers);
  } catch (error) {
    const smaller = isTooLarge(error) && light === null ? await withoutMedia(file, answers.chat) : null;
    if (smaller === null) throw error;
    return post(smaller, answers);
  }
}

async function post(file, answers) {
  const form = new FormData();
  form.append("file", file);
  form.append("timezone", byId("timezone").value);
  for (const [name, answer] of Object.entries(answers)) form.append(name, answer);
  return (await call("POST", "/api/chats", { form })).json();
}

/** The server takes no file of this size; it may hang up before it has read all of one. */
const isTooLarge = (error) =>
  (error instanceof Refused ? error.bytes_max !== undefined : error instanceof TypeError);

function tooLarge(file, error) {
  const isArchive = file.name.toLowerCase().endsWith(".zip");
  const advice = isArchive ? "Export the chat again, without media." : "Export a shorter time.";
  if (!(error instanceof Refused)) {
    return `The upload did not get through. The server is away, or the file is too large. ${advice}`;
  }
  const megabytes = count(Math.max(1, Math.floor(error.bytes_max / 1e6)));
  return `This file is larger than what can be uploaded, ${megabytes} MB. ${advice}`;
}

/** What to ask, with a button for each answer; null for a refusal that leaves nothing to ask. */
function questionOf(error, answer) {
  if (error.code === "ambiguous_dates" && error.readings?.length) {
    return choice("When was this written?", error.readings.map((reading) => ({
      title: reading.line_at ? dayOf(reading.line_at) : ORDERS[reading.date_order],
      detail: reading.line,
      onclick: () => answer({ date_order: reading.date_order }),
    })));
  }
  if (error.code === "several_chats" && error.chats?.length) {
    return choice("There are several chats in this file. Which one is it?", error.chats.map((chat) => ({
      title: chat.title,
      detail: chat.messages === null ? null : `${count(chat.messages)} messages`,
      onclick: () => answer({ chat: chat.chat }),
    })));
  }
  return null;
}

function choice(question, options) {
  return [
    element("h3", {}, question),
    element("ul", { class: "chats" }, options.map(({ title, detail, onclick }) => element("li", {},
      element("button", { type: "button", onclick }, title,
        detail === null ? null : element("small", {}, detail))))),
  ];
}
