// Who is signed in, for pages of your own apps:
//
//   import { whoAmI, signIn, signOut, watch } from "https://auth.example.com/static/torhaus.js";
//
// No token comes here: the browser sends a cookie that no script can read.

/**
 * What GET /session answers.
 * @typedef {object} Session
 * @property {string} subject the user's id
 * @property {string} name
 * @property {string} email
 * @property {string} organization
 * @property {string[]} roles
 * @property {string[]} methods
 * @property {string} auth_time
 * @property {string} expires_at
 * @property {string} idle_expires_at
 * @property {string | null} refresh_at
 * @property {string | null} tokens_expire_at
 */

const base = new URL("..", import.meta.url);
const url = (path, query = {}) => Object.assign(new URL(path, base), { search: new URLSearchParams(query) });

async function ask(query) {
  const answer = await fetch(url("session", query), { credentials: "include" });
  if (answer.ok) return answer.json();
  if (answer.status === 401) return null;
  throw new Error("torhaus answers " + answer.status);
}

/**
 * Who is signed in; null is nobody. It throws when that cannot be told: then keep
 * the visitor, and ask again later.
 * @param {{slide?: boolean}} [options] slide false: asking is no use of the session
 * @returns {Promise<Session | null>}
 */
export async function whoAmI({ slide = true } = {}) {
  const session = await ask({ slide });
  if (session && !signedIn) channel?.postMessage("found"); // most often after a sign-in here
  signedIn = session !== null;
  return session;
}

/**
 * Goes to the sign-in, and comes back to this page.
 * @param {Record<string, string>} [query] return_to, prompt, login_hint, ui_locales and the like
 */
export const signIn = (query) => location.assign(url("login", { return_to: location.href, ...query }));

/**
 * Signs out, and goes on to an address of the app's.
 * @param {{return_to?: string, everywhere?: boolean}} [options] everywhere: on all devices
 */
export function signOut({ return_to = location.origin + "/", everywhere = false } = {}) {
  const form = Object.assign(document.createElement("form"), { method: "post", action: url("logout"), hidden: true });
  for (const [name, value] of [["post_logout_redirect", return_to], ["action", everywhere ? "everywhere" : ""]]) {
    form.append(Object.assign(document.createElement("input"), { name, value }));
  }
  document.body.append(form);
  form.submit();
}

/**
 * Says "ended" when the session ends, wherever that comes from, and "refreshed" when
 * whoAmI would answer something else. An open page keeps nobody signed in.
 * @param {(event: "ended" | "refreshed") => void} listener
 * @returns {() => void} ends it
 */
export function watch(listener) {
  listeners.add(listener);
  start();
  return () => listeners.delete(listener);
}

const listeners = new Set();
const channel = globalThis.BroadcastChannel && new BroadcastChannel("torhaus " + base);
let signedIn; // as far as is known
let started, leading, wake;

function start() {
  if (started) return;
  started = true;
  // One tab listens for all of them, since browsers have few connections to spare.
  navigator.locks?.request("torhaus " + base, lead);
  channel?.addEventListener("message", (event) => tell(event.data));
  // Where none does, or sleeps: whoever is looked at asks.
  document.addEventListener("visibilitychange", () => document.hidden || check());
  setInterval(() => document.hidden || (leading && signedIn !== false) || check(), 60_000);
}

function tell(event) {
  // News to whoever was told of the end, and to nobody else.
  if (event === "found" && signedIn === false) event = "refreshed";
  if (event === "found" || (event === "ended" && signedIn === false)) return;
  signedIn = event !== "ended";
  wake?.();
  for (const listener of [...listeners]) listener(event);
}

function tellAll(event) {
  channel?.postMessage(event);
  tell(event);
}

async function check() {
  const session = await ask({ slide: false }).catch(() => undefined);
  if (session === null) tellAll("ended");
  else if (session && signedIn === false) tellAll("found");
}

async function lead() {
  leading = true;
  for (;;) {
    if (signedIn !== false) {
      await listen();
      await check();
    }
    await new Promise((done) => {
      if (signedIn === false) wake = done;
      setTimeout(done, 10_000 * (1 + Math.random()));
    });
  }
}

// Resolves when the browser gives up: it is refused, or told of the end.
const listen = () => new Promise((done) => {
  const source = new EventSource(url("session/events"), { withCredentials: true });
  source.addEventListener("refreshed", () => tellAll("refreshed"));
  source.addEventListener("ended", () => {
    source.close();
    tellAll("ended");
    done();
  });
  source.onerror = () => source.readyState === source.CLOSED && done();
});
