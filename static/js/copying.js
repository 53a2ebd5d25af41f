/* Copying: a whole answer as Markdown with its sources, or one block of code. */
import { toast } from "./toasts.js";
import { word } from "./words.js";

const messages = document.getElementById("messages");

async function markdownOf(id) {
  const response = await fetch(`/api/v1/messages/${id}`, { headers: { Accept: "application/json" } });
  if (!response.ok) throw new Error(String(response.status));
  const { text, citations } = await response.json();
  const sources = citations.map((one) => `[${one.number}] ${one.document_title}${one.page ? `, p. ${one.page}` : ""}: “${one.quote}”`);
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

/* Finished code gets a button; what is still being written is redrawn too often to hold one. */
function addButtons() {
  for (const pre of messages.querySelectorAll("pre.code:not([data-framed])")) {
    const open = pre.closest("[id^='open-']");
    if (open && open.closest("article")?.querySelector(".state[data-moves]")) continue;
    const frame = document.createElement("div");
    frame.className = "code-frame";
    pre.dataset.framed = "";
    pre.tabIndex = 0;
    pre.replaceWith(frame);
    const button = document.getElementById("copy-button").content.firstElementChild.cloneNode(true);
    frame.append(pre, button);
  }
}

if (messages) {
  messages.addEventListener("click", (event) => {
    const whole = event.target.closest("[data-copies]");
    if (whole) copyBy(whole, markdownOf(whole.dataset.copies));
    const block = event.target.closest(".copy-code");
    if (block) copyBy(block, block.parentElement.querySelector("code").textContent);
  });
  document.addEventListener("parley:frame", addButtons);
  addButtons();
}
