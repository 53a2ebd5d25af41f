/* The branch that is shown: a new message takes its place after the one it follows, instead of what followed that
 * before; another version is shown where one stood; a question opens as a form in its own place. */

const messages = document.getElementById("messages");
const announcer = document.getElementById("announcer");
const toasts = document.getElementById("toasts");
const typesWithThumbs = matchMedia("(pointer: coarse)");
const FORK = ".versions[data-place]";

const articleOf = (id) => document.getElementById(`m-${id}`);

/** Give a new article its place, and say whether there is one: there is none when it follows what this page lacks. */
export function makeRoom(article) {
  const parent = article.dataset.parent && articleOf(article.dataset.parent);
  if (article.dataset.parent && !parent) return false;
  const gone = [...messages.children];
  for (const one of parent ? gone.slice(gone.indexOf(parent) + 1) : gone) one.remove();
  const place = document.createElement("article");
  place.id = article.id;
  messages.append(place);
  return true;
}

/* ---- another version: what was clicked stays where it is, and keeps the focus */

let fork = null;

function rememberFork(event) {
  const group = event.detail.requestConfig?.elt?.closest?.(FORK);
  fork = group && { place: group.dataset.place, top: group.getBoundingClientRect().top, had: group.contains(document.activeElement) };
}

function returnToFork() {
  if (!fork) return;
  const group = messages.querySelector(`${FORK}[data-place="${fork.place}"]`);
  if (group) {
    scrollBy({ top: group.getBoundingClientRect().top - fork.top, behavior: "instant" });
    if (fork.had && !group.contains(document.activeElement)) group.querySelector("button:enabled")?.focus({ preventScroll: true });
    if (announcer) announcer.textContent = group.textContent.replace(/\s+/g, " ").trim();
  }
  fork = null;
  document.dispatchEvent(new CustomEvent("parley:turned"));
}

/* ---- earlier messages come in above; what one reads stays where it is */

let reading = null;

function rememberPlace(event) {
  const first = event.detail.elt?.id === "earlier" && messages.querySelector("article");
  reading = first && { first, top: first.getBoundingClientRect().top };
}

function returnToPlace() {
  if (reading) scrollBy({ top: reading.first.getBoundingClientRect().top - reading.top, behavior: "instant" });
  reading = null;
}

/* ---- editing a question */

function openForm(link) {
  const article = link.closest("article");
  const form = document.getElementById("edit-question").content.firstElementChild.cloneNode(true);
  form.setAttribute("action", link.dataset.edits);
  form.elements.client_id.value = crypto.randomUUID();
  const field = form.elements.text;
  field.value = article.querySelector(".question-text").textContent;
  article.dataset.editing = "";
  article.append(form);
  fit(field);
  field.focus({ preventScroll: true });
  field.setSelectionRange(field.value.length, field.value.length);
  form.scrollIntoView({ block: "nearest" });
}

function closeForm(form) {
  const article = form.closest("article");
  delete article.dataset.editing;
  form.remove();
  article.querySelector("[data-edits]").focus({ preventScroll: true });
  document.dispatchEvent(new CustomEvent("parley:unedited"));
}

/* Escape and Cancel take the form away; where a page came with it open there is nothing under it, so that page is left. */
function cancel(event, form) {
  if (!form.closest("[data-editing]")) return;
  event.preventDefault();
  closeForm(form);
}

function fit(field) {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight + 2}px`;
}

function typed(event) {
  const form = event.target.closest(".edit");
  if (!form || event.target.name !== "text") return;
  if (event.key === "Escape") {
    cancel(event, form);
  } else if (event.key === "Enter" && !event.shiftKey && !event.isComposing && !typesWithThumbs.matches) {
    event.preventDefault();
    form.requestSubmit();
  }
}

/* What was not taken can be changed and sent once more. */
function unlock(nodes) {
  for (const node of nodes) {
    const refused = node.dataset?.refused;
    const form = refused && [...messages.querySelectorAll(".edit")].find((one) => one.elements.client_id.value === refused);
    if (!form) continue;
    form.elements.client_id.value = crypto.randomUUID();
    delete form.dataset.sent;
    form.elements.text.focus({ preventScroll: true });
  }
}

if (messages) {
  messages.addEventListener("htmx:beforeSwap", (event) => {
    rememberFork(event);
    rememberPlace(event);
  });
  messages.addEventListener("htmx:afterSwap", () => {
    returnToFork();
    returnToPlace();
  });
  messages.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    const link = event.target.closest("[data-edits]");
    if (link) {
      event.preventDefault();
      openForm(link);
    }
    const form = event.target.closest("[data-cancels]")?.closest(".edit");
    if (form) cancel(event, form);
  });
  messages.addEventListener("keydown", typed);
  messages.addEventListener("input", (event) => event.target.closest(".edit") && fit(event.target));
  new MutationObserver((changes) => unlock(changes.flatMap(({ addedNodes }) => [...addedNodes]))).observe(toasts, { childList: true });
}
