/* Keys of every page: ? opens the list of them, G and a letter goes to an area, / to the search, J and K walk a list.
 *
 * Keys that are a single character can be switched off in the list, for those who speak to their computer or press keys
 * by accident: then no module hears them. */

const sheet = document.getElementById("shortcuts");
const choice = document.getElementById("single-keys");
const KEPT = "parley:single-keys";
const WRITES = "input:not([type='checkbox'], [type='radio'], [type='button'], [type='submit']), textarea, select, [contenteditable]";
const CAN_BE_REACHED = "a[href], button:not(:disabled), input:not([type='hidden'], :disabled), summary";
const CHORD_MS = 1500;
let chordUntil = 0;

const isWriting = (target) => Boolean(target.closest?.(WRITES));
const isSingle = (event) => event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;

function areOn() {
  try {
    return localStorage.getItem(KEPT) !== "off";
  } catch {
    return true;
  }
}

function keep(on) {
  try {
    if (on) localStorage.removeItem(KEPT);
    else localStorage.setItem(KEPT, "off");
  } catch {
    /* Without storage they are on again with the next page. */
  }
}

/** The list names only what this page has. */
function fillSheet() {
  for (const part of sheet.querySelectorAll("[data-needs]")) part.hidden = !document.querySelector(part.dataset.needs);
  choice.checked = areOn();
}

/* By the letter that the list names, whatever the area is called in the page's language. */
function goToArea(letter) {
  [...document.querySelectorAll(".areas a")].find((link) => link.dataset.key === letter)?.click();
}

/* Rows of tables and lists, or the questions of a conversation. */
function stops() {
  const questions = [...document.querySelectorAll("#messages > .question")];
  if (questions.length) return questions;
  const rows = document.querySelectorAll("main .table-frame tbody tr, main .plain-list > li, main .card");
  return [...rows].filter((row) => row.checkVisibility() && row.querySelector(CAN_BE_REACHED));
}

/** The row after (or before) the one that has the focus; in a conversation the question after what is read. */
function walk(step) {
  const all = stops();
  const at = all.findIndex((one) => one.contains(document.activeElement));
  const beyond = (one) => one.getBoundingClientRect().top - Number.parseFloat(getComputedStyle(one).scrollMarginTop);
  let next = all[at + step];
  if (at < 0) next = step > 0 ? (all.find((one) => beyond(one) > 2) ?? all[0]) : (all.findLast((one) => beyond(one) < -2) ?? all.at(-1));
  if (!next) return;
  if (next.matches(".question")) {
    next.tabIndex = -1;
    next.focus({ preventScroll: true });
    next.scrollIntoView();
    return;
  }
  const [first] = [...next.querySelectorAll(CAN_BE_REACHED)].filter((one) => one.checkVisibility());
  first?.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function search() {
  const field = document.querySelector("main input[type='search']");
  field?.focus();
  field?.select();
  return Boolean(field);
}

function press(event) {
  const key = event.key.toLowerCase();
  if (Date.now() < chordUntil) {
    /* Whatever it was, it was not meant for anybody else. */
    chordUntil = 0;
    goToArea(key);
    return true;
  }
  if (key === "g") {
    chordUntil = Date.now() + CHORD_MS;
    return true;
  }
  if (key === "?") {
    fillSheet();
    sheet.showModal();
    return true;
  }
  if (key === "/" && !document.getElementById("composer")) return search();
  if ((key === "j" || key === "k") && !document.getElementById("queue-rows")) {
    walk(key === "j" ? 1 : -1);
    return true;
  }
  return false;
}

/* Before every other module, so that what is switched off reaches none of them. */
addEventListener(
  "keydown",
  (event) => {
    if (!isSingle(event) || isWriting(event.target)) return;
    if (!areOn()) {
      event.stopImmediatePropagation();
      return;
    }
    if (event.repeat && event.key.toLowerCase() === "g") return;
    if (document.querySelector("dialog[open], .menu:popover-open") || !press(event)) return;
    event.preventDefault();
    event.stopImmediatePropagation();
  },
  true,
);

choice.addEventListener("change", () => keep(choice.checked));
/* Buttons open it as they do every dialog, in shell.js. */
document.addEventListener("click", (event) => event.target.closest?.("[data-opens='shortcuts']") && fillSheet());
