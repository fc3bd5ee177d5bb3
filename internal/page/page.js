// What the page does with a script: it follows what happens, loads examples without loading itself, and sends by Ctrl+Enter.
// Without one its forms and links do the same.
"use strict";

const examples = document.getElementById("examples");
if (examples) {
  const choice = examples.elements.example;
  const load = async (event) => {
    event.preventDefault();
    const field = document.querySelector("#invoke textarea");
    if (!choice.value) {
      field.value = "{}";
      return;
    }
    const answer = await fetch("/_lpipe/examples/" + encodeURIComponent(choice.value));
    if (answer.ok) field.value = await answer.text();
  };
  choice.addEventListener("change", load);
  examples.addEventListener("submit", load);
}

const form = document.getElementById("invoke");
if (form) {
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  form.addEventListener("submit", () => {
    const button = form.querySelector("button");
    // After the form was read, so that it is sent.
    setTimeout(() => { button.disabled = true; button.textContent = "Waiting for the answer"; });
  });
}
addEventListener("pageshow", () => {
  const button = form && form.querySelector("button");
  if (button) { button.disabled = false; button.textContent = "Send"; }
});

// The parts of the page that are marked live are replaced when lpipe has something new; what a person has open or selected in
// them stays.
const open = (part) => [...part.querySelectorAll("details")].map((d) => d.open);
async function follow() {
  if (document.hidden || !getSelection().isCollapsed) return;
  const version = await (await fetch("/_lpipe/version")).text();
  if (version === document.body.dataset.version) return;
  // A page that was the answer to a form is asked for as the overview.
  const answer = await fetch(location.pathname.endsWith("/invoke") ? "/_lpipe/" : location.href);
  if (!answer.ok) return;
  const next = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const part of document.querySelectorAll("[data-live]")) {
    const other = next.getElementById(part.id);
    if (!other || other.innerHTML === part.innerHTML) continue;
    const focused = part.contains(document.activeElement) && document.activeElement.getAttribute("href");
    const names = (p) => [...p.querySelectorAll("details")].length;
    if (names(part) === names(other)) open(part).forEach((o, i) => { other.querySelectorAll("details")[i].open = o; });
    part.replaceChildren(...other.childNodes);
    if (focused) part.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
  }
  document.body.dataset.version = next.body.dataset.version;
}
setInterval(() => follow().catch(() => {}), 1000);
