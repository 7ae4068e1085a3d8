// Messages over time, by person, stacked or as shares.

import { html, useEffect, useMemo, useRef, useState } from "../app/html.js";
import { number, plainDay, plainMonth, share, shortDay, t } from "../app/words.js";
import { Choice, COLOURS, Figure, Legend } from "./figure.js";

const DAY_S = 86400;
const STEPS = ["day", "week", "month", "year"];
const BARS_BEST = 120;
const DAYS_NAMED_MAX = 90; // Of a longer time months are named.
/** Between two marks of the axis: days, then months and years as uPlot takes them. */
const INCREMENTS_S = [1, 2, 5, 7, 14, 30, 60, 90, 120, 180, 365, 730, 1825, 3650].map((days) => days * DAY_S);

export function Timeline({ told, shown }) {
  const finest = STEPS.indexOf(told.step);
  const [step, setStep] = useState(() => fitting(told));
  const [isShare, setShare] = useState(false);
  const used = STEPS.indexOf(step) < finest ? told.step : step;
  const series = useMemo(() => gather(told, used, shown), [told, used, shown]);
  const [at, setAt] = useState(null);
  const says = busiest(series, used);
  return html`<${Figure} wide title=${t("timeline.title")} says=${says}
    controls=${html`<div class="row tight">
      <${Choice} label=${t("timeline.step")} chosen=${used} onChoose=${setStep}
        options=${STEPS.slice(finest).map((one) => [one, t(`step.${one}`)])} />
      ${series.people.length > 1 ? html`<${Choice} label=${t("timeline.as")} chosen=${isShare ? "share" : "count"}
        onChoose=${(key) => setShare(key === "share")}
        options=${[["count", t("timeline.count")], ["share", t("timeline.share")]]} />` : null}</div>`}
    table=${tableOf(series, used)}>
    <${Legend} people=${series.people} />
    <${Chart} series=${series} isShare=${isShare} label=${`${t("timeline.title")}. ${says}`} onPoint=${setAt} />
    <p class="readout quiet" aria-hidden="true">${at === null ? t("timeline.hint") : readout(series, at, used, isShare)}</p>
  <//>`;
}

const named = (seconds, step) => {
  const day = new Date(seconds * 1000);
  if (step === "year") return String(day.getUTCFullYear());
  return step === "month" ? plainMonth(day) : plainDay(day);
};

/** The finest step of which there are not too many. */
function fitting(told) {
  const [first, last] = [told.buckets[0]?.day, told.buckets.at(-1)?.day];
  const days = (Date.parse(last) - Date.parse(first)) / 1000 / DAY_S + 1;
  if (days <= BARS_BEST) return "day";
  if (days / 7 <= BARS_BEST) return "week";
  return days / 30 <= 4 * BARS_BEST ? "month" : "year";
}

function startOf(iso, step) {
  const day = new Date(`${iso}T00:00:00Z`);
  if (step === "week") day.setUTCDate(day.getUTCDate() - ((day.getUTCDay() + 6) % 7));
  if (step === "month" || step === "year") day.setUTCDate(1);
  if (step === "year") day.setUTCMonth(0);
  return day.getTime() / 1000;
}

function next(seconds, step) {
  const day = new Date(seconds * 1000);
  if (step === "day" || step === "week") return seconds + (step === "day" ? 1 : 7) * DAY_S;
  if (step === "month") day.setUTCMonth(day.getUTCMonth() + 1);
  else day.setUTCFullYear(day.getUTCFullYear() + 1);
  return day.getTime() / 1000;
}

/** Counts by step, with steps of no message between; people beyond the colours are one. */
function gather(told, step, shown) {
  const people = [];
  for (const [index, name] of told.people.entries()) {
    if ((shown === null || shown === index) && index < COLOURS) people.push({ name, index });
  }
  const hasRest = shown === null ? told.people.length > COLOURS || told.others > 0 : shown >= COLOURS;
  if (hasRest) people.push({ name: shown === null ? t("people.rest") : told.people[shown], index: COLOURS });
  const place = (index) => {
    const sought = Math.min(index, COLOURS);
    return people.findIndex((one) => one.index === sought);
  };
  const sums = new Map();
  for (const { day, counts } of told.buckets) {
    const start = startOf(day, step);
    if (!sums.has(start)) sums.set(start, people.map(() => 0));
    const row = sums.get(start);
    counts.forEach((count, index) => {
      if (shown !== null && shown !== index) return;
      const at = place(index);
      if (at >= 0) row[at] += count;
    });
  }
  const times = [];
  const starts = [...sums.keys()];
  for (let at = starts[0]; at <= starts.at(-1); at = next(at, step)) times.push(at);
  const counts = people.map((_, n) => times.map((at) => sums.get(at)?.[n] ?? 0));
  const totals = times.map((_, i) => counts.reduce((sum, row) => sum + row[i], 0));
  return { people, times, counts, totals };
}

function busiest({ times, totals }, step) {
  if (!times.length) return "";
  const most = totals.indexOf(Math.max(...totals));
  return t(`timeline.says.${step}`, { when: named(times[most], step), messages: t("messages", { n: totals[most] }) });
}

function readout({ people, times, counts, totals }, at, step, isShare) {
  const each = people.map(({ name }, n) => html`<span key=${n}><bdi>${name}</bdi> ${isShare
    ? share(totals[at] ? counts[n][at] / totals[at] : 0) : number(counts[n][at])}</span>`);
  return html`<b>${named(times[at], step)}</b> ${number(totals[at])}${people.length > 1 ? each : null}`;
}

function tableOf({ people, times, counts, totals }, step) {
  return {
    heads: [t(`step.${step}`), ...people.map(({ name }) => name), t("total")],
    rows: times.map((at, i) => [named(at, step), ...people.map((_, n) => counts[n][i]), totals[i]])
      .filter((row) => row.at(-1)),
  };
}

/** The drawing itself, on a canvas; drawn anew when its size or the colours of the page change. */
function Chart({ series, isShare, label, onPoint }) {
  const ref = useRef(null);
  useEffect(() => {
    const place = ref.current;
    let plot = null;
    let isWanted = true;
    const draw = async () => {
      const { default: Plot } = await import("../vendor/uplot.js");
      if (!isWanted) return;
      plot?.destroy();
      plot = new Plot(options(place, series, isShare, onPoint, Plot), stacked(series, isShare), place);
      place.dataset.drawn = String(series.times.length);
    };
    draw();
    const dark = matchMedia("(prefers-color-scheme: dark)");
    dark.addEventListener("change", draw);
    const resized = new ResizeObserver(() => plot?.setSize({ width: place.clientWidth, height: 240 }));
    resized.observe(place);
    return () => {
      isWanted = false;
      dark.removeEventListener("change", draw);
      resized.disconnect();
      plot?.destroy();
    };
  }, [series, isShare]);
  return html`<div class="chart" role="img" aria-label=${label} ref=${ref}></div>`;
}

/** Sums from below, the topmost first: each is drawn over those before it. */
function stacked({ times, counts, totals }, isShare) {
  const rows = [];
  const below = times.map(() => 0);
  for (const row of counts) {
    row.forEach((count, i) => { below[i] += isShare ? count / (totals[i] || 1) : count; });
    rows.unshift([...below]);
  }
  return [times, ...rows];
}

function options(place, series, isShare, onPoint, Plot) {
  const style = getComputedStyle(place);
  const of = (name) => style.getPropertyValue(name).trim();
  const [first, last] = [series.times[0], series.times.at(-1)];
  const margin = Math.max(DAY_S, (last - first) / 60);
  const label = last - first > DAYS_NAMED_MAX * DAY_S ? plainMonth : shortDay;
  const axis = { stroke: of("--quiet"), grid: { stroke: of("--line"), width: 1 }, ticks: { show: false }, font: "12px system-ui, sans-serif" };
  return {
    width: place.clientWidth,
    height: 240,
    tzDate: (seconds) => Plot.tzDate(new Date(seconds * 1000), "Etc/UTC"),
    legend: { show: false },
    padding: [12, 30, 0, 0],
    cursor: { y: false, drag: { x: false, y: false }, points: { show: false } },
    scales: {
      x: { range: () => [first - margin, last + margin] },
      y: { range: (_, __, most) => [0, isShare ? 1 : Math.max(1, most * 1.05)] },
    },
    axes: [
      { ...axis, grid: { show: false }, space: 70, size: 28, incrs: INCREMENTS_S, values: (_, ticks) => ticks.map((at) => label(new Date(at * 1000))) },
      { ...axis, size: 52, values: (_, ticks) => ticks.map((at) => (isShare ? share(at) : at % 1 ? "" : number(at))) },
    ],
    series: [{}, ...series.people.toReversed().map(({ index }) => ({
      fill: of(index < COLOURS ? `--p${index}` : "--rest"),
      width: 0,
      paths: Plot.paths.bars({ size: [0.86, 60], radius: 0 }),
      points: { show: false },
    }))],
    hooks: { setCursor: [(plot) => onPoint(plot.cursor.left >= 0 ? plot.cursor.idx ?? null : null)] },
  };
}
