// What is told of a locked category for nothing: a figure of the chat's statistics that none of the
// insights for sale tells (`app/generation/offline/claims`).

import { html } from "../app/html.js";
import { duration, parts, plainDay, t, WEEKDAYS_LONG } from "../app/words.js";
import { Evidence } from "./bubbles.js";

const EMOJI_MIN = 5;
const LINKS_MIN = 3;
const DAY_MS = 86_400_000;

/** Kinds of facts by category, the best first. Each is told once, of one category. */
const KINDS = {
  friendship: ["emoji", "hour", "days"],
  family: ["links", "days", "hour"],
  romance: ["longest"],
  work: ["waits", "hour", "days", "busiest"],
};

const FACTS = {
  emoji: (told) => most(told, "emoji", EMOJI_MIN),
  links: (told) => most(told, "links", LINKS_MIN),
  longest({ total, authors }) {
    const number = total.longest_message;
    const author = number && authors.find((one) => one.longest_message === number);
    return author ? { name: author.author, evidence: [number] } : null;
  },
  waits: ({ total }) => (total.replies ? { time: duration(total.reply_p90_s) } : null),
  hour({ by_weekday_hour: week }) {
    const count = Math.max(...week.flat());
    const at = week.flat().indexOf(count);
    return { day: WEEKDAYS_LONG[Math.floor(at / 24)], hour: `${at % 24}:00`, count };
  },
  days({ active_days: count, first_at: first, last_at: last }) {
    const total = Math.round((dayOf(last) - dayOf(first)) / DAY_MS) + 1;
    return total > 1 ? { count, total } : null;
  },
  busiest: ({ busiest_day: { day, messages: count } }) => ({ day: plainDay(day), count }),
};

const dayOf = (iso) => Date.parse(`${iso.slice(0, 10)}T00:00:00Z`);

/** Who has most of something of which there is enough. */
function most({ total, authors }, what, least) {
  const first = authors.reduce((best, one) => (one[what] > best[what] ? one : best));
  return total[what] >= least ? { name: first.author, count: first[what], total: total[what] } : null;
}

/** One fact for each category that has one, by its key. */
export function teasersOf(statistics) {
  const found = new Map();
  const used = new Set();
  for (const [category, kinds] of Object.entries(KINDS)) {
    for (const kind of kinds) {
      const facts = used.has(kind) ? null : FACTS[kind](statistics);
      if (!facts) continue;
      used.add(kind);
      found.set(category, { kind, facts });
      break;
    }
  }
  return found;
}

export function Teaser({ kind, facts, source }) {
  const message = facts.count !== undefined && facts.count === facts.total ? `teaser.${kind}.all` : `teaser.${kind}`;
  return html`<div class="teaser"><span class="label">${t("teaser.label")}</span>
    <p>${parts(message, { ...facts, name: html`<bdi>${facts.name}</bdi>` })}</p>
    ${facts.evidence ? html`<${Evidence} finding=${facts} source=${source} revision=${source.chat.revision} />` : null}</div>`;
}
