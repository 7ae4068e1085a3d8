// What the reader thinks of an insight, where the server keeps it.

import { Failure, useAction } from "../app/acting.js";
import { call, Refused } from "../app/api.js";
import { html, signal, useState } from "../app/html.js";
import { t } from "../app/words.js";

/** Whether this server takes feedback; unknown until somebody gives some. */
const isTaken = signal(true);
const VERDICTS = ["right", "wrong", "unkind"];

export function Feedback({ jobId, insight }) {
  const [given, setGiven] = useState("");
  const { failure, run } = useAction();
  if (!isTaken.value) return null;
  const give = (verdict) => run(async () => {
    try {
      await call("POST", `/api/insights/jobs/${jobId}/feedback`, { json: { insight, verdict } });
      setGiven(verdict);
    } catch (error) {
      if (!(error instanceof Refused) || error.status !== 404) throw error;
      isTaken.value = false;
    }
  });
  return html`<span class="feedback" role="group" aria-label=${t("feedback.title")}>
    <span class="quiet" role="status">${given ? t("feedback.thanks") : t("feedback.title")}</span>
    ${VERDICTS.map((verdict) => html`<button key=${verdict} type="button" class="chip" aria-pressed=${given === verdict}
      onClick=${() => give(verdict)}>${t(`feedback.${verdict}`)}</button>`)}
    <${Failure} text=${failure} /></span>`;
}
