// The console: which view an address names, and who may see it.

import { ended, token } from "./api.js";
import { effect, html, render, signal, useEffect, useState } from "./html.js";
import { followLinks, place } from "./router.js";
import { enter, keepCurrent, leave, title } from "./store.js";
import { t } from "./words.js";
import { inWords } from "./refusals.js";
import { Landing, NotFound } from "../views/landing.js";
import { Shell } from "../views/shell.js";

/** Views that are fetched when they are first looked at. */
const VIEWS = {
  home: () => import("../views/home.js"),
  chat: () => import("../views/chat.js"),
  job: () => import("../views/job.js"),
  credits: () => import("../views/credits.js"),
  account: () => import("../views/account.js"),
  "sign-in": () => import("../views/signin.js"),
  sample: () => import("../views/sample.js"),
};

const entered = signal({ token: "", failure: "" });

function Page() {
  const { parts } = place.value;
  const [first, second, third] = parts;
  if (first === "sign-in") return html`<${Lazy} view="sign-in" />`;
  if (first === "sample") return html`<${Shell} bare=${!token.value}><${Lazy} view="sample" category=${second} /><//>`;
  if (!token.value) return html`<${Landing} ended=${ended.value} />`;
  return html`<${Shell}><${Inside} first=${first} second=${second} third=${third} /><//>`;
}

function Inside({ first, second, third }) {
  const { token: whose, failure } = entered.value;
  if (whose !== token.value) return html`<p class="quiet" role="status">${t("reading")}</p>`;
  if (failure) {
    return html`<div class="card"><h1>${t("failed.title")}</h1><p class="failure" role="alert">${failure}</p>
      <button type="button" onClick=${comeIn}>${t("again")}</button></div>`;
  }
  if (first === undefined) return html`<${Lazy} view="home" />`;
  if (first === "chats" && second) return html`<${Lazy} view="chat" key=${second} chatId=${second} category=${third} />`;
  if (first === "jobs" && second) return html`<${Lazy} view="job" key=${second} jobId=${second} />`;
  if (first === "credits") return html`<${Lazy} view="credits" />`;
  if (first === "account") return html`<${Lazy} view="account" />`;
  return html`<${NotFound} />`;
}

/** A view whose script is fetched first. */
function Lazy({ view, ...props }) {
  const [loaded, set] = useState(null);
  useEffect(() => {
    let isWanted = true;
    VIEWS[view]().then((found) => isWanted && set({ view, View: found.default }))
      .catch(() => isWanted && set({ view, View: Outdated }));
    return () => { isWanted = false; };
  }, [view]);
  if (loaded?.view !== view) return html`<p class="quiet" role="status">${t("reading")}</p>`;
  return html`<${loaded.View} ...${props} />`;
}

/** A newer release has other scripts, or the server is away. */
function Outdated() {
  return html`<div class="card"><h1>${t("failed.title")}</h1><p class="failure" role="alert">${t("outdated")}</p>
    <button type="button" onClick=${() => location.reload()}>${t("reload")}</button></div>`;
}

async function comeIn() {
  const whose = token.value;
  entered.value = { token: "", failure: "" };
  try {
    await enter();
    if (token.value === whose) entered.value = { token: whose, failure: "" };
  } catch (error) {
    if (token.value === whose) entered.value = { token: whose, failure: inWords(error) };
  }
}

let whose = null;
effect(() => {
  const now = token.value;
  if (now === whose) return;
  whose = now;
  leave();
  if (now) comeIn();
});

// A token in an address is never read; it does not stay there either.
if (/(^#|&)token=/.test(location.hash)) history.replaceState(null, "", location.pathname);
title.value = "";
followLinks();
keepCurrent();
const app = document.getElementById("app");
app.replaceChildren(); // What the page showed until its scripts were there.
render(html`<${Page} />`, app);
