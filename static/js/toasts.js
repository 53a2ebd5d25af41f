/* Short words about what just happened. Servers send them as fragments; errors of htmx requests come in a header. */

import { word } from "./words.js";

const LASTS_MS = 8000;
const region = document.getElementById("toasts");

/** Say something. `tone` is "", "good" or "bad". */
export function toast(text, tone = "") {
  const box = document.createElement("div");
  box.className = "toast";
  if (tone) box.dataset.tone = tone;
  const words = document.createElement("span");
  words.textContent = text;
  const close = document.createElement("button");
  close.type = "button";
  close.className = "button button-small button-quiet";
  close.dataset.dismiss = "";
  close.textContent = word("dismiss");
  box.append(words, close);
  region.append(box);
}

/* A toast stays while somebody points at it or has the focus in it; errors stay until they are closed. */
function ripen(box) {
  if (box.dataset.tone === "bad" || "lasts" in box.dataset) return;
  const leave = () => {
    if (box.matches(":hover, :focus-within")) setTimeout(leave, 2000);
    else box.remove();
  };
  setTimeout(leave, LASTS_MS);
}

if (region) {
  for (const box of region.children) ripen(box);
  new MutationObserver((changes) => {
    for (const { addedNodes } of changes) {
      for (const node of addedNodes) if (node.matches?.(".toast")) ripen(node);
    }
  }).observe(region, { childList: true });
  region.addEventListener("click", (event) => {
    if (event.target.closest("[data-dismiss]")) event.target.closest(".toast").remove();
  });
  region.addEventListener("htmx:afterRequest", (event) => event.detail.successful && event.target.closest(".toast")?.remove());
}

/* What a page asks by itself, every few seconds, complains to nobody: the next time may do. */
const isQuiet = (target) => target?.closest?.("[data-quiet]");

document.addEventListener("htmx:afterRequest", ({ target, detail }) => {
  if (isQuiet(target)) return;
  const message = detail.xhr?.getResponseHeader("X-Parley-Message");
  if (message) toast(decodeURIComponent(message), "bad");
  else if (detail.failed && detail.xhr?.status) toast(word("failed"), "bad");
});
document.addEventListener("htmx:sendError", ({ target }) => isQuiet(target) || toast(word("unreachable"), "bad"));
