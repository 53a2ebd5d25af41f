/* The words behind a citation, shown while it is pointed at or has the focus, as is that a sentence has no source; and the
 * words of the question, marked in the passages that were found. */
import { placeBeside } from "./shell.js";

const messages = document.getElementById("messages");
const WAIT_MS = 120;
const HAS_WORDS = "a.cite, .unsupported";
let peek = null;
let shown = null;
let waiting = 0;

function cardOf(cite) {
  return cite.closest("article")?.querySelector(`.source-card[data-number="${cite.dataset.number}"]`);
}

function makePeek() {
  const box = document.createElement("div");
  box.id = "peek";
  box.className = "peek";
  box.popover = "manual";
  box.role = "tooltip";
  document.body.append(box);
  return box;
}

/* What there is to say: the card's own words, or that there is none. */
function wordsOf(one) {
  if (one.matches(".unsupported")) return [messages.dataset.noSource];
  const card = cardOf(one);
  return card ? ["title", "path", "quote"].map((part) => card.querySelector(`.source-${part}`).cloneNode(true)) : [];
}

function show(cite) {
  const words = wordsOf(cite);
  if (!words.length) return;
  peek ??= makePeek();
  peek.replaceChildren(...words);
  if (cite.matches(".cite")) cite.setAttribute("aria-describedby", "peek");
  shown = cite;
  peek.showPopover();
  placeBeside(peek, cite);
}

/* A citation that gets the focus out of sight is scrolled to: what it says comes along. */
function follow() {
  if (!peek?.matches(":popover-open")) return;
  const { top, bottom } = shown.getBoundingClientRect();
  if (shown.isConnected && bottom > 0 && top < innerHeight) placeBeside(peek, shown);
  else hide();
}

function hide() {
  clearTimeout(waiting);
  if (peek?.matches(":popover-open")) peek.hidePopover();
  document.querySelector(".cite[aria-describedby]")?.removeAttribute("aria-describedby");
}

function onto(event) {
  const cite = event.target.closest?.(HAS_WORDS);
  if (!cite) return;
  hide();
  waiting = setTimeout(() => cite.isConnected && show(cite), event.type === "focusin" ? 0 : WAIT_MS);
}

function off(event) {
  if (event.target.closest?.(HAS_WORDS)) hide();
}

/* A citation under the pointer lights up its card, and the other way round. */
function pair(event) {
  const one = event.target.closest?.("[data-number]");
  for (const lit of messages.querySelectorAll("[data-lit]")) lit.removeAttribute("data-lit");
  if (!one || event.type === "pointerout") return;
  for (const other of one.closest("article").querySelectorAll(`[data-number="${one.dataset.number}"]`)) other.dataset.lit = "";
}

const COMMON = new Set(
  "about after also and any are before but can could did does for from get had has have how into its may more much must not our out shall should than that the their them then there they this was were what when where which who whom whose why will with would you your".split(" "),
);
const stem = (word) => word.toLowerCase().replace(/(ing|ed|es|s)$/, "");

/** Mark the question's words in the quotes of its answer, without touching the page's own elements. */
function markWords() {
  if (!window.Highlight) return;
  const ranges = [];
  for (const answer of messages.querySelectorAll(".answer")) {
    const asked = answer.previousElementSibling?.querySelector(".question-text")?.textContent ?? "";
    const stems = new Set((asked.match(/\p{L}{3,}/gu) ?? []).filter((word) => !COMMON.has(word.toLowerCase())).map(stem));
    for (const quote of answer.querySelectorAll(".source-card .source-quote")) {
      if (quote.firstElementChild || !quote.firstChild) continue;
      for (const found of quote.textContent.matchAll(/\p{L}{3,}/gu)) {
        if (!stems.has(stem(found[0]))) continue;
        const range = new Range();
        range.setStart(quote.firstChild, found.index);
        range.setEnd(quote.firstChild, found.index + found[0].length);
        ranges.push(range);
      }
    }
  }
  CSS.highlights.set("asked", new Highlight(...ranges));
}

if (messages) {
  for (const name of ["pointerover", "focusin"]) messages.addEventListener(name, onto);
  for (const name of ["pointerout", "focusout"]) messages.addEventListener(name, off);
  for (const name of ["pointerover", "pointerout"]) messages.addEventListener(name, pair);
  document.addEventListener("click", (event) => event.target.closest?.(".unsupported") || hide(), true);
  addEventListener("scroll", follow, { passive: true, capture: true });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && peek?.matches(":popover-open")) {
      hide();
      event.preventDefault();
    }
  });
  document.addEventListener("htmx:oobAfterSwap", (event) => {
    if (event.detail.target?.matches?.(".evidence, .answer, .question")) markWords();
  });
  document.addEventListener("htmx:afterSettle", ({ detail }) => detail.xhr && markWords());
  markWords();
}
