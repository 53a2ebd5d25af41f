/* An answer that is being written is heard in whole sentences: they go into a region that screen readers follow, once each. */
import { sentencesOf } from "./sentences.js";

const messages = document.getElementById("messages");
const PAUSE_MS = 700;
const KEPT = 12;
const heard = new Map(); // of each answer, how many of its sentences, and after which event
const region = document.createElement("div");
let timer = null;

/* What an answer says that was not heard yet. Whether its last sentence is whole is certain only when another follows. */
function newSentences(answer) {
  const before = heard.get(answer.id);
  const body = document.getElementById(`body-${answer.id.slice(2)}`);
  if (!body || before?.seq === answer.dataset.seq) return [];
  const all = sentencesOf(body);
  const whole = answer.querySelector(".state[data-moves]") ? Math.max(all.length - 1, 0) : all.length;
  const count = Math.max(whole, before?.count ?? 0);
  heard.set(answer.id, { count, seq: answer.dataset.seq });
  return all.slice(before?.count ?? 0, count);
}

function read() {
  timer = null;
  const words = [...messages.querySelectorAll("article.answer")].flatMap(newSentences).join(" ");
  if (!words) return;
  const line = document.createElement("p");
  line.textContent = words;
  region.append(line);
  while (region.children.length > KEPT) region.firstElementChild.remove();
}

/* What came with a page, and not while it was written, is there to be read at will. */
function passOver() {
  for (const answer of messages.querySelectorAll("article.answer")) {
    if (!heard.has(answer.id)) newSentences(answer);
  }
}

if (messages) {
  region.className = "visually-hidden";
  region.id = "reader";
  region.setAttribute("aria-live", "polite");
  region.setAttribute("aria-relevant", "additions");
  messages.after(region);
  passOver();
  document.addEventListener("parley:frame", () => { timer ??= setTimeout(read, PAUSE_MS); });
  document.addEventListener("parley:turned", passOver);
  document.addEventListener("htmx:afterSwap", (event) => event.detail.xhr && messages.contains(event.target) && passOver());
}
