// The account: what is kept, and how to take it away or have it deleted.

import { Button } from "../app/acting.js";
import { call, keepToken, Refused } from "../app/api.js";
import { html, useEffect } from "../app/html.js";
import { signOut, user } from "../app/session.js";
import { title } from "../app/store.js";
import { t } from "../app/words.js";
import { Dialog } from "./dialog.js";
import { offer } from "./share.js";

export default function Account() {
  useEffect(() => { title.value = t("account.title"); }, []);
  return html`<h1>${t("account.title")}</h1>
    <section class="card"><p>${t("account.as")} <bdi><b>${user.value}</b></bdi></p>
      <button type="button" class="plain" onClick=${signOut}>${t("sign_out")}</button></section>
    <section class="card"><h2>${t("account.export")}</h2><p>${t("account.export.means")}</p>
      <${Button} class="plain" action=${takeAway}>${t("account.export")}<//></section>
    <section class="card danger-zone"><h2>${t("account.delete")}</h2><p>${t("account.delete.means")}</p>
      <${Dialog} opens=${t("account.delete")} title=${t("account.delete.sure")} kind="danger">
        ${(close) => html`<p>${t("account.delete.means")}</p><div class="row">
          <${Button} class="danger" action=${forget}>${t("account.delete.now")}<//>
          <button type="button" class="plain" data-first onClick=${close}>${t("keep")}</button></div>`}<//></section>`;
}

async function takeAway() {
  const reply = await known(call("GET", "/api/me/export"));
  const name = reply.headers.get("content-disposition")?.match(/filename="([^"]+)"/)?.[1];
  offer(await reply.blob(), name ?? "sixfold-export.json");
}

async function forget() {
  await known(call("DELETE", "/api/me"));
  keepToken("");
}

/** Servers that do not do this by themselves say so in words. */
async function known(reply) {
  try {
    return await reply;
  } catch (error) {
    if (error instanceof Refused && [404, 405].includes(error.status)) throw new Refused({ code: "not_offered" }, error.status);
    throw error;
  }
}
