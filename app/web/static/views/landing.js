// The first thing that anybody sees: what this is, what stays private, and a way in.

import { Failure, useAction } from "../app/acting.js";
import { keepToken, read, Refused } from "../app/api.js";
import { html, useEffect, useState } from "../app/html.js";
import { place } from "../app/router.js";
import { provider, providerWay } from "../app/session.js";
import { title } from "../app/store.js";
import { parts, t } from "../app/words.js";
import { ExportSteps } from "./export-steps.js";
import { Brand } from "./shell.js";

export function Landing({ ended }) {
  useEffect(() => { title.value = ""; }, []);
  return html`<div class="landing">
    <header class="top"><${Brand} /><span class="grow"></span>
      <a href="#sign-in" class="button plain">${t("sign_in")}</a></header>
    <main id="view" tabindex="-1">
      <p class=${ended ? "warning" : "warning empty"} role="alert">${ended ? t("ended.expired") : ""}</p>
      <section class="hero">
        <div>
          <h1>${t("landing.title")}</h1>
          <p class="lead">${t("landing.lead")}</p>
          <p class="actions"><a class="button big" href="/sample">${t("sample.explore")}</a>
            <a class="button plain big" href="#how-to-export">${t("landing.how")}</a></p>
          <p class="quiet">${t("sample.no_account")}</p>
        </div>
        <${Preview} />
      </section>
      <section class="three" aria-label=${t("landing.what")}>
        ${["look", "unlock", "read"].map((key, n) => html`<article key=${key} class="card">
          <span class="step-number" aria-hidden="true">${n + 1}</span>
          <h2>${t(`landing.${key}.title`)}</h2><p>${t(`landing.${key}.text`)}</p></article>`)}
      </section>
      <section class="card private"><h2>${t("private.title")}</h2>
        <ul class="ticks">${["sealed", "deleted", "sent", "charged"].map((key) =>
          html`<li key=${key}><b>${t(`private.${key}.title`)}</b> ${t(`private.${key}.text`)}</li>`)}</ul>
      </section>
      <section id="how-to-export"><h2>${t("export.title")}</h2><${ExportSteps} /></section>
      <section id="sign-in" class="card narrow"><h2>${t("sign_in")}</h2><${ProviderLink} /><${TokenForm} /></section>
    </main>
    <footer class="quiet"><a href="/docs">${t("docs")}</a></footer>
  </div>`;
}

/** A finding as it looks in the product: a sentence, and the message it rests on. */
function Preview() {
  return html`<div class="preview" aria-hidden="true">
    <div class="card"><span class="label">${t("landing.preview.label")}</span>
      <p class="headline">${t("landing.preview.headline")}</p>
      <div class="bubble theirs"><span class="from p1">Maya</span>${t("landing.preview.one")}<time>21:48</time></div>
      <div class="bubble mine marked"><span class="from p0">Alex</span>${t("landing.preview.two")}<time>21:49</time></div>
    </div></div>`;
}

/** The way to the identity provider, which comes back to where it began. */
export function ProviderLink({ next = place.value.path }) {
  if (!provider) return null;
  return html`<p><a class="button big" id="provider-link" href=${providerWay(next)}><span>${parts("sign_in.with", { name: html`<bdi>${provider}</bdi>` })}</span></a></p>`;
}

function TokenForm() {
  const [given, setGiven] = useState("");
  const { busy, failure, run } = useAction();
  const enter = (event) => {
    event.preventDefault();
    run(async () => {
      const kept = given.trim();
      if (!/^[!-~]+$/.test(kept)) throw new Refused({ code: "unauthorized" }, 401); // It fits no header.
      const headers = { authorization: `Bearer ${kept}` };
      await read("/api/credits", { headers });
      keepToken(kept);
    });
  };
  return html`<p class="quiet">${t("sign_in.link")}</p>
    <form onSubmit=${enter}>
      <label for="token">${t("sign_in.token")}</label>
      <div class="row"><input id="token" type="password" autocomplete="off" spellcheck="false" required
        value=${given} onInput=${(event) => setGiven(event.target.value)} />
        <button id="token-button" aria-busy=${busy}>${t("sign_in")}</button></div>
      <${Failure} text=${failure} />
    </form>`;
}

export function NotFound() {
  useEffect(() => { title.value = t("not_found.title"); }, []);
  return html`<div class="card center"><h1>${t("not_found.title")}</h1><p>${t("not_found.text")}</p>
    <p><a class="button" href="/">${t("not_found.home")}</a></p></div>`;
}
