/* Saved prompts in the composer: a slash at its beginning offers them, and what is to be filled in is asked for above. */

import { word } from "./words.js";

const field = document.getElementById("question");
const composing = field?.closest(".composing");
const menu = document.getElementById("prompt-menu");
const options = document.getElementById("prompt-options");
const panel = document.getElementById("prompt-fill");
const news = document.getElementById("prompt-news");
const opener = document.getElementById("prompt-open");
const PAUSE_MS = 80;
const typesWithThumbs = matchMedia("(pointer: coarse)");
let asked = null;
let pause = 0;
let isLooking = false;
let wasEntered = false;

/** What is looked for: the line after a slash that begins the question, or null. */
const words = () => /^\/([^\n]{0,80})$/.exec(field.value)?.[1] ?? null;
const listed = () => [...options.children];
const chosen = () => options.querySelector("[aria-selected='true']");

async function fragment(address) {
  asked?.abort();
  asked = new AbortController();
  const response = await fetch(address, { headers: { "HX-Request": "true" }, signal: asked.signal });
  if (!response.ok || response.redirected) throw new Error(`${address} answered ${response.status}`);
  return response.text();
}

function choose(option) {
  for (const one of listed()) one.setAttribute("aria-selected", String(one === option));
  if (option) {
    field.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  } else {
    field.removeAttribute("aria-activedescendant");
  }
}

/* While it is open the field is a combobox; otherwise it is a field of several lines, and is called that. */
function show() {
  menu.hidden = false;
  field.setAttribute("role", "combobox");
  field.setAttribute("aria-autocomplete", "list");
  field.setAttribute("aria-haspopup", "listbox");
  field.setAttribute("aria-controls", options.id);
  field.setAttribute("aria-expanded", "true");
  opener.setAttribute("aria-expanded", "true");
  choose(listed()[0]);
  const count = listed().length;
  news.textContent = word(count ? (count === 1 ? "onePrompt" : "prompts") : "noPrompts", { count });
}

function close() {
  clearTimeout(pause);
  asked?.abort();
  isLooking = wasEntered = false;
  if (menu.hidden) return;
  menu.hidden = true;
  news.textContent = "";
  for (const name of ["role", "autocomplete", "haspopup", "controls", "expanded", "activedescendant"]) {
    field.removeAttribute(name === "role" ? name : `aria-${name}`);
  }
  opener.setAttribute("aria-expanded", "false");
}

async function offer(filter) {
  isLooking = true;
  try {
    options.innerHTML = await fragment(`${field.dataset.prompts}?q=${encodeURIComponent(filter)}`);
  } catch (error) {
    if (error.name !== "AbortError") close();
    return;
  }
  isLooking = false;
  const enters = wasEntered;
  wasEntered = false;
  if (listed().length || !filter) show();
  else close();
  if (!enters) return;
  if (chosen() && !menu.hidden) take(chosen());
  else field.form.requestSubmit();
}

/** Look for what stands after the slash, as soon as the fingers rest. */
function look() {
  const filter = words();
  if (filter === null) {
    close();
    return;
  }
  clearTimeout(pause);
  isLooking = true;
  pause = setTimeout(() => offer(filter), menu.hidden ? 0 : PAUSE_MS);
}

async function take(option) {
  const address = option.dataset.fill;
  close();
  if (words() !== null) write("", 0, field.value.length);
  try {
    panel.innerHTML = await fragment(address);
  } catch {
    return;
  }
  const first = panel.querySelector("input[data-place]");
  if (first) first.select();
  else putIn();
}

function write(text, from = field.selectionStart, to = field.selectionEnd) {
  field.setRangeText(text, from, to, "end");
  field.dispatchEvent(new Event("input", { bubbles: true }));
}

/** The text as it stands in the panel goes where the caret is. */
function putIn() {
  const { textContent } = panel.querySelector(".prompt-text");
  giveUp();
  write(textContent);
  field.scrollTop = field.scrollHeight;
}

/** Whether the address names a prompt; it does so no longer: a reload finds the draft that it has become. */
function leaveAddress() {
  const here = new URL(location.href);
  if (!here.searchParams.has("prompt")) return false;
  here.searchParams.delete("prompt");
  history.replaceState(history.state, "", here);
  return true;
}

function giveUp() {
  panel.replaceChildren();
  leaveAddress();
  field.focus();
}

function onKey(event) {
  if ((menu.hidden && !isLooking) || event.target !== field || event.isComposing) return;
  const all = listed();
  const now = all.indexOf(chosen());
  if (isLooking && event.key === "Enter" && !event.shiftKey && !typesWithThumbs.matches) {
    wasEntered = true; /* Fingers are quicker than the list: what they meant is known once it is there. */
  } else if (menu.hidden) {
    return;
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    choose(all.at((now + (event.key === "ArrowDown" ? 1 : -1)) % Math.max(all.length, 1)));
  } else if ((event.key === "Enter" || event.key === "Tab") && !event.shiftKey && now >= 0) {
    take(all[now]);
  } else if (event.key === "Escape") {
    close();
  } else {
    return;
  }
  event.preventDefault();
  event.stopPropagation();
}

if (composing && menu) {
  opener.setAttribute("role", "button");
  opener.setAttribute("aria-haspopup", "listbox");
  opener.setAttribute("aria-expanded", "false");
  /* What other modules put there is no search. */
  field.addEventListener("input", (event) => (event.isTrusted ? look() : close()));
  composing.addEventListener("keydown", onKey, true);
  composing.addEventListener("focusout", ({ relatedTarget }) => composing.contains(relatedTarget) || close());
  options.addEventListener("pointerdown", (event) => event.preventDefault());
  options.addEventListener("click", ({ target }) => {
    const option = target.closest("[role='option']");
    if (option) take(option);
  });
  opener.addEventListener("pointerdown", (event) => event.preventDefault());
  opener.addEventListener("keydown", (event) => {
    if (event.key !== " ") return;
    event.preventDefault();
    opener.click();
  });
  opener.addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    event.preventDefault();
    const wasOpen = !menu.hidden;
    field.focus();
    if (wasOpen) close();
    else {
      if (!field.value) write("/");
      offer(words() ?? "");
    }
  });
  document.addEventListener("pointerdown", ({ target }) => composing.contains(target) || close());

  panel.addEventListener("input", ({ target }) => {
    for (const one of panel.querySelectorAll(".place")) {
      if (one.dataset.place === target.dataset.place) one.textContent = target.value.trim() || one.dataset.else;
    }
  });
  panel.addEventListener("submit", (event) => {
    event.preventDefault();
    putIn();
  });
  panel.addEventListener("click", (event) => {
    if (!event.target.closest("[data-gives-up]")) return;
    event.preventDefault();
    giveUp();
  });
  panel.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    giveUp();
  });

  const first = panel.querySelector("input[data-place]");
  if (first) first.select();
  else if (leaveAddress()) write("", field.value.length, field.value.length);
}
