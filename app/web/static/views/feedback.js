// Whether a finding is right: three buttons, of which one or none is pressed.

import { Failure, useAction } from "../app/acting.js";
import { html, useState } from "../app/html.js";
import { judge } from "../app/store.js";
import { t } from "../app/words.js";

const VERDICTS = ["right", "wrong", "unkind"];

export function Feedback({ job, insight, finding }) {
  const [said, say] = useState("");
  const { busy, failure, run } = useAction();
  const given = insight.feedback?.find((one) => one.finding === finding)?.verdict;
  const press = (verdict) => run(async () => {
    say("");
    const isTaken = verdict === given;
    await judge(job.job_id, { insight: insight.key, finding, verdict: isTaken ? null : verdict });
    say(t(isTaken ? "feedback.withdrawn" : "feedback.thanks"));
  });
  return html`<div class="feedback" role="group" aria-label=${t("feedback.about", { n: finding + 1 })}>
    ${VERDICTS.map((one) => html`<button type="button" key=${one} class="chip" data-verdict=${one} aria-pressed=${one === given}
      aria-busy=${busy} onClick=${() => press(one)}>${t(`feedback.${one}`)}</button>`)}
    <span class="quiet" role="status">${said}</span>
    <${Failure} text=${failure} /></div>`;
}
