// Addresses and views: links change the address without loading the page anew.

import { signal } from "./html.js";

export const place = signal(read());

function read() {
  const parts = location.pathname.split("/").filter(Boolean).map(decoded);
  return { path: location.pathname, parts, hash: decoded(location.hash.slice(1)) };
}

function decoded(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Goes to an address of this page; `replace` leaves no step to go back to. */
export function go(path, { replace = false } = {}) {
  history[replace ? "replaceState" : "pushState"](null, "", path);
  place.value = read();
}

/** The address of something: its parts, each made safe. */
export const path = (...parts) => `/${parts.map(encodeURIComponent).join("/")}`;

export function followLinks() {
  addEventListener("popstate", () => { place.value = read(); });
  addEventListener("hashchange", () => { place.value = read(); });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a[href]");
    if (!link || event.defaultPrevented || event.button || event.metaKey || event.ctrlKey
      || event.shiftKey || event.altKey || link.target || link.hasAttribute("download")
      || link.origin !== location.origin || !isOwn(link.pathname)) return;
    // To another place of the same view the browser goes by itself.
    if (link.hash && link.pathname === location.pathname) return;
    event.preventDefault();
    go(link.pathname + link.search + link.hash);
    arrive();
  });
}

const isOwn = (pathname) => !/^\/(docs|openapi\.json|api|static|sign-in\/oidc)(\/|$)/.test(pathname);

/** Where a reader, and a screen reader, goes on after a link. */
function arrive() {
  scrollTo(0, 0);
  requestAnimationFrame(() => document.getElementById("view")?.focus({ preventScroll: true }));
}
