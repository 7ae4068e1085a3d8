// What was sent to a provider of models for a job: asked for when somebody wants to see it.

import { read } from "/static/api.js";
import { element, moment } from "/static/dom.js";

const NAMES = { system: "Rules", user: "Chat and question", assistant: "The model's own answer" };

/** A closed disclosure; it looks anew each time it is opened. */
export function sentDisclosure(jobId, titleOf) {
  const place = element("div");
  const root = element("details", { class: "sent" },
    element("summary", { class: "quiet" }, "What was sent"), place);
  root.addEventListener("toggle", () => {
    if (!root.open) return;
    place.replaceChildren();
    showMore(place, `/api/insights/jobs/${jobId}/sent`, "", titleOf);
  });
  return root;
}

async function showMore(place, path, query, titleOf) {
  const note = element("p", { class: "quiet" }, "Looking up …");
  place.append(note);
  try {
    const page = await read(path + query);
    note.remove();
    if (!query) place.append(element("p", { class: "quiet" }, summaryOf(page)));
    place.append(...page.items.map((prompt) => promptItem(prompt, titleOf)));
    if (page.next_cursor) place.append(moreButton(place, path, page.next_cursor, titleOf));
  } catch (error) {
    note.textContent = error.message;
  }
}

function summaryOf(page) {
  if (page.content_deleted) return "The chat was deleted, and with it what was sent about it.";
  if (page.provider === null) return "Nothing was sent to anybody.";
  return `Sent to ${page.provider}, word for word. Names and numbers of people were replaced before.`;
}

function promptItem(prompt, titleOf) {
  const call = prompt.call === 1 ? "" : `, call ${prompt.call}`;
  return element("details", {},
    element("summary", {}, `${titleOf(prompt.insight)}${call} · ${prompt.model} · ${moment(prompt.sent_at)}`),
    prompt.messages.map((message) => [
      element("p", { class: "quiet" }, NAMES[message.role] ?? message.role),
      element("pre", {}, message.content),
    ]));
}

function moreButton(place, path, cursor, titleOf) {
  const button = element("button", {
    class: "plain", type: "button",
    onclick: () => {
      button.remove();
      showMore(place, path, `?cursor=${encodeURIComponent(cursor)}`, titleOf);
    },
  }, "More");
  return button;
}
