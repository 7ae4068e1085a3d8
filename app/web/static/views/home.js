// Where a signed-in user begins: upload a chat.

import { html, useEffect } from "../app/html.js";
import { go, path } from "../app/router.js";
import { chats, readChats, title } from "../app/store.js";
import { t } from "../app/words.js";
import { ExportSteps } from "./export-steps.js";
import { Upload } from "./upload.js";

export default function Home() {
  useEffect(() => { title.value = t("chats.new"); }, []);
  const show = async (chat) => {
    await readChats();
    go(path("chats", chat.id));
  };
  return html`<h1>${chats.value?.length ? t("upload.title") : t("upload.first")}</h1>
    <p class="quiet">${t("upload.private")}</p>
    <${Upload} address="/api/chats" done=${show} />
    <section><h2>${t("export.title")}</h2><${ExportSteps} /></section>`;
}
