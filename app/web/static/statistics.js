// The free statistics of a chat, drawn.

import { count, day, drawn, duration, element } from "/static/dom.js";

const WEEKDAYS = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

export function statistics(chat) {
  const told = chat.statistics;
  return [
    element("p", { class: "quiet" }, period(chat)),
    tiles(chat, told),
    element("div", { class: "columns" },
      card("Who writes", authors(told)),
      card("When", heatmap(told.by_weekday_hour)),
      card("Month by month", months(told.by_month)),
      card("Favourite words", wordCloud(told))),
  ];
}

function period(chat) {
  const notes = [`${day(chat.first_at)} – ${day(chat.last_at)}`];
  if (chat.import.unparsed_lines) notes.push(`${count(chat.import.unparsed_lines)} lines not understood`);
  if (chat.import.possibly_truncated) notes.push("WhatsApp may have cut this export short");
  return notes.join(" · ");
}

function tiles(chat, told) {
  const streak = told.longest_streak;
  const shown = [
    [count(chat.message_count), "messages"],
    [count(told.total.words), "words"],
    [count(told.total.emoji), "emoji"],
    [count(told.total.media), "media"],
    [count(told.active_days), "days with messages"],
    [count(streak.days), "days in a row, the longest streak"],
    [told.longest_silence ? duration(told.longest_silence.seconds) : "–", "longest silence"],
  ];
  return element("div", { class: "tiles" }, shown.map(([value, label]) =>
    element("div", { class: "tile" }, element("b", {}, value), element("span", { class: "quiet" }, label))));
}

const card = (title, ...content) =>
  element("section", { class: "card" }, element("h2", {}, title), ...content);

function authors(told) {
  const rows = told.authors.slice(0, 8).flatMap((author) => [
    element("p", {}, element("b", {}, author.author), " ",
      element("span", { class: "quiet" },
        `${count(author.messages)} messages · replies in ${duration(author.reply_median_s)}`
        + ` · starts ${count(author.conversations_started)}`)),
    element("progress", { max: told.total.messages, value: author.messages, "aria-label": author.author }),
  ]);
  return element("div", { class: "bars" }, rows);
}

function heatmap(byWeekdayHour) {
  const most = Math.max(1, ...byWeekdayHour.flat());
  const cells = byWeekdayHour.flatMap((hours, weekday) => [
    drawn("text", { x: 0, y: weekday * 16 + 11 }, WEEKDAYS[weekday]),
    ...hours.map((messages, hour) => drawn("rect", {
      class: "cell", x: 30 + hour * 14, y: weekday * 16, width: 12, height: 14, rx: 3,
      "fill-opacity": (0.07 + 0.93 * Math.sqrt(messages / most)).toFixed(3),
    }, drawn("title", {}, `${WEEKDAYS[weekday]} ${hour}:00 – ${count(messages)}`))),
  ]);
  const hours = [0, 6, 12, 18].map((hour) => drawn("text", { x: 30 + hour * 14, y: 124 }, `${hour}:00`));
  return chart("0 0 368 128", "Messages by weekday and hour", cells, hours);
}

function months(byMonth) {
  const most = Math.max(1, ...byMonth.map((month) => month.messages));
  const width = 360 / Math.max(1, byMonth.length);
  const bars = byMonth.map((month, n) => {
    const height = (100 * month.messages) / most;
    return drawn("rect", {
      class: "bar", x: n * width, y: 104 - height, width: Math.max(1, width - 2), height, rx: 2,
    }, drawn("title", {}, `${month.month} – ${count(month.messages)}`));
  });
  const ends = [byMonth[0], byMonth.at(-1)].map((month, n) =>
    drawn("text", { x: n * 360, y: 122, "text-anchor": n ? "end" : "start" }, month.month));
  return chart("0 0 360 128", "Messages by month", bars, byMonth.length > 1 ? ends : ends.slice(0, 1));
}

const chart = (viewBox, label, ...shapes) =>
  drawn("svg", { class: "chart", viewBox, role: "img", "aria-label": label }, shapes.flat());

function wordCloud(told) {
  const shown = [
    ...told.top_words.slice(0, 20).map((one) => `${one.word} ${count(one.count)}`),
    ...told.top_emoji.slice(0, 10).map((one) => `${one.emoji} ${count(one.count)}`),
  ];
  return element("div", { class: "words" }, shown.map((text) => element("span", {}, text)));
}
