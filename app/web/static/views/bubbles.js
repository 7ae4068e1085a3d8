// The messages that a finding rests on, as they were said: with two before and two after.

import { Failure, useAction } from "../app/acting.js";
import { html, useId, useState } from "../app/html.js";
import { has, t, wallClock, wallDay } from "../app/words.js";

const NEIGHBOURS = 2;
const NUMBERS_MAX = 100;
const AT_ONCE = 3;

export function Evidence({ finding, source, revision }) {
  const [open, setOpen] = useState(false);
  const [messages, setMessages] = useState(null);
  const [count, setCount] = useState(AT_ONCE);
  const { busy, failure, run } = useAction();
  const id = useId();
  const load = (upTo) => run(async () => {
    setMessages(await source.messages(wanted(finding.evidence.slice(0, upTo), source.chat.message_count), revision));
    setCount(upTo);
  });
  const toggle = () => {
    setOpen(!open);
    if (!open && !messages) load(count);
  };
  const known = new Set(finding.evidence);
  return html`<div class="evidence">
    <button type="button" class="plain open-evidence" aria-expanded=${open} aria-controls=${id} onClick=${toggle}>${open ? t("evidence.close") : t("evidence.open", { n: finding.evidence.length })}</button>
    <div id=${id} class="thread" hidden=${!open}>
      ${busy && !messages ? html`<p class="quiet" role="status">${t("reading")}</p>` : null}
      <${Failure} text=${failure} />
      ${failure ? html`<button type="button" class="plain" onClick=${() => load(count)}>${t("again")}</button>` : null}
      ${messages && html`<${Thread} messages=${messages} marked=${known} people=${source.chat.participants ?? []} />`}
      ${messages && finding.evidence.length > count ? html`<button type="button" class="plain" onClick=${() => load(finding.evidence.length)}>${t("evidence.more", { n: finding.evidence.length - count })}</button>` : null}
    </div></div>`;
}

function wanted(evidence, count) {
  const numbers = new Set();
  for (const number of evidence) {
    for (let near = number - NEIGHBOURS; near <= number + NEIGHBOURS; near += 1) {
      if (near >= 1 && near <= count && numbers.size < NUMBERS_MAX) numbers.add(near);
    }
  }
  return [...numbers].sort((a, b) => a - b);
}

function Thread({ messages, marked, people }) {
  const index = new Map(people.map((one, n) => [one.name, n]));
  let before = null;
  return html`<ol class="bubbles">${messages.flatMap((message) => {
    const gap = before && message.number !== before.number + 1;
    const day = !before || gap || before.at.slice(0, 10) !== message.at.slice(0, 10);
    before = message;
    return [
      gap ? html`<li key=${`gap${message.number}`} class="gap" aria-hidden="true">⋯</li>` : null,
      day ? html`<li key=${`day${message.number}`} class="day">${wallDay(message.at)}</li>` : null,
      html`<${Bubble} key=${message.number} message=${message} isMarked=${marked.has(message.number)} index=${index.get(message.author) ?? 9} />`,
    ];
  })}</ol>`;
}

function Bubble({ message, isMarked, index }) {
  const kind = has(`kind.${message.kind}`) ? t(`kind.${message.kind}`) : message.kind;
  return html`<li class="bubble ${index === 0 ? "mine" : "theirs"} ${isMarked ? "marked" : ""}" data-number=${message.number}>
    <span class="from ${index < 8 ? `p${index}` : "rest"}"><bdi>${message.author}</bdi>${isMarked ? html`<span class="unseen">, ${t("evidence.this")}</span>` : null}</span>
    <span class="said" dir="auto">${message.text || html`<i>${kind}</i>`}</span>
    <time datetime=${message.at}>${wallClock(message.at)}</time></li>`;
}
