/* Opens the source behind a citation in the pane beside the page, and turns to the other citations of the same answer.
 * Without scripts the same links open a page. */

import { word } from "./words.js";

const viewer = document.getElementById("viewer");
const body = document.getElementById("viewer-body");
const ownPage = document.getElementById("viewer-page");
const title = document.getElementById("viewer-title");
const turn = document.getElementById("viewer-turn");
const place = document.getElementById("viewer-place");
const isSheet = matchMedia("(width < 52rem)");
const ENLARGED = "parley.page-enlarged";
let opener = null;
let latest = 0;

const behind = () => [...document.querySelectorAll(".shell > :not(.viewer, .viewer-veil)")];
const scopeOf = (link) => link.closest("article:not(.passage)") ?? document;

function show(link) {
  viewer.hidden = false;
  for (const part of behind()) part.inert = isSheet.matches;
  if (viewer.contains(link)) return;
  opener = link;
  document.querySelectorAll("[data-open]").forEach((one) => one.removeAttribute("data-open"));
  const scope = scopeOf(link);
  const number = link.dataset.number;
  link.dataset.open = "";
  if (number) scope.querySelectorAll(`[data-number="${number}"]`).forEach((one) => (one.dataset.open = ""));
  bringCardIntoSight(scope);
  showPlace();
}

/* Sideways only: the page itself stays where it is. */
function bringCardIntoSight(scope) {
  const card = scope.querySelector(".source-card[data-open]");
  const row = card?.closest("ul");
  if (!row) return;
  const at = card.getBoundingClientRect();
  const frame = row.getBoundingClientRect();
  const beyond = Math.max(0, at.right + 48 - frame.right) || Math.min(0, at.left - 24 - frame.left);
  row.scrollBy({ left: beyond });
}

/** Close the pane; the focus goes back to the link that opened it. */
export function closeViewer() {
  if (viewer.hidden) return;
  latest += 1;
  viewer.hidden = true;
  for (const part of behind()) part.inert = false;
  document.querySelectorAll("[data-open]").forEach((one) => one.removeAttribute("data-open"));
  if (opener?.isConnected) opener.focus({ preventScroll: true });
  opener = null;
}

function say(text) {
  const line = document.createElement("p");
  line.className = "quiet";
  line.textContent = text;
  body.replaceChildren(line);
}

/* ---------------------------------------------------------------- the citations of one answer */

/* Those that are cited, where the opened one is; else everything that was found. One for each number, in order. */
function siblings() {
  if (!opener?.isConnected || !opener.dataset.number) return { links: [], at: -1, areCited: false };
  const scope = scopeOf(opener);
  const byNumber = new Map();
  for (const link of scope.querySelectorAll("a.opens-viewer[data-number]")) {
    if (!byNumber.has(link.dataset.number)) byNumber.set(link.dataset.number, link);
  }
  const areCited = "cited" in (byNumber.get(opener.dataset.number)?.dataset ?? {});
  const links = [...byNumber.values()]
    .filter((link) => !areCited || "cited" in link.dataset)
    .sort((one, other) => one.dataset.number - other.dataset.number);
  return { links, at: links.findIndex((link) => link.dataset.number === opener.dataset.number), areCited };
}

function showPlace() {
  const { links, at, areCited } = siblings();
  turn.hidden = links.length < 2 || at < 0;
  const kind = document.createElement("span");
  kind.className = "viewer-word";
  kind.textContent = `${word(areCited ? "citation" : "passage")} `;
  place.replaceChildren(...(turn.hidden ? [] : [kind, word("place", { at: at + 1, count: links.length })]));
  document.getElementById("viewer-before").disabled = at <= 0;
  document.getElementById("viewer-after").disabled = at >= links.length - 1;
}

function turnBy(step) {
  const { links, at } = siblings();
  const next = at < 0 ? null : links[at + step];
  if (!next) return false;
  const button = document.activeElement?.closest(".viewer-turn button");
  open(next, { keepsFocus: Boolean(button) || viewer.contains(document.activeElement) });
  if (button?.disabled) viewer.focus({ preventScroll: true });
  return true;
}

function stepOf(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return 0;
  if (event.target.closest?.("input, textarea, select, [contenteditable], dialog, .menu")) return 0;
  if (event.key === "[" || event.key === "]") return event.key === "[" ? -1 : 1;
  const scrollsSideways = event.target.closest?.(".scrolls, .page-frame, pre");
  if (!viewer.contains(event.target) || scrollsSideways || event.shiftKey) return 0;
  const onwards = document.dir === "rtl" ? "ArrowLeft" : "ArrowRight";
  if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return 0;
  return event.key === onwards ? 1 : -1;
}

/* ---------------------------------------------------------------- the cited words */

/* Into view: in the pane without moving the page behind, on a page of its own in the middle. */
function turnToCited() {
  if (!viewer.hidden) {
    const cited = body.querySelector("#cited, .passage-text mark");
    body.scrollTop = cited ? cited.getBoundingClientRect().top - body.getBoundingClientRect().top + body.scrollTop - 96 : 0;
  }
  for (const frame of document.querySelectorAll(".page-frame")) {
    const cited = frame.querySelector("#cited");
    if (!cited) continue;
    frame.scrollBy({ left: cited.getBoundingClientRect().left - frame.getBoundingClientRect().left - 24 });
  }
  document.querySelector("main .passage #cited")?.scrollIntoView({ block: "center", inline: "nearest" });
}

/* Without a picture there is still the text. */
function fallBackToText(image) {
  const text = image.closest(".passage")?.querySelector("#passage-as-text");
  if (!text || image.dataset.failed) return;
  image.dataset.failed = "";
  const note = document.createElement("p");
  note.className = "small";
  note.role = "status";
  note.textContent = word("noPicture");
  image.closest(".page-figure").prepend(note);
}

function enlarge(isLarge) {
  for (const figure of document.querySelectorAll(".page-figure")) figure.toggleAttribute("data-large", isLarge);
  for (const button of document.querySelectorAll("[data-enlarge]")) button.ariaPressed = String(isLarge);
}

/* ---------------------------------------------------------------- opening */

/* The card knows the words that were cited in the end; a chip was written before that was settled. */
function addressOf(link) {
  const card = link.closest("article")?.querySelector(`.source-card[data-number="${link.dataset.number}"]`);
  return (card ?? link).getAttribute("href");
}

async function open(link, { keepsFocus = false } = {}) {
  const href = addressOf(link);
  const mine = (latest += 1);
  show(link);
  ownPage.href = href;
  viewer.setAttribute("aria-busy", "true");
  if (!body.childElementCount) say(word("opening"));
  if (!keepsFocus) viewer.focus({ preventScroll: true });
  let failed = true;
  const note = ({ detail }) => (failed = !detail.successful);
  body.addEventListener("htmx:afterRequest", note, { once: true });
  try {
    await htmx.ajax("GET", href, { source: body, target: body, swap: "innerHTML" });
  } catch {
    failed = true;
  }
  body.removeEventListener("htmx:afterRequest", note);
  if (mine !== latest) return;
  viewer.removeAttribute("aria-busy");
  if (failed) say(word("notOpened"));
  arrive();
}

/* A passage has come, into the pane or the page. */
function arrive() {
  if (title) title.textContent = title.title = body.querySelector("#passage-title")?.textContent ?? word("source");
  enlarge((localStorage.getItem(ENLARGED) ?? (isSheet.matches ? "yes" : "no")) === "yes");
  turnToCited();
}

/* What comes before is put in above: the words one is reading stay where they are. */
function keepPlace(event) {
  if (!event.target.matches?.(".passage-more:has(#passage-earlier)")) return;
  const scroller = viewer.contains(event.target) ? body : document.scrollingElement;
  const below = scroller.scrollHeight - scroller.scrollTop;
  scroller.style.overflowAnchor = "none";
  addEventListener(
    "htmx:afterSettle",
    () => {
      scroller.scrollTop = scroller.scrollHeight - below;
      scroller.style.overflowAnchor = "";
    },
    { once: true },
  );
}

if (viewer) {
  document.addEventListener("click", (event) => {
    const plain = !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey && event.button === 0;
    const link = event.target.closest?.("a.cite:not([href^='#']), a.opens-viewer");
    // A passage on a page of its own leads on to pages.
    if (!link || !plain || !window.htmx || link.closest("main .passage")) return;
    event.preventDefault();
    open(link);
  });
  document.getElementById("viewer-close").addEventListener("click", closeViewer);
  document.getElementById("viewer-before").addEventListener("click", () => turnBy(-1));
  document.getElementById("viewer-after").addEventListener("click", () => turnBy(1));
  document.querySelector(".viewer-veil").addEventListener("click", closeViewer);
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || viewer.hidden) return;
    const step = stepOf(event);
    if (step && turnBy(step)) event.preventDefault();
    if (event.key !== "Escape" || document.querySelector("dialog[open], .menu:popover-open")) return;
    event.preventDefault();
    closeViewer();
  });
  isSheet.addEventListener("change", () => behind().forEach((part) => (part.inert = isSheet.matches && !viewer.hidden)));
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-enlarge]");
  if (!button) return;
  const isLarge = button.ariaPressed !== "true";
  localStorage.setItem(ENLARGED, isLarge ? "yes" : "no");
  enlarge(isLarge);
  turnToCited();
});
document.addEventListener("error", (event) => event.target.matches?.(".page-sheet img") && fallBackToText(event.target), true);
document.addEventListener("htmx:beforeSwap", keepPlace);
document.addEventListener("htmx:afterSwap", ({ detail: { elt } }) => {
  if (!elt?.matches?.(".passage")) return;
  arrive();
  // What was pressed may be gone, as at the last page.
  if (document.activeElement === document.body) (elt.querySelector(".page-frame") ?? body).focus({ preventScroll: true });
});

if (document.querySelector("main .passage")) arrive();
