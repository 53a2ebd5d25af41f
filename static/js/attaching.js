/* Files for a question: chosen, dropped on the chat or pasted. Each is sent at once, with its progress; from then on the server
 * draws how it stands, and the question goes out with it. Loaded with the first file. */

const list = document.getElementById("files");
const news = document.getElementById("file-news");
const blank = document.getElementById("sending-file").content.firstElementChild;
const token = () => document.querySelector("#composer [name=csrfmiddlewaretoken]").value;
let sent = { id: "", rows: [] };
let held = null; // a question that waits, and the button it was sent with

document.getElementById("conversation").dataset.drop = list.dataset.drop;
if (!document.querySelector(`link[href="${list.dataset.styles}"]`)) {
  const link = Object.assign(document.createElement("link"), { rel: "stylesheet", href: list.dataset.styles });
  document.head.append(link);
}

function rowFor(file, request) {
  const row = blank.cloneNode(true);
  row.querySelector(".file-name").textContent = row.querySelector(".file-name").title = file.name;
  row.querySelector(".file-state").textContent = list.dataset.sending;
  row.querySelector("button").addEventListener("click", () => {
    request.abort();
    row.remove();
    goOn();
  });
  list.append(row);
  return row;
}

/* What came back stands where it was being sent; htmx looks after it from then on. */
function settle(row, html) {
  const drawn = new DOMParser().parseFromString(html, "text/html").querySelector(".file");
  if (!drawn) return fail(row);
  row.replaceWith(drawn);
  window.htmx.process(drawn);
  news.textContent = drawn.querySelector(".file-words").innerText;
}

const isSending = () => Boolean(list.querySelector('[data-state="sending"]'));

/* A question waits for its files to arrive. That they are read as well the answer waits for. */
function hold(event) {
  if (event.target.id !== "composer" || !isSending()) return;
  event.preventDefault();
  event.stopImmediatePropagation();
  held = event;
}

function goOn() {
  if (!held || isSending()) return;
  const { submitter } = held;
  held = null;
  if (!list.querySelector('[data-state="refused"]')) document.getElementById("composer").requestSubmit(submitter);
}

function fail(row) {
  row.dataset.state = "refused";
  row.querySelector("progress").remove();
  row.querySelector(".file-state").textContent = news.textContent = list.dataset.lost;
}

function send(file) {
  const request = new XMLHttpRequest();
  const row = rowFor(file, request);
  request.upload.addEventListener("progress", ({ loaded, total }) => (row.querySelector("progress").value = loaded / (total || 1)));
  request.addEventListener("load", () => (request.getResponseHeader("Content-Type")?.startsWith("text/html") ? settle(row, request.responseText) : fail(row)));
  request.addEventListener("error", () => fail(row));
  const form = new FormData();
  if (list.dataset.conversation) form.append("conversation", list.dataset.conversation);
  form.append("file", file, file.name);
  request.addEventListener("loadend", goOn);
  request.open("POST", list.dataset.attach);
  request.setRequestHeader("X-CSRFToken", token());
  request.send(form);
}

/** Bring files in for the next question. */
export function attach(files) {
  for (const file of files) send(file);
}

addEventListener("submit", hold, true);
list.addEventListener("htmx:load", ({ target }) => {
  if (["ready", "refused"].includes(target.dataset.state)) news.textContent = target.querySelector(".file-words").innerText;
});
list.addEventListener("click", (event) => event.target.closest("[data-forgets]")?.closest(".file").remove());

/* They are the question's now; should it be refused they come back with its words. */
document.addEventListener("parley:sending", ({ detail: { id } }) => {
  sent = { id, rows: [...list.querySelectorAll(".file:has([name=files])")] };
});
document.addEventListener("parley:sent", () => sent.rows.forEach((row) => row.remove()));
new MutationObserver((changes) => {
  const refused = changes.some(({ addedNodes }) => [...addedNodes].some((node) => node.dataset?.refused && node.dataset.refused === sent.id));
  if (!refused) return;
  list.append(...sent.rows);
  sent.rows.forEach((row) => window.htmx.process(row));
  sent = { id: "", rows: [] };
}).observe(document.getElementById("toasts"), { childList: true });
