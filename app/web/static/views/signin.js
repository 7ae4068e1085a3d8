// Signing in by a code that is good once, of a link or of an identity provider: a person says yes to a
// name they can read.

import { html, useEffect, useState } from "../app/html.js";
import { Failure, useAction } from "../app/acting.js";
import { read } from "../app/api.js";
import { go, path } from "../app/router.js";
import { previewCode, provider, useCode, user } from "../app/session.js";
import { title } from "../app/store.js";
import { has, parts, t } from "../app/words.js";
import { ProviderLink } from "./landing.js";
import { Brand } from "./shell.js";

const query = new URLSearchParams(location.search);
/** The code of the address, which it leaves at once: it stays in no history. */
const given = query.get("code");
const next = ownPath(query.get("next"));
/** Why the provider's way back led nowhere. */
const refused = query.get("refused");
if (location.pathname === "/sign-in") history.replaceState(null, "", "/sign-in");

/** Nowhere else is gone to, whatever an address says. */
function ownPath(path) {
  return /^\/(?![/\\])[!-[\]-~]*$/.test(path ?? "") ? path : "/";
}

/** The address of the user's newest chat, or the landing page. */
async function newestChat() {
  const { items: [chat] } = await read("/api/chats?limit=1").catch(() => ({ items: [] }));
  return chat ? path("chats", chat.id) : "/";
}

/** What is wrong when there is no code. */
function whyNot() {
  if (refused) return t(has(`refusal.${refused}`) ? `refusal.${refused}` : "refusal.other");
  return provider ? "" : t("refusal.sign_in_code_invalid");
}

export default function SignIn() {
  const [asked, setAsked] = useState(null);
  const preview = useAction();
  const entering = useAction();
  useEffect(() => {
    title.value = t("sign_in");
    if (given) preview.run(async () => setAsked(await previewCode(given)));
  }, []);
  const confirm = () => entering.run(async () => {
    await useCode(given);
    go(next === "/" ? await newestChat() : next, { replace: true });
  });
  return html`<div class="plain-page"><header class="top"><${Brand} /></header>
    <main id="view" tabindex="-1" class="narrow"><div class="card center">
      ${asked && html`<h1>${parts("sign_in.ask", { user: html`<bdi class="name">${asked.user_id}</bdi>` })}</h1>
        <p class="quiet">${t("sign_in.why")}</p>
        ${user.value && user.value !== asked.user_id ? html`<p class="warning">${parts("sign_in.instead", { user: html`<bdi><b>${user.value}</b></bdi>` })}</p>` : null}
        <p><button type="button" id="confirm-sign-in" aria-busy=${entering.busy} onClick=${confirm}><span>${parts("sign_in.yes", { user: html`<bdi>${asked.user_id}</bdi>` })}</span></button>
          ${" "}<a class="button plain" href="/">${t("sign_in.no")}</a></p>
        <${Failure} text=${entering.failure} />`}
      ${!asked && html`<h1>${t("sign_in")}</h1>
        ${preview.busy ? html`<p class="quiet" role="status">${t("reading")}</p>` : null}
        <${Failure} text=${given ? preview.failure : whyNot()} />
        ${preview.busy ? null : html`<${ProviderLink} next=${next} /><p><a class="button plain" href="/">${t("sign_in.start")}</a></p>`}`}
    </div></main>
  </div>`;
}
