// Refusals in words of the page: what happened and what to do, never how the API calls it.

import { Away, Refused } from "./api.js";
import { has, number, t } from "./words.js";

const ADVICE = { zip: "refusal.too_large.zip", other: "refusal.too_large.other" };

/** A sentence for whatever went wrong; `file` is the one it was about, if any. */
export function inWords(error, { file } = {}) {
  if (error instanceof Away) {
    return t(file ? "refusal.away.file" : "refusal.away") + (file ? ` ${adviceFor(file)}` : "");
  }
  if (!(error instanceof Refused)) return t("refusal.internal");
  if (error.bytes_max !== undefined && file) {
    const megabytes = Math.max(1, Math.floor(error.bytes_max / 1e6));
    return `${t("refusal.too_large", { megabytes: number(megabytes) })} ${adviceFor(file)}`;
  }
  const key = `refusal.${error.code}`;
  return has(key) ? t(key, error) : t("refusal.other");
}

const adviceFor = (file) =>
  t(file.name.toLowerCase().endsWith(".zip") ? ADVICE.zip : ADVICE.other);
