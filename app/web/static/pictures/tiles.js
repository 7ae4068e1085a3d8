// The figures of a chat at a glance.

import { html } from "../app/html.js";
import { duration, number, plainDay, t } from "../app/words.js";

export function Tiles({ told }) {
  const silence = told.longest_silence;
  const shown = [
    [number(told.total.messages), t("tile.messages", { n: told.total.messages })],
    [number(told.total.words), t("tile.words", { n: told.total.words })],
    [number(told.total.emoji), t("tile.emoji")],
    [number(told.total.media), t("tile.media")],
    [number(told.active_days), t("tile.days", { n: told.active_days })],
    [t("days", { n: told.longest_streak.days }), t("tile.streak", { day: plainDay(told.longest_streak.first_day) })],
    [silence ? duration(silence.seconds) : "–", silence ? t("tile.silence", { day: plainDay(silence.from_at.slice(0, 10)) }) : t("tile.silence.none")],
    [number(told.busiest_day.messages), t("tile.busiest", { n: told.busiest_day.messages, day: plainDay(told.busiest_day.day) })],
  ];
  return html`<dl class="tiles">${shown.map(([value, label], n) =>
    html`<div class="tile" key=${n}><dt>${label}</dt><dd>${value}</dd></div>`)}</dl>`;
}
