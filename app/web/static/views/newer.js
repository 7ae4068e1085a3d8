// A newer export of a chat: what it adds.

import { html, useState } from "../app/html.js";
import { readChats, readWorth } from "../app/store.js";
import { t } from "../app/words.js";
import { Upload } from "./upload.js";

export function Newer({ chat, setChat }) {
  const [changes, setChanges] = useState(null);
  const done = async (revision) => {
    setChanges(revision.changes);
    setChat(revision);
    await Promise.all([readChats(), readWorth(chat.id)]);
  };
  return html`<section class="card newer"><h2>${t("newer.title")}</h2><p class="quiet">${t("newer.text")}</p>
    <${Upload} address=${`/api/chats/${chat.id}/revisions`} done=${done} isNewer=${true} />
    <p role="status" id="changes">${changes ? said(changes) : ""}</p></section>`;
}

function said(changes) {
  if (!changes.added && !changes.changed) return t("newer.nothing");
  return [t("newer.added", { n: changes.added }), changes.changed ? t("newer.changed", { n: changes.changed }) : null]
    .filter(Boolean).join(" ");
}
