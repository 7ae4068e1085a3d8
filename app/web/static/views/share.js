// A card to share, drawn on this machine, and a report that needs no server.

import { html, useEffect, useRef, useState } from "../app/html.js";
import { t } from "../app/words.js";
import { Dialog } from "./dialog.js";

const SHAPES = { story: [1080, 1920], square: [1080, 1080] };

export function Share({ insight, title, source, job }) {
  const [shape, setShape] = useState("story");
  const [names, setNames] = useState(false);
  const canvas = useRef(null);
  const people = source.chat.participants?.map((one) => one.name) ?? [];
  const text = names ? insight.content.headline : hidden(insight.content.headline, people);
  useEffect(() => { if (canvas.current) draw(canvas.current, { shape, text, title }); });
  const save = () => canvas.current.toBlob((blob) => offer(blob, `sixfold-${insight.key}.png`), "image/png");
  return html`<${Dialog} opens=${t("share.card")} title=${t("share.card")}>${(close) => html`
    <div class="share"><canvas ref=${canvas} class=${shape} role="img" aria-label=${`${title}: ${text}`}></canvas>
      <div><div class="segmented" role="group" aria-label=${t("share.shape")}>${Object.keys(SHAPES).map((key) => html`<button key=${key} type="button"
        aria-pressed=${key === shape} onClick=${() => setShape(key)}>${t(`share.${key}`)}</button>`)}</div>
      <label class="check"><input type="checkbox" checked=${names} onChange=${(event) => setNames(event.target.checked)} /> ${t("share.names")}</label>
      <p class="quiet">${t("share.local")}</p>
      <div class="row"><button type="button" onClick=${save}>${t("share.save")}</button>
        <button type="button" class="plain" onClick=${close}>${t("close")}</button></div></div></div>`}<//>
    <button type="button" class="plain" onClick=${() => print()}>${t("share.print")}</button>
    <button type="button" class="plain" onClick=${() => report(job, source)}>${t("share.report")}</button>`;
}

/** The text with people's names, whole or first, made initials that say nothing. */
export function hidden(text, people) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
  const forms = people.flatMap((name, n) => [name, name.split(/\s+/)[0]].map((form) => [form, letters[n] ?? "?"]))
    .filter(([form]) => form.length > 1).sort(([a], [b]) => b.length - a.length);
  return forms.reduce((shown, [form, letter]) => {
    const escaped = form.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    return shown.replace(new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, "giu"), letter);
  }, text);
}

function draw(canvas, { shape, text, title }) {
  const [width, height] = SHAPES[shape];
  Object.assign(canvas, { width, height });
  const pen = canvas.getContext("2d");
  const wash = pen.createLinearGradient(0, 0, width, height);
  wash.addColorStop(0, "#5b3fd6");
  wash.addColorStop(0.55, "#a23fb8");
  wash.addColorStop(1, "#ef6f61");
  pen.fillStyle = wash;
  pen.fillRect(0, 0, width, height);
  petals(pen, width * 0.82, height * 0.17, width * 0.34);
  pen.direction = /^[^\p{L}]*[\p{Script=Arabic}\p{Script=Hebrew}]/u.test(text) ? "rtl" : "ltr";
  const edge = pen.direction === "rtl" ? width - 96 : 96;
  pen.textAlign = "start";
  pen.fillStyle = "rgb(255 255 255 / 82%)";
  pen.font = "600 40px system-ui, sans-serif";
  const size = text.length > 110 ? 68 : 84;
  const lines = wrapped(pen, text, `700 ${size}px system-ui, sans-serif`, width - 192);
  const top = (height - lines.length * size * 1.22) / 2 + size * 0.6;
  pen.font = "600 40px system-ui, sans-serif";
  pen.fillText(title, edge, top - size - 30);
  pen.fillStyle = "#fff";
  pen.font = `700 ${size}px system-ui, sans-serif`;
  lines.forEach((line, n) => pen.fillText(line, edge, top + n * size * 1.22));
  pen.font = "600 38px system-ui, sans-serif";
  pen.fillStyle = "rgb(255 255 255 / 82%)";
  pen.fillText("Sixfold", edge, height - 96);
}

function petals(pen, x, y, size) {
  pen.save();
  pen.translate(x, y);
  pen.fillStyle = "rgb(255 255 255 / 14%)";
  for (let n = 0; n < 6; n += 1) {
    pen.rotate(Math.PI / 3);
    pen.beginPath();
    pen.ellipse(0, -size / 2, size * 0.24, size * 0.38, 0, 0, 2 * Math.PI);
    pen.fill();
  }
  pen.restore();
}

function wrapped(pen, text, font, width) {
  pen.font = font;
  const lines = [""];
  for (const word of text.split(/\s+/)) {
    const longer = lines.at(-1) ? `${lines.at(-1)} ${word}` : word;
    if (pen.measureText(longer).width <= width || !lines.at(-1)) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

export function offer(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

/** All insights as one file with nothing in it but text and style. */
async function report(job, source) {
  const page = document.implementation.createHTMLDocument(source.chat.title);
  const add = (place, name, text, attributes = {}) => {
    const node = page.createElement(name);
    if (text !== undefined) node.textContent = text;
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    place.append(node);
    return node;
  };
  page.documentElement.lang = document.documentElement.lang;
  add(page.head, "meta", undefined, { charset: "utf-8" });
  add(page.head, "meta", undefined, { "http-equiv": "content-security-policy", content: "default-src 'none'; style-src 'unsafe-inline'" });
  add(page.head, "style", "body{font:17px/1.6 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1.25rem;color-scheme:light dark}h2{margin-top:3rem}blockquote{border-inline-start:3px solid #8886;margin:.5rem 0;padding:.1rem 1rem;opacity:.85;white-space:pre-wrap}");
  add(page.body, "h1", source.chat.title, { dir: "auto" });
  for (const insight of job.insights.filter((one) => one.content)) {
    add(page.body, "h2", insight.content.headline, { dir: "auto" });
    add(page.body, "p", insight.content.summary, { dir: "auto" });
    for (const finding of insight.content.findings) {
      add(page.body, "p", finding.claim, { dir: "auto" });
      const messages = await source.messages(finding.evidence.slice(0, 5), job.chat_revision);
      for (const one of messages) add(page.body, "blockquote", `${one.author}, ${one.at.slice(0, 10)}\n${one.text}`, { dir: "auto" });
    }
  }
  offer(new Blob([new XMLSerializer().serializeToString(page)], { type: "text/html" }), "sixfold-report.html");
}
