// Comfort for forms. Every page works without it; nothing here decides anything.

// Show or hide a password. The button is hidden until we are here to answer it.
for (const button of document.querySelectorAll(".reveal")) {
  const input = document.getElementById(button.getAttribute("aria-controls"));
  const hidden = [button.textContent, button.ariaLabel];
  const shown = [button.dataset.text, button.dataset.label];
  const show = (yes) => {
    input.type = yes ? "text" : "password";
    [button.textContent, button.ariaLabel] = yes ? shown : hidden;
  };
  button.hidden = false;
  button.addEventListener("click", () => show(input.type === "password"));
  // Sent as a password, or browsers would keep it among words they suggest.
  input.form.addEventListener("submit", () => show(false));

  const caps = input.parentElement.nextElementSibling;
  const check = (event) => {
    const on = event.type !== "blur" && event.getModifierState?.("CapsLock");
    const text = on ? caps.dataset.text : "";
    if (caps.textContent !== text) caps.textContent = text;
  };
  for (const type of ["keydown", "keyup", "blur"]) input.addEventListener(type, check);
}

// Tick off the rules for a new password as it is typed.
const rules = {
  length: (text, item) => [...text].length >= item.dataset.min,
  symbol: (text) => /[^A-Za-z0-9]/.test(text),
  number: (text) => /[0-9]/.test(text),
  uppercase: (text) => /[A-Z]/.test(text),
  lowercase: (text) => /[a-z]/.test(text),
};
for (const list of document.querySelectorAll(".rules")) {
  const input = document.getElementById(list.dataset.for);
  const check = () => {
    for (const item of list.querySelectorAll("li")) {
      const met = rules[item.dataset.rule](input.value, item);
      item.classList.toggle("met", met);
      item.lastElementChild.textContent = ` (${met ? list.dataset.met : list.dataset.unmet})`;
    }
  };
  input.addEventListener("input", check);
  check();
}

// Copy what would be tedious to type. The button says when it is done.
for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.dataset.copy);
    button.textContent = button.dataset.text;
  });
}

// One submission at a time. The button keeps its label, its focus and its width.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.busy) return event.preventDefault();
    form.dataset.busy = "1";
    (event.submitter ?? form.querySelector("[type=submit]"))?.setAttribute("aria-disabled", "true");
  });
}

// Back from the browser's cache: the page is as it was left, so free it again.
addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  for (const form of document.querySelectorAll("[data-busy]")) {
    delete form.dataset.busy;
    form.querySelector("[aria-disabled]")?.removeAttribute("aria-disabled");
  }
});

// A page that only carries something on presses its button: once, not again for who
// reloads or goes back.
const [visit] = performance.getEntriesByType("navigation");
const carrying = document.querySelector("form[data-go]");
if (visit?.type === "navigate") carrying?.requestSubmit(carrying.querySelector("[type=submit]"));

// Read the problem out first; its link leads to the field.
document.querySelector(".summary")?.focus();
