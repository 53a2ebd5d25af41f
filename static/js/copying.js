/* Copying: a whole answer as Markdown with its sources, or one block of code; and whether long lines of code are wrapped. */
import { toast } from "./toasts.js";
import { word } from "./words.js";

const messages = document.getElementById("messages");

async function markdownOf(id) {
  const response = await fetch(`/api/v1/messages/${id}`, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(String(response.status));
  const { text, citations } = await response.json();
  const sources = citations.map((one) => `[${one.number}] ${one.document_title}${one.page ? `, ${word("page", one)}` : ""}: “${one.quote}”`);
  return sources.length ? `${text}\n\n---\n${sources.join("\n")}\n` : `${text}\n`;
}

/* Safari wants the clipboard asked within the click, with a promise for what is still on its way. */
async function copy(promise) {
  if (window.ClipboardItem && navigator.clipboard?.write) {
    const blob = Promise.resolve(promise).then((text) => new Blob([text], { type: "text/plain" }));
    return navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
  }
  const area = document.createElement("textarea");
  area.value = await promise;
  area.className = "visually-hidden";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("refused");
}

async function copyBy(button, promise) {
  const use = button.querySelector("use");
  const before = use.getAttribute("href");
  try {
    await copy(promise);
  } catch {
    toast(word("notCopied"), "bad");
    return;
  }
  use.setAttribute("href", before.replace(/#.*/, "#check"));
  toast(word("copied"), "good");
  setTimeout(() => use.setAttribute("href", before), 1600);
}

/* Whether long lines of code are wrapped holds for all code, and is remembered. */
const WRAP = "parley:wrap-code";

function wraps() {
  try {
    return localStorage.getItem(WRAP) !== null;
  } catch {
    return "wrapCode" in document.documentElement.dataset;
  }
}

function showWrap(isWrapped) {
  document.documentElement.toggleAttribute("data-wrap-code", isWrapped);
  for (const one of document.querySelectorAll(".wrap-code")) one.setAttribute("aria-pressed", String(isWrapped));
}

function turnWrap() {
  const isWrapped = !("wrapCode" in document.documentElement.dataset);
  try {
    if (isWrapped) localStorage.setItem(WRAP, "1");
    else localStorage.removeItem(WRAP);
  } catch {
    /* Without storage it holds as long as the page. */
  }
  showWrap(isWrapped);
}

function wrapButton(like) {
  const button = like.cloneNode(true);
  button.classList.replace("copy-code", "wrap-code");
  button.title = word("wrapLines");
  button.setAttribute("aria-label", word("wrapCodeLines"));
  const use = button.querySelector("use");
  use.setAttribute("href", use.getAttribute("href").replace(/#.*/, "#wrap"));
  return button;
}

/* Finished code gets buttons; what is still being written is redrawn too often to hold any. */
function addButtons() {
  for (const head of messages.querySelectorAll(".code-head:not([data-has-buttons])")) {
    const open = head.closest("[id^='open-']");
    if (open && open.closest("article")?.querySelector(".state[data-moves]")) continue;
    head.dataset.hasButtons = "";
    const copies = document.getElementById("copy-button").content.firstElementChild.cloneNode(true);
    head.append(wrapButton(copies), copies);
  }
  showWrap("wrapCode" in document.documentElement.dataset);
}

if (messages) {
  messages.addEventListener("click", (event) => {
    const whole = event.target.closest("[data-copies]");
    if (whole) copyBy(whole, markdownOf(whole.dataset.copies));
    const block = event.target.closest(".copy-code");
    if (block) copyBy(block, block.closest(".code-block").querySelector("code").textContent);
    if (event.target.closest(".wrap-code")) turnWrap();
  });
  document.addEventListener("parley:frame", addButtons);
  document.addEventListener("htmx:afterSettle", ({ detail }) => detail.xhr && addButtons());
  addEventListener("storage", (event) => event.key === WRAP && showWrap(wraps()));
  showWrap(wraps());
  addButtons();
}
