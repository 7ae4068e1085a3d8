// Who is signed in.

import { call, ended, keepToken, readIfKnown, token } from "./api.js";
import { computed, signal } from "./html.js";

/** What the identity provider is called that people sign in by; empty where there is none. */
export const provider = document.querySelector("meta[name=sixfold-provider]")?.content ?? "";

/** The way to the provider, and back to a place of this page. */
export const providerWay = (next) => `/sign-in/oidc?${new URLSearchParams({ next })}`;

/** What the server says of the caller, if it has such an answer. */
const told = signal(null);

/** The name of the user, as the server or else the token says; null if nobody is signed in. */
export const user = computed(() =>
  (token.value ? told.value?.user_id ?? subject(token.value) ?? "?" : null));

function subject(given) {
  try {
    const part = given.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
    const bytes = Uint8Array.from(atob(part), (char) => char.charCodeAt(0));
    return JSON.parse(new TextDecoder().decode(bytes)).sub;
  } catch {
    return null;
  }
}

export async function askWho() {
  told.value = null;
  told.value = await readIfKnown("/api/me");
}

export const previewCode = async (code) =>
  (await call("POST", "/api/sign-in/preview", { json: { code } })).json();

export async function useCode(code) {
  const answer = await (await call("POST", "/api/sign-in", { json: { code } })).json();
  keepToken(answer.token);
}

export async function signOut() {
  const leaving = call("POST", "/api/sign-out").catch(() => {}); // The token is forgotten here anyway.
  await Promise.race([leaving, new Promise((resolve) => setTimeout(resolve, 2000))]);
  keepToken("");
  ended.value = "";
  told.value = null;
}
