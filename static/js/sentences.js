/* The words of an answer as one would read them aloud, sentence by sentence: no numerals of citations and notes, no code. */
import { word } from "./words.js";

const LEFT_OUT = ".cite, .note-sign, .code-block, pre, input";
const BLOCKS = "p, li, h4, h5, h6, tr, blockquote, .note";

/** The sentences in `body`, in their order. The last one may still be on its way. */
export function sentencesOf(body) {
  const words = body.cloneNode(true);
  for (const one of words.querySelectorAll(LEFT_OUT)) one.remove();
  for (const one of words.querySelectorAll("math")) one.replaceWith(` ${word("formula")} `);
  for (const one of words.querySelectorAll("br")) one.replaceWith(" ");
  for (const one of words.querySelectorAll("th:not(:last-child), td:not(:last-child)")) one.append(", ");
  for (const one of words.querySelectorAll(BLOCKS)) {
    one.prepend("\n\n");
    one.append("\n\n");
  }
  const lines = words.textContent.split(/\n{2,}/).map((line) => line.replace(/\s+/g, " ").trim());
  return lines.filter((line) => /[\p{L}\p{N}]/u.test(line)).flatMap(split);
}

function split(line) {
  if (!window.Intl?.Segmenter) return line.split(/(?<=[.!?…])\s+/);
  const segmenter = new Intl.Segmenter(document.documentElement.lang || undefined, { granularity: "sentence" });
  return [...segmenter.segment(line)].map(({ segment }) => segment.trim()).filter(Boolean);
}
