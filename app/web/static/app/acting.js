// Buttons that do something: busy while they do, and what went wrong is said beside them.

import { html, useRef, useState } from "./html.js";
import { inWords } from "./refusals.js";

/** `run(action)` runs it once at a time; `busy` and `failure` tell how it goes. */
export function useAction(about = {}) {
  const [state, set] = useState({ busy: false, failure: "" });
  const running = useRef(false);
  const run = async (action) => {
    if (running.current) return undefined;
    running.current = true;
    set({ busy: true, failure: "" });
    try {
      const answer = await action();
      set({ busy: false, failure: "" });
      return answer;
    } catch (error) {
      if (error.name === "AbortError") set({ busy: false, failure: "" });
      else set({ busy: false, failure: inWords(error, about) });
      return undefined;
    } finally {
      running.current = false;
    }
  };
  return { ...state, run, clear: () => set({ busy: false, failure: "" }) };
}

/** What went wrong, where it went wrong. It is in the page from the start, so that it is heard. */
export function Failure({ text }) {
  const ref = useRef(null);
  return html`<p ref=${ref} class=${text ? "failure" : "failure empty"} role="alert">${text}</p>`;
}

/** A button with its failure below. It keeps its focus while it is busy: it is not disabled. */
export function Button({ action, children, class: kind = "", about, label, describedby }) {
  const { busy, failure, run } = useAction(about);
  return html`<span class="acting">
    <button type="button" class=${kind} aria-busy=${busy} aria-disabled=${busy} aria-label=${label}
      aria-describedby=${describedby} onClick=${() => run(action)}>${children}</button>
    <${Failure} text=${failure} />
  </span>`;
}
