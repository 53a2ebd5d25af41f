/* Opens the source behind a citation in the pane beside the page. Without scripts the same links open a page. */

const viewer = document.getElementById("viewer");
const body = document.getElementById("viewer-body");
const ownPage = document.getElementById("viewer-page");
const isSheet = matchMedia("(width < 52rem)");
let opener = null;
let latest = 0;

const behind = () => [...document.querySelectorAll(".shell > :not(.viewer, .viewer-veil)")];

function show(link) {
  opener = link;
  viewer.hidden = false;
  for (const part of behind()) part.inert = isSheet.matches;
  document.querySelectorAll("[data-open]").forEach((one) => one.removeAttribute("data-open"));
  const scope = link.closest("article") ?? document;
  const number = link.dataset.number;
  link.dataset.open = "";
  if (number) scope.querySelectorAll(`[data-number="${number}"]`).forEach((one) => (one.dataset.open = ""));
  bringCardIntoSight(scope);
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

/** Bring the cited words into view without moving the page behind. */
function turnToCited() {
  const cited = body.querySelector("#cited, mark");
  body.scrollTop = cited ? cited.getBoundingClientRect().top - body.getBoundingClientRect().top + body.scrollTop - 96 : 0;
}

/* The card knows the words that were cited in the end; a chip was written before that was settled. */
function addressOf(link) {
  const card = link.closest("article")?.querySelector(`.source-card[data-number="${link.dataset.number}"]`);
  return (card ?? link).getAttribute("href");
}

async function open(link) {
  const href = addressOf(link);
  const turn = (latest += 1);
  show(link);
  ownPage.href = href;
  viewer.setAttribute("aria-busy", "true");
  if (!body.childElementCount) say("Opening the source…");
  viewer.focus({ preventScroll: true });
  let failed = true;
  const note = ({ detail }) => (failed = !detail.successful);
  body.addEventListener("htmx:afterRequest", note, { once: true });
  try {
    await htmx.ajax("GET", href, { source: body, target: body, swap: "innerHTML" });
  } catch {
    failed = true;
  }
  body.removeEventListener("htmx:afterRequest", note);
  if (turn !== latest) return;
  viewer.removeAttribute("aria-busy");
  if (failed) say("This source cannot be opened. It may have been withdrawn, or you may no longer read it.");
  turnToCited();
}

if (viewer) {
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.("a.cite, a.opens-viewer");
    const plain = !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey && event.button === 0;
    if (!link || !plain || !window.htmx) return;
    event.preventDefault();
    open(link);
  });
  document.getElementById("viewer-close").addEventListener("click", closeViewer);
  document.querySelector(".viewer-veil").addEventListener("click", closeViewer);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.defaultPrevented || viewer.hidden) return;
    if (document.querySelector("dialog[open], .menu:popover-open")) return;
    event.preventDefault();
    closeViewer();
  });
  isSheet.addEventListener("change", () => behind().forEach((part) => (part.inert = isSheet.matches && !viewer.hidden)));
}
