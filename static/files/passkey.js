// Passkeys and security keys. A form with data-ceremony brings the options in
// data-options; what the authenticator answers goes into its hidden field, and
// the form is sent like any other. Nothing is fetched and nothing decided here.

const decode = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const encode = (bytes) =>
  btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

// The options with their bytes as bytes. The long way is for browsers before 2025.
function parse(text, create) {
  const given = JSON.parse(text);
  const json = given.publicKey ?? given;
  const native = create ? "parseCreationOptionsFromJSON" : "parseRequestOptionsFromJSON";
  if (PublicKeyCredential[native]) return PublicKeyCredential[native](json);
  const options = { ...json, challenge: decode(json.challenge) };
  if (json.user) options.user = { ...json.user, id: decode(json.user.id) };
  for (const list of ["allowCredentials", "excludeCredentials"]) {
    if (json[list]) options[list] = json[list].map((key) => ({ ...key, id: decode(key.id) }));
  }
  return options;
}

// The answer as JSON. A password manager that stands in for the browser may have
// no toJSON, or one that throws.
function serialize(credential) {
  try {
    return JSON.stringify(credential.toJSON());
  } catch {
    const response = {};
    for (const name of ["clientDataJSON", "authenticatorData", "signature", "userHandle", "attestationObject"]) {
      if (credential.response[name]) response[name] = encode(credential.response[name]);
    }
    const { id, rawId, type } = credential;
    return JSON.stringify({ id, rawId: encode(rawId), type, response, clientExtensionResults: {} });
  }
}

let current = new AbortController(); // of the one ceremony that may run
let running; // its form, while the browser is asking

async function ask(form) {
  current.abort();
  current = new AbortController();
  const { signal } = current;
  const create = form.dataset.ceremony === "create";
  const mediation = form.dataset.ceremony === "conditional" ? "conditional" : "optional";
  const publicKey = parse(form.dataset.options, create);
  const credential = await (create
    ? navigator.credentials.create({ publicKey, signal })
    : navigator.credentials.get({ publicKey, signal, mediation }));
  form.elements.credential.value = serialize(credential);
}

// The button was pressed, or the page starts by itself.
async function run(form) {
  const button = form.querySelector("[type=submit]");
  const say = (text) => (form.querySelector("[role=status]").textContent = text);
  running = form;
  button.setAttribute("aria-disabled", "true");
  say("");
  try {
    await ask(form);
  } catch (error) {
    const { cancelled, failed, exists } = form.dataset;
    // Browsers do not tell a visitor who said no from one who has no key.
    if (error.name === "NotAllowedError") say(cancelled);
    else if (error.name === "InvalidStateError" && exists) say(exists);
    else if (error.name !== "AbortError") {
      say(failed);
      console.error(error); // ours: a wrong RP ID, options that do not parse
    }
  } finally {
    running = undefined;
    button.removeAttribute("aria-disabled");
  }
  if (form.elements.credential.value) form.requestSubmit(button);
}

// Passkeys among the suggestions for a field. What fails here nobody asked for.
async function suggest(form) {
  try {
    if (!(await PublicKeyCredential.isConditionalMediationAvailable?.())) return;
    await ask(form);
    form.requestSubmit();
  } catch (error) {
    if (error.name !== "AbortError" && error.name !== "NotAllowedError") console.error(error);
  }
}

const forms = [...document.querySelectorAll("[data-ceremony]")];
const conditional = forms.filter((form) => form.dataset.ceremony === "conditional");

// Before anything else hears of it: a ceremony's form without its answer is not
// sent but started, and any other ends the ceremony that waits in the background.
addEventListener("submit", (event) => {
  const form = event.target;
  const start = forms.includes(form) && !form.elements.credential.value;
  if (start) {
    event.preventDefault();
    event.stopImmediatePropagation();
    if (form !== running) run(form);
  } else current.abort();
}, true);

if (window.PublicKeyCredential) {
  conditional.forEach(suggest);
  // Once, when the visitor has just come here: not again for who reloads or goes back.
  const [visit] = performance.getEntriesByType("navigation");
  for (const form of forms) if ("auto" in form.dataset && visit?.type === "navigate") run(form);
} else {
  for (const form of forms) {
    form.querySelector("[type=submit]")?.remove();
    form.querySelector("[role=status]")?.append(form.dataset.failed);
  }
}

// The box that keeps an account is in another form than a suggested passkey.
for (const form of conditional) {
  form.addEventListener("formdata", ({ formData }) => {
    for (const box of document.querySelectorAll("[name=remember]")) formData.set(box.name, box.checked ? box.value : "");
  });
}

// A key that was removed elsewhere need not be offered again.
for (const { dataset } of document.querySelectorAll("[data-unknown]")) {
  window.PublicKeyCredential?.signalUnknownCredential?.(JSON.parse(dataset.unknown)).catch(console.error);
}

// A page that waits for a key cannot be kept for going back to; one that comes
// back has no answer yet.
addEventListener("pagehide", () => current.abort());
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of forms) form.elements.credential.value = "";
  conditional.forEach(suggest);
});
