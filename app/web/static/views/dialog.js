// A dialog and the button that opens it; the focus comes back to the button.

import { html, useRef } from "../app/html.js";

/** What is marked `data-first` has the focus when it opens: in a question, the answer that keeps. */
export function Dialog({ opens, title, kind = "plain", children }) {
  const dialog = useRef(null);
  const opener = useRef(null);
  const open = () => {
    dialog.current.showModal();
    dialog.current.querySelector("[data-first]")?.focus();
  };
  const close = () => dialog.current.close();
  return html`<button type="button" class=${kind === "danger" ? "plain danger" : kind} ref=${opener} onClick=${open}>${opens}</button>
    <dialog ref=${dialog} aria-label=${title} onClose=${() => opener.current?.focus()}><h2>${title}</h2>${children(close)}</dialog>`;
}
