// What is around every view: who is signed in, the balance, the chats.

import { html, useEffect, useRef, useState } from "../app/html.js";
import { path, place } from "../app/router.js";
import { signOut, user } from "../app/session.js";
import { activeJobs, balance, chats, readyOf } from "../app/store.js";
import { isReconnecting } from "../app/stream.js";
import { t } from "../app/words.js";

export function Brand() {
  return html`<a class="brand" href="/"><${Mark} />Sixfold</a>`;
}

/** Six petals, as in the icon. */
function Mark() {
  return html`<svg class="mark" viewBox="-12 -12 24 24" aria-hidden="true">
    ${[0, 60, 120, 180, 240, 300].map((turn) =>
      html`<ellipse key=${turn} cx="0" cy="-6.2" rx="3.1" ry="4.6" transform=${`rotate(${turn})`} />`)}
  </svg>`;
}

export function Shell({ bare = false, children }) {
  return html`<div class="shell ${bare ? "bare" : ""}">
    <a class="skip" href="#view" onClick=${skip}>${t("skip")}</a>
    <header class="top">
      <${Brand} />
      ${bare ? html`<span class="grow"></span><a class="button" href="/">${t("sample.start")}</a>` : html`<${Account} />`}
    </header>
    ${bare ? null : html`<${Sidebar} />`}
    <main id="view" tabindex="-1">
      <p class="reconnecting" role="status">${isReconnecting.value ? t("reconnecting") : ""}</p>
      ${children}
    </main>
  </div>`;
}

function skip(event) {
  event.preventDefault();
  document.getElementById("view").focus();
}

function Account() {
  const coins = balance.value;
  return html`<nav class="account" aria-label=${t("account.nav")}>
    ${coins && html`<a class="coins" href="/credits" aria-label=${t("credits.link", { n: coins.available })}>
      <span aria-live="polite">${t("coins", { n: coins.available })}</span>
      ${coins.held ? html`<small>${t("credits.held", { n: coins.held })}</small>` : null}</a>`}
    <${UserMenu} />
  </nav>`;
}

function UserMenu() {
  const ref = useRef(null);
  const close = () => { if (ref.current) ref.current.open = false; };
  useEffect(() => close, []);
  useEffect(close, [place.value.path]);
  const onKey = (event) => {
    if (event.key !== "Escape" || !ref.current?.open) return;
    close();
    ref.current.querySelector("summary").focus();
  };
  return html`<details class="menu" ref=${ref} onKeyDown=${onKey}>
    <summary><span class="unseen">${t("account.as")}${" "}</span><span class="avatar" aria-hidden="true">${[...user.value][0].toUpperCase()}</span>
      <bdi class="who">${user.value}</bdi></summary>
    <div class="menu-items">
      <p class="quiet">${t("account.as")}<br /><bdi><b>${user.value}</b></bdi></p>
      <a href="/credits">${t("credits.title")}</a>
      <a href="/account">${t("account.title")}</a>
      <a href="/docs">${t("docs")}</a>
      <button type="button" class="plain" onClick=${signOut}>${t("sign_out")}</button>
    </div>
  </details>`;
}

function Sidebar() {
  const [open, setOpen] = useState(false);
  const { parts, path: here } = place.value;
  useEffect(() => setOpen(false), [here]);
  return html`<nav class="sidebar ${open ? "open" : ""}" aria-label=${t("chats.title")}>
    <button type="button" class="plain chats-toggle" aria-expanded=${open} aria-controls="chat-list"
      onClick=${() => setOpen(!open)}>${t("chats.toggle", { n: chats.value?.length ?? 0 })}</button>
    <div id="chat-list" class="chat-list">
      <a class="button wide" href="/" aria-current=${here === "/" ? "page" : null}>${t("chats.new")}</a>
      <h2 class="quiet">${t("chats.title")}</h2>
      ${chats.value?.length === 0 ? html`<p class="quiet">${t("chats.none")}</p>` : null}
      <ul>${(chats.value ?? []).map((chat) => html`<${ChatLink} key=${chat.id} chat=${chat}
        isHere=${parts[0] === "chats" && parts[1] === chat.id} />`)}</ul>
      <a class="sample-link" href="/sample" aria-current=${parts[0] === "sample" ? "page" : null}>${t("sample.link")}</a>
    </div>
  </nav>`;
}

function ChatLink({ chat, isHere }) {
  const running = activeJobs.value.find((job) => job.chat_id === chat.id);
  return html`<li><a href=${path("chats", chat.id)} aria-current=${isHere ? "page" : null}>
    <bdi>${chat.unreadable ? t("chat.unreadable") : chat.title}</bdi>
    <small>${running
      ? t("watch.short", { done: readyOf(running), total: running.progress.total })
      : t("messages", { n: chat.message_count })}</small>
  </a></li>`;
}
