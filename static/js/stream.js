/* The line to a conversation: sends questions, swaps in the fragments that come, and finds its way back.
 *
 * Frames are HTML with hx-swap-oob. Every answer carries its last event's number in data-seq; after a broken line the
 * socket is opened again with that number and the server sends what is missing. */
import { makeRoom } from "./branches.js";
import { word } from "./words.js";

const conversation = document.getElementById("conversation");
const messages = document.getElementById("messages");
const composer = document.getElementById("composer");
const announcer = document.getElementById("announcer");
const connection = document.getElementById("connection");
const address = conversation?.dataset.socket;
const FINAL_CLOSES = new Set([4401, 4403, 4404]);
const LONGEST_WAIT_MS = 10_000;
const PART = /^(?:m|state|review|evidence|body|closed|open|rows|grounds|actions|replies)-([0-9a-f-]{36})$/;
const ENDED = "● ";

let socket = null;
let waitMs = 500;
let outbox = [];
let isLeaving = false;
let isBehind = false;
const lookedFor = new Set();

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
  const line = new WebSocket(socketUrl());
  socket = line;
  line.addEventListener("open", () => {
    waitMs = 500;
    showConnection("");
    for (const frame of outbox.splice(0)) line.send(frame);
  });
  line.addEventListener("message", (event) => line === socket && take(event.data));
  line.addEventListener("close", (event) => {
    if (line !== socket) return;
    socket = null;
    if (isLeaving) return;
    if (event.code === 4401) {
      window.location.reload();
    } else if (!FINAL_CLOSES.has(event.code)) {
      showConnection(word(navigator.onLine ? "connectionLost" : "offline"));
      window.setTimeout(() => socket || open(), waitMs + Math.random() * 250);
      waitMs = Math.min(waitMs * 2, LONGEST_WAIT_MS);
    }
  });
}

/* The page was drawn anew: a new line tells whatever is being written in it from its beginning. */
function reopen() {
  const before = socket;
  if (!before) return;
  open();
  before.close();
}

async function showNow() {
  isBehind = false;
  await window.htmx.ajax("GET", messages.dataset.turns, { target: messages, swap: "innerHTML" });
  document.dispatchEvent(new CustomEvent("parley:turned"));
}

/* A question that is being written anew is not thrown away for what happened elsewhere: that is shown when it is left. */
function mayTurn() {
  const isWritten = Boolean(messages.querySelector(".edit:not([data-sent])"));
  isBehind ||= isWritten;
  return !isWritten && !messages.querySelector(".versions .htmx-request");
}

/* Another tab or device went on from elsewhere: show what the conversation shows now. Once for each answer, lest a page
 * that cannot have it asks for ever. */
async function catchUp(id) {
  if (lookedFor.has(id) || !mayTurn()) return;
  lookedFor.add(id);
  await showNow();
  scrollToEnd();
}

/* Another tab or device turned to another branch; this one did too, or is about to, where that was asked for here. */
async function turnTo(end) {
  const isHere = [...messages.querySelectorAll("article")].at(-1)?.id === `m-${end}`;
  if (isHere || !mayTurn()) return;
  const hadFocus = messages.contains(document.activeElement);
  await showNow();
  if (hadFocus && document.activeElement === document.body) focusOn(`m-${end}`);
}

/* Whether this page shows what a frame is about. A new answer gets its place, with its question, so that the
 * out-of-band swap finds it; unless it is on another branch. */
function hasPlace(page) {
  const answer = page.querySelector("article.answer[id]");
  if (!answer) return subjectsOf(page).every((id) => document.getElementById(`m-${id}`));
  if (document.getElementById(answer.id)) return true;
  if (!("last" in answer.dataset)) return false;
  const isPlaced = [...page.querySelectorAll("article[id]")].every((one) => document.getElementById(one.id) || makeRoom(one));
  if (!isPlaced) catchUp(answer.id);
  return isPlaced;
}

/* The answers whose parts a fragment draws: their ids stand in its own, or in the place it goes to. */
function subjectsOf(page) {
  const parts = [...page.querySelectorAll("[hx-swap-oob], template[id]")];
  const names = parts.map((part) => part.id || (part.getAttribute("hx-swap-oob").match(/#([\w-]+)/)?.[1] ?? ""));
  return names.map((name) => name.match(PART)?.[1]).filter(Boolean);
}

function take(html) {
  const wasAtEnd = isAtEnd();
  const hadFocus = messages.contains(document.activeElement);
  const page = new DOMParser().parseFromString(html, "text/html");
  const turned = page.querySelector("[data-turned]");
  if (turned) {
    turnTo(turned.dataset.turned);
    return;
  }
  if (!hasPlace(page)) return;
  window.htmx.swap(document.body, html, { swapStyle: "none" });
  if (hadFocus && document.activeElement === document.body) focusOn(page.querySelector("article.answer[id]")?.id);
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

/* Who worked in what is gone from the page now goes on at what came in its place. */
function focusOn(id) {
  const answer = id && document.getElementById(id);
  if (!answer) return;
  answer.tabIndex = -1;
  answer.focus({ preventScroll: true });
}

/* Screen readers hear what happens to an answer, and its end; its words are read to them in whole sentences (reading.js). */
function announce(page) {
  const state = page.querySelector(".state[data-state]");
  if (!state || state.dataset.state === announce.last) return;
  announce.last = state.dataset.state;
  if (document.hidden && !("moves" in state.dataset) && !document.title.startsWith(ENDED)) document.title = ENDED + document.title;
  say(state.dataset.state === "done" ? word("complete") : state.innerText.trim());
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
  const files = [...document.querySelectorAll("#files [name=files]")].map((field) => field.value);
  const client_id = composer.elements.client_id.value;
  document.dispatchEvent(new CustomEvent("parley:sending", { detail: { id: client_id } }));
  send({ type: "ask", text, client_id, ...(files.length && { files }) });
  document.dispatchEvent(new CustomEvent("parley:sent"));
  field.value = "";
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
  scrollToEnd();
}

/* The form stays until the new question takes its place, or is refused. */
function edit(event) {
  const form = event.target.closest(".edit");
  if (!form) return;
  event.preventDefault();
  const text = form.elements.text.value.trim();
  if (!text || "sent" in form.dataset) return;
  form.dataset.sent = "";
  const message_id = form.closest("article").id.slice(2);
  send({ type: "edit", message_id, text, client_id: (form.elements.client_id.value ||= crypto.randomUUID()) });
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
  messages.addEventListener("submit", edit);
  document.addEventListener("parley:turned", reopen);
  document.addEventListener("parley:unedited", () => isBehind && showNow());
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden && document.title.startsWith(ENDED)) document.title = document.title.slice(ENDED.length);
  });
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
