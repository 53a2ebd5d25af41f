/* The line to a conversation: sends questions, swaps in the fragments that come, and finds its way back.
 *
 * Frames are HTML with hx-swap-oob. Every answer carries its last event's number in data-seq; after a broken line the
 * socket is opened again with that number and the server sends what is missing. */

const conversation = document.getElementById("conversation");
const messages = document.getElementById("messages");
const composer = document.getElementById("composer");
const announcer = document.getElementById("announcer");
const connection = document.getElementById("connection");
const address = conversation?.dataset.socket;
const FINAL_CLOSES = new Set([4401, 4403, 4404]);
const LONGEST_WAIT_MS = 10_000;

let socket = null;
let waitMs = 500;
let outbox = [];
let isLeaving = false;

function newestAnswer() {
  return [...messages.querySelectorAll("article.answer")].at(-1);
}

function socketUrl() {
  const url = new URL(address, window.location.href);
  url.protocol = url.protocol.replace("http", "ws");
  const answer = newestAnswer();
  if (answer) {
    url.searchParams.set("after", answer.dataset.seq || "0");
    url.searchParams.set("message", answer.id.slice(2));
  }
  return url;
}

function say(text) {
  if (announcer) announcer.textContent = text;
}

function showConnection(text) {
  if (!connection) return;
  connection.hidden = !text;
  connection.textContent = text;
}

function open() {
  socket = new WebSocket(socketUrl());
  socket.addEventListener("open", () => {
    waitMs = 500;
    showConnection("");
    for (const frame of outbox.splice(0)) socket.send(frame);
  });
  socket.addEventListener("message", (event) => take(event.data));
  socket.addEventListener("close", (event) => {
    socket = null;
    if (isLeaving) return;
    if (event.code === 4401) {
      window.location.reload();
    } else if (!FINAL_CLOSES.has(event.code)) {
      showConnection(navigator.onLine ? "Connection lost. Reconnecting…" : "You are offline.");
      window.setTimeout(open, waitMs + Math.random() * 250);
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    }
  });
}

/* A new article has no place yet: give it one at the end, so that its out-of-band swap finds it. */
function makePlaces(html) {
  const page = new DOMParser().parseFromString(html, "text/html");
  for (const article of page.querySelectorAll("article[id]")) {
    if (!document.getElementById(article.id)) {
      const place = document.createElement("article");
      place.id = article.id;
      messages.append(place);
    }
  }
  return page;
}

function take(html) {
  const wasAtEnd = isAtEnd();
  const page = makePlaces(html);
  window.htmx.swap(document.body, html, { swapStyle: "none" });
  noteSeq(page);
  announce(page);
  document.dispatchEvent(new CustomEvent("parley:frame"));
  if (wasAtEnd) scrollToEnd();
}

/* Which answer a fragment is about stands in its id or in the place it goes to. */
function noteSeq(page) {
  for (const part of page.querySelectorAll("[data-seq]")) {
    const [, id] = (part.id || part.getAttribute("hx-swap-oob") || "").match(/-([0-9a-f-]{36})/) || [];
    const article = document.getElementById(`m-${id}`);
    if (!article) continue;
    article.dataset.seq = part.dataset.seq;
    if (part.dataset.state) article.dataset.state = part.dataset.state;
  }
}

/* Screen readers hear the end of an answer and what happens to it, not every token. */
function announce(page) {
  const state = page.querySelector(".state[data-state]");
  if (!state || state.dataset.state === announce.last) return;
  announce.last = state.dataset.state;
  if (state.dataset.state === "done") {
    const body = document.getElementById(`closed-${state.dataset.message}`)?.parentElement;
    say(`Answer complete. ${body ? body.innerText : ""}`);
  } else {
    say(state.innerText.trim());
  }
}

function isAtEnd() {
  const scroller = document.scrollingElement;
  return scroller.scrollHeight - scroller.scrollTop - window.innerHeight < 120;
}

/* Down to the end, but no further than the newest question: whoever reads a long answer from its beginning is not
 * pulled along. Who went past the question by himself is. */
function scrollToEnd() {
  const scroller = document.scrollingElement;
  const end = scroller.scrollHeight - window.innerHeight;
  const question = [...messages.querySelectorAll("article.question")].at(-1);
  const margin = question ? Number.parseFloat(getComputedStyle(question).scrollMarginTop) : 0;
  const top = question ? question.getBoundingClientRect().top + scroller.scrollTop - margin : end;
  scroller.scrollTo({ top: scroller.scrollTop > top + 2 ? end : Math.min(end, top) });
}

function send(frame) {
  const text = JSON.stringify(frame);
  if (socket?.readyState === WebSocket.OPEN) socket.send(text);
  else outbox.push(text);
}

function ask(event) {
  event.preventDefault();
  const field = composer.elements.text;
  const text = field.value.trim();
  if (!text) return;
  send({ type: "ask", text, client_id: crypto.randomUUID() });
  field.value = "";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
  scrollToEnd();
}

/* Whoever goes on to another page of Parley has not left: what is being written for them is written to its end. */
function stay(event) {
  if (event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  const goes = event.type === "submit" ? event.target : event.target.closest("a[href]");
  if (!goes || (goes.target && goes.target !== "_self") || goes.hasAttribute("download")) return;
  const url = new URL(event.type === "submit" ? goes.action : goes.href, location.href);
  const isHere = url.pathname === location.pathname && url.hash;
  if (url.origin === location.origin && !isHere && socket?.readyState === WebSocket.OPEN) socket.send('{"type":"stay"}');
}

if (address && messages && composer) {
  composer.addEventListener("submit", ask);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-socket-action]");
    if (!button) return;
    event.preventDefault();
    const article = button.closest("article.answer") || newestAnswer();
    if (article) send({ type: button.dataset.socketAction, message_id: article.id.slice(2) });
  });
  addEventListener("click", stay);
  addEventListener("submit", stay);
  window.addEventListener("pagehide", () => { isLeaving = true; });
  window.addEventListener("pageshow", (event) => {
    if (event.persisted) { isLeaving = false; if (!socket) open(); }
  });
  window.addEventListener("online", () => { if (!socket) open(); });
  open();
  if (!location.hash.startsWith("#m-")) scrollToEnd();
}
