/* Quoting: words selected in an answer get a button that puts them, as a Markdown quote, where questions are written.
 * Loaded when words are selected. */

const messages = document.getElementById("messages");
const field = document.getElementById("question");
const button = document.getElementById("quote-button")?.content.firstElementChild.cloneNode(true);
const BLOCKS = "p, li, tr, pre, blockquote, h1, h2, h3, h4, h5, h6, br";
const SKIPPED = ".cite, .copy-code, button";
const GAP = 8;

/* The selected stretch, if it lies in the text of one answer. */
function selected() {
  const selection = getSelection();
  if (!selection.rangeCount || selection.isCollapsed) return null;
  const range = selection.getRangeAt(0);
  const within = (node) => (node.nodeType === Node.ELEMENT_NODE ? node : node.parentElement)?.closest(".answer .prose");
  const prose = within(range.startContainer);
  return prose && prose === within(range.endContainer) && messages.contains(prose) ? { range, prose } : null;
}

/* The words as lines; the numbers of citations would mean others in a question. */
function wordsOf(range) {
  const part = range.cloneContents();
  for (const one of part.querySelectorAll(SKIPPED)) one.remove();
  for (const block of part.querySelectorAll(BLOCKS)) block.append("\n");
  for (const cell of part.querySelectorAll("td, th")) cell.append(" ");
  return part.textContent.split("\n").map((line) => line.trimEnd()).join("\n").replace(/\n{2,}/g, "\n").trim();
}

function quote() {
  const found = selected();
  const words = found && wordsOf(found.range);
  if (!words) return;
  const before = field.value.trimEnd();
  const quoted = words.split("\n").map((line) => `> ${line}`).join("\n");
  field.value = `${before ? `${before}\n\n` : ""}${quoted}\n\n`;
  field.dispatchEvent(new Event("input", { bubbles: true }));
  getSelection().removeAllRanges();
  button.remove();
  field.focus();
  field.setSelectionRange(field.value.length, field.value.length);
  field.scrollTop = field.scrollHeight;
}

/* It stands right after the answer's text, so that Tab leads from the selected words to it; on the screen it is above them. */
function show() {
  const found = selected();
  if (!found || !found.range.toString().trim()) {
    button.remove();
    return;
  }
  if (found.prose.nextElementSibling !== button) found.prose.after(button);
  const at = found.range.getBoundingClientRect();
  const above = at.top - button.offsetHeight - GAP;
  const top = above > GAP + (document.querySelector(".bar")?.offsetHeight ?? 0) ? above : Math.min(at.bottom, innerHeight) + GAP;
  button.style.top = `${top}px`;
  button.style.left = `${Math.min(Math.max(GAP, at.left), innerWidth - button.offsetWidth - GAP)}px`;
}

if (messages && field && button) {
  document.addEventListener("selectionchange", () => {
    if (document.activeElement !== button) show();
  });
  addEventListener("scroll", () => button.isConnected && show(), { passive: true });
  button.addEventListener("pointerdown", (event) => event.preventDefault());
  button.addEventListener("click", quote);
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || !selected()) return;
    if (event.target.matches?.("input, textarea, select, [contenteditable]")) return;
    if (event.key.toLowerCase() === "q") {
      event.preventDefault();
      quote();
    } else if (event.key === "Escape") {
      event.preventDefault();
      getSelection().removeAllRanges();
    }
  });
  show();
}
