/* Reading an answer aloud, sentence by sentence, with the browser's own voice; where it has none there is no button. */
import { sentencesOf } from "./sentences.js";
import { word } from "./words.js";

const messages = document.getElementById("messages");
const voice = window.speechSynthesis;
let spoken = null; // the id of the answer that is read
let queue = [];
let turn = 0; // what an utterance of an earlier turn says about its end is not listened to

/* The line of actions is drawn anew when an answer ends or is judged: its button is made to tell what goes on. What is
 * gone from the page is read no further, since nothing there could stop it. */
function showButtons() {
  if (spoken && !document.getElementById(`body-${spoken}`)) {
    stop();
    return;
  }
  for (const button of messages.querySelectorAll("[data-speaks]")) {
    const isSpoken = button.dataset.speaks === spoken;
    const says = word(isSpoken ? "stopReading" : "readAloud");
    const use = button.querySelector("use");
    button.hidden = false;
    button.title = says;
    button.setAttribute("aria-label", says);
    button.classList.toggle("is-speaking", isSpoken);
    use.setAttribute("href", use.getAttribute("href").replace(/#.*/, isSpoken ? "#stop" : "#speak"));
  }
}

function stop() {
  turn += 1;
  queue = [];
  spoken = null;
  voice.cancel();
  showButtons();
}

function speakNext() {
  const sentence = queue.shift();
  if (sentence === undefined) {
    stop();
    return;
  }
  const mine = turn;
  const utterance = new SpeechSynthesisUtterance(sentence);
  utterance.lang = document.documentElement.lang;
  utterance.addEventListener("end", () => mine === turn && speakNext());
  utterance.addEventListener("error", () => mine === turn && stop());
  voice.speak(utterance);
}

function press(event) {
  const button = event.target.closest("[data-speaks]");
  if (!button) return;
  const isStop = button.dataset.speaks === spoken;
  stop();
  const body = document.getElementById(`body-${button.dataset.speaks}`);
  if (isStop || !body) return;
  spoken = button.dataset.speaks;
  queue = sentencesOf(body);
  showButtons();
  speakNext();
}

if (messages && voice && window.SpeechSynthesisUtterance) {
  messages.addEventListener("click", press);
  document.addEventListener("parley:frame", showButtons);
  document.addEventListener("htmx:afterSettle", ({ detail }) => detail.xhr && showButtons());
  addEventListener("pagehide", stop);
  showButtons();
}
