// Words and emoji: those of all, and those that tell people or seasons apart.

import { html } from "../app/html.js";
import { number, parts, plainDay, t } from "../app/words.js";
import { colour, COLOURS, Figure } from "./figure.js";

export function Telling({ told, shown }) {
  const groups = told.words.filter((one) => one.items.length && (shown === null || shown === one.person)).slice(0, COLOURS);
  if (!groups.length) return null;
  return html`<${Figure} title=${t("words.people")} says=${t("words.people.says")} table=${tableOf(groups.map((one) => [told.people[one.person], one.items]))}>
    ${groups.map((one) => html`<div key=${one.person} class="word-group"><h4><span class="dot ${colour(one.person)}" aria-hidden="true"></span><bdi>${told.people[one.person]}</bdi></h4>
      <${Cloud} items=${one.items} kind=${colour(one.person)} /></div>`)}<//>`;
}

export function Seasons({ seasons: told = [] }) {
  const seasons = told.filter((one) => one.items.length);
  if (seasons.length < 2) return null;
  const name = (one) => t("words.season", { from: plainDay(one.first_day), to: plainDay(one.last_day) });
  return html`<${Figure} title=${t("words.seasons")} says=${t("words.seasons.says")} table=${tableOf(seasons.map((one) => [name(one), one.items]))}>
    ${seasons.map((one, n) => html`<div key=${n} class="word-group"><h4>${name(one)}</h4><${Cloud} items=${one.items} kind=${n ? "p1" : "p0"} /></div>`)}<//>`;
}

const tableOf = (groups) => ({
  heads: [t("words.word"), t("words.whose"), t("words.count")],
  rows: groups.flatMap(([whose, items]) => items.map((one) => [one.word, whose, one.count])),
});

/** Larger is more often; the count stands beside it. */
function Cloud({ items, kind = "" }) {
  const most = Math.max(...items.map((one) => one.count));
  return html`<ul class="cloud ${kind}">${items.map((one) => html`<li key=${one.word} class="size${Math.ceil(4 * Math.sqrt(one.count / most))}">
    <bdi>${one.word}</bdi> <small>${number(one.count)}</small></li>`)}</ul>`;
}

export function Favourites({ told }) {
  if (!told.top_words.length) return null;
  const items = told.top_words.map(({ word, count }) => ({ word, count }));
  const says = parts("words.says", { word: html`<bdi>${items[0].word}</bdi>`, times: t("times", { n: items[0].count }) });
  return html`<${Figure} title=${t("words.title")} says=${says} table=${{ heads: [t("words.word"), t("words.count")], rows: items.map((one) => [one.word, one.count]) }}>
    <${Cloud} items=${items} /><//>`;
}

export function Emoji({ told }) {
  if (!told.top_emoji.length) return null;
  const [first] = told.top_emoji;
  return html`<${Figure} title=${t("emoji.title")} says=${t("emoji.says", { emoji: first.emoji, times: t("times", { n: first.count }) })}
    table=${{ heads: [t("emoji.one"), t("words.count")], rows: told.top_emoji.map((one) => [one.emoji, one.count]) }}>
    <ol class="emoji">${told.top_emoji.slice(0, 12).map((one) => html`<li key=${one.emoji}><span>${one.emoji}</span><small>${number(one.count)}</small></li>`)}</ol><//>`;
}
