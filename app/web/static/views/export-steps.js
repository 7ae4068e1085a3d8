// How to get a chat out of each messenger, in a few steps.

import { html, useState } from "../app/html.js";
import { t } from "../app/words.js";

const MESSENGERS = [
  ["whatsapp_iphone", 3], ["whatsapp_android", 3], ["telegram", 3], ["signal", 3], ["instagram", 3],
  ["messenger", 3], ["discord", 3], ["imessage", 3], ["line", 3], ["kakaotalk", 3], ["wechat", 3], ["sms", 3],
];

export function ExportSteps() {
  const [chosen, choose] = useState(MESSENGERS[0][0]);
  const [, steps] = MESSENGERS.find(([key]) => key === chosen);
  return html`<div class="export-steps">
    <div class="choices" role="group" aria-label=${t("export.which")}>
      ${MESSENGERS.map(([key]) => html`<button key=${key} type="button" class="chip" aria-pressed=${key === chosen}
        onClick=${() => choose(key)}>${t(`export.${key}`)}</button>`)}
    </div>
    <ol class="steps" aria-live="polite">${Array.from({ length: steps }, (_, n) =>
      html`<li key=${n} class="card"><span class="step-number" aria-hidden="true">${n + 1}</span>
        <p>${t(`export.${chosen}.${n + 1}`)}</p></li>`)}</ol>
  </div>`;
}
