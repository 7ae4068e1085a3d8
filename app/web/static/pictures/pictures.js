// The statistics of a chat as pictures, of all its time or a part, of all its people or one.
// The server tells everything by person, so that a person is chosen without asking it again.

import { html, useEffect, useState } from "../app/html.js";
import { inWords } from "../app/refusals.js";
import { parts, t } from "../app/words.js";
import { Calendar } from "./calendar.js";
import { HeatMap } from "./heatmap.js";
import { People } from "./people.js";
import { Answers, Replies, Starts } from "./replies.js";
import { Tiles } from "./tiles.js";
import { Timeline } from "./timeline.js";
import { Emoji, Favourites, Seasons, Telling } from "./words.js";

const ALL = { from: "", to: "" };

/** `load(range)` answers the pictures of a part of the chat. */
export function Pictures({ chat, load, isWhole = false }) {
  const [range, setRange] = useState(ALL);
  const [name, setName] = useState(null); // Places in `people` change with the time that is shown.
  const { told, busy, failure, again } = useTold(load, range);
  const shown = told && name !== null ? told.people.indexOf(name) : null;
  const statistics = of(shown, told, chat);
  return html`<section aria-labelledby="statistics-title" class="statistics" aria-busy=${busy}>
    <div class="title-row"><h2 id="statistics-title">${t("statistics.title")}</h2></div>
    <${Filter} chat=${chat} isWhole=${isWhole} people=${told?.people ?? []} range=${range} setRange=${setRange} name=${name} setName=${setName} />
    ${failure ? html`<p class="failure" role="alert">${failure} <button type="button" class="plain" onClick=${again}>${t("again")}</button></p>` : null}
    ${shown === -1 ? html`<p class="card quiet absent" role="status">${parts("filter.absent", { name: html`<bdi><b>${name}</b></bdi>` })}</p>` : html`
    <${Tiles} told=${statistics} />
    <div class="pictures">
      ${told ? html`<${Timeline} told=${told} shown=${shown} />` : busy ? html`<p class="card wide quiet picture" role="status">${t("statistics.reading")}</p>` : null}
      <${People} told=${told?.statistics ?? chat.statistics} shown=${shown} />
      ${told ? html`<${HeatMap} told=${told} shown=${shown} />
        <${Calendar} told=${told} shown=${shown} streak=${statistics.longest_streak} /><${Replies} told=${told} shown=${shown} /><${Starts} told=${told} shown=${shown} />
        <${Answers} told=${told} shown=${shown} /><${Telling} told=${told} shown=${shown} /><${Seasons} seasons=${statistics.seasons} />` : null}
      <${Favourites} told=${statistics} /><${Emoji} told=${statistics} />
    </div>`}
  </section>`;
}

/** The statistics of all, or of one person: the tally among all, and what is of them alone. */
function of(shown, told, chat) {
  if (!told) return chat.statistics;
  const all = { ...told.statistics, seasons: told.seasons };
  if (shown === null || shown < 0) return all;
  return { ...all, total: all.authors[shown], ...told.by_person?.[shown] };
}

function useTold(load, range) {
  const [state, set] = useState({ told: null, busy: true, failure: "" });
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let isWanted = true;
    set((before) => ({ ...before, busy: true, failure: "" }));
    load(range).then((told) => isWanted && set({ told, busy: false, failure: "" }))
      .catch((error) => isWanted && set((before) => ({ ...before, busy: false, failure: inWords(error) })));
    return () => { isWanted = false; };
  }, [load, range, tries]);
  return { ...state, again: () => setTries(tries + 1) };
}

function Filter({ chat, isWhole, people: told, range, setRange, name: chosen, setName }) {
  const [first, last] = [chat.first_at.slice(0, 10), chat.last_at.slice(0, 10)];
  const set = (which) => (event) => setRange({ ...range, [which]: event.target.value });
  const people = chosen === null || told.includes(chosen) ? told : [...told, chosen];
  const years = [];
  for (let year = Number(first.slice(0, 4)); year <= Number(last.slice(0, 4)) && years.length < 15; year += 1) years.push(year);
  const isYear = (year) => range.from === `${year}-01-01` && range.to === `${year}-12-31`;
  return html`<form class="filter" aria-label=${t("filter.title")} onSubmit=${(event) => event.preventDefault()}>
    ${isWhole ? null : html`<div class="choices" role="group" aria-label=${t("filter.time")}>
      <button type="button" class="chip" aria-pressed=${!range.from && !range.to} onClick=${() => setRange(ALL)}>${t("filter.all")}</button>
      ${years.length > 1 ? years.map((year) => html`<button key=${year} type="button" class="chip" aria-pressed=${isYear(year)}
        onClick=${() => setRange({ from: `${year}-01-01`, to: `${year}-12-31` })}>${year}</button>`) : null}
      <label>${t("filter.from")} <input type="date" min=${first} max=${range.to || last} value=${range.from} onChange=${set("from")} /></label>
      <label>${t("filter.to")} <input type="date" min=${range.from || first} max=${last} value=${range.to} onChange=${set("to")} /></label>
    </div>`}
    ${people.length > 1 ? html`<div class="choices" role="group" aria-label=${t("filter.person")}>
      <button type="button" class="chip" aria-pressed=${chosen === null} onClick=${() => setName(null)}>${t("filter.everybody")}</button>
      ${people.map((name) => html`<button key=${name} type="button" class="chip" aria-pressed=${chosen === name} onClick=${() => setName(name)}><bdi>${name}</bdi></button>`)}
    </div>` : null}
  </form>`;
}
