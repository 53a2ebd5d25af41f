/* An answer that is being written is heard in whole sentences: they go into a region that screen readers follow, once each. */
import { sentencesOf } from "./sentences.js";

const messages = document.getElementById("messages");
const announcer = document.getElementById("announcer");
const UNDER_WAY = new Set(["queued", "searching", "waiting", "writing", "running"]);
const PAUSE_MS = 700;
const KEPT = 12;
const said = new Map(); // of each answer, how many of its sentences
const region = document.createElement("div");
let timer = null;

function isWritten(answer) {
  return !UNDER_WAY.has(answer.dataset.state);
}

/* Whether the last sentence is whole is certain only when another follows. */
function newSentences(answer) {
  const body = document.getElementById(`body-${answer.id.slice(2)}`);
  if (!body) return [];
  const all = sentencesOf(body);
  const whole = isWritten(answer) ? all.length : Math.max(all.length - 1, 0);
  const before = said.get(answer.id) ?? 0;
  said.set(answer.id, Math.max(whole, before));
  return all.slice(before, whole);
}

function read() {
  timer = null;
  for (const answer of messages.querySelectorAll("article.answer")) {
    if (isWritten(answer) && said.get(answer.id) === Infinity) continue;
    const words = newSentences(answer).join(" ");
    if (isWritten(answer)) said.set(answer.id, Infinity);
    if (!words) continue;
    const line = document.createElement("p");
    line.textContent = words;
    region.append(line);
    while (region.children.length > KEPT) region.firstElementChild.remove();
  }
}

/* What was heard already is not told once more at the end. */
function shortenEnd() {
  const [end] = announcer?.textContent.match(/^Answer complete\.(?=\s*\S)/) ?? [];
  if (end) announcer.textContent = end;
}

if (messages) {
  region.className = "visually-hidden";
  region.id = "reader";
  region.setAttribute("aria-live", "polite");
  region.setAttribute("aria-relevant", "additions");
  messages.after(region);
  for (const answer of messages.querySelectorAll("article.answer")) {
    if (isWritten(answer)) said.set(answer.id, Infinity);
    else newSentences(answer);
  }
  document.addEventListener("parley:frame", () => {
    shortenEnd();
    timer ??= setTimeout(read, PAUSE_MS);
  });
}
