// A dialog and the button that opens it; the focus comes back to the button.

import { html, useRef } from "../app/html.js";

export function Dialog({ opens, title, kind = "plain", children }) {
  const ref = useRef(null);
  const close = () => ref.current.close();
  return html`<button type="button" class=${kind === "danger" ? "plain danger" : kind} onClick=${() => ref.current.showModal()}>${opens}</button>
    <dialog ref=${ref} aria-label=${title}><h2>${title}</h2>${children(close)}</dialog>`;
}
