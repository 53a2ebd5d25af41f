/* Bringing files and whole folders in: dropped anywhere on the page or chosen. Each is sent with its own progress, can be
   cancelled and tried again, and is followed until it is published, held or not taken. */

import { word } from "./words.js";

const form = document.querySelector("form[data-upload]");
const box = document.getElementById("bringing");
const list = document.getElementById("uploads");
const AT_ONCE = 2;
const FOLLOW_MS = 1500;
const FOLLOWED_AT_ONCE = 50;
const KEPT_ROWS = 100;
const ENDS = ["done", "held", "failed", "cancelled"];
// What computers put into folders by themselves.
const LITTER = /^(\.|~\$)|^(Thumbs\.db|desktop\.ini)$/i;

/** @type {Array<{file: File, folder: string, stage: string, sent: number, id: string, request: ?XMLHttpRequest, row: Element}>} */
let uploads = [];
let timer = 0;

const inStage = (...stages) => uploads.filter((one) => stages.includes(one.stage));

function show(one, stage, words, tone = "") {
  const isEnd = ENDS.includes(stage);
  one.stage = stage;
  one.row.dataset.tone = tone;
  one.row.querySelector(".upload-state").textContent = words;
  one.row.querySelector("[data-cancel]").hidden = !["waiting", "sending"].includes(stage);
  one.row.querySelector("[data-retry]").hidden = !one.canRetry || !["failed", "cancelled"].includes(stage);
  one.row.querySelector("progress").hidden = isEnd;
  if (isEnd && stage === "done" && uploads.length > KEPT_ROWS) one.row.remove();
  count();
}

let counted = 0;

/** The line above the list; at most once a frame, however many files there are. */
function count() {
  if (counted) return;
  counted = requestAnimationFrame(() => {
    counted = 0;
    const all = uploads.length;
    const parts = [
      [inStage("reading", "done", "held").length, `of ${all} arrived`],
      [inStage("done").length, "published or here already"],
      [inStage("held").length, "held"],
      [inStage("failed").length, "not taken"],
      [inStage("cancelled").length, "cancelled"],
    ];
    const words = parts.filter(([number], at) => number || !at).map(([number, what]) => `${number} ${what}`);
    const line = box.querySelector("[data-counts]");
    if (line.textContent !== words.join(" · ")) line.textContent = words.join(" · ");
    const bar = box.querySelector("progress");
    const bytes = (one) => one.file.size + 1;
    bar.value = uploads.reduce((sum, one) => sum + one.sent * bytes(one), 0) / (uploads.reduce((sum, one) => sum + bytes(one), 0) || 1);
    const isSending = inStage("waiting", "sending").length > 0;
    bar.hidden = !isSending;
    box.querySelector("[data-stop]").hidden = !isSending;
    box.querySelector("[data-again]").hidden = !uploads.some((one) => one.canRetry && ["failed", "cancelled"].includes(one.stage));
    box.querySelector("[data-clear]").hidden = inStage("waiting", "sending", "reading").length > 0;
    box.hidden = all === 0;
  });
}

const pathOf = (one) => (one.folder ? `${one.folder}/${one.file.name}` : one.file.name);

function rowOf(one) {
  const row = document.getElementById("upload-row").content.firstElementChild.cloneNode(true);
  const name = row.querySelector(".upload-name");
  name.textContent = name.title = pathOf(one);
  row.querySelector("progress").setAttribute("aria-label", word("sentOf", { name: one.file.name }));
  row.querySelector("[data-cancel]").setAttribute("aria-label", word("cancel", { name: one.file.name }));
  row.querySelector("[data-retry]").setAttribute("aria-label", word("again", { name: one.file.name }));
  row.querySelector("[data-cancel]").addEventListener("click", () => cancel(one));
  row.querySelector("[data-retry]").addEventListener("click", () => again(one));
  list.append(row);
  return row;
}

/** Why a file need not be sent at all; "" when it can be. */
function problemOf(file) {
  const ending = /\.[^.]+$/.exec(file.name)?.[0].toLowerCase() ?? "";
  if (!form.elements.file.accept.split(",").includes(ending)) return ending ? word("notRead", { ending }) : word("unknownKind");
  if (file.size > Number(form.dataset.mostBytes)) return word("tooLarge", { most: form.dataset.most });
  return file.size ? "" : word("empty");
}

/** @param {Array<{file: File, folder: string}>} found */
function take(found) {
  for (const { file, folder } of found) {
    const one = { file, folder, stage: "waiting", sent: 0, id: "", url: "", request: null, canRetry: true };
    one.row = rowOf(one);
    uploads.push(one);
    const problem = problemOf(file);
    one.canRetry = !problem;
    if (problem) {
      one.sent = 1;
      show(one, "failed", problem, "bad");
    } else show(one, "waiting", word("waiting"));
  }
  next();
}

function reasonOf(request) {
  try {
    return JSON.parse(request.responseText).error.message;
  } catch {
    return word(request.status === 413 ? "largerThanTaken" : "notArrived");
  }
}

function send(one) {
  const request = (one.request = new XMLHttpRequest());
  const body = new FormData();
  body.append("folder", one.folder);
  body.append("file", one.file, one.file.name);
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
  request.upload.addEventListener("progress", (event) => {
    if (!event.lengthComputable || one.stage !== "sending") return;
    one.sent = event.loaded / event.total;
    one.row.querySelector("progress").value = one.sent;
    show(one, "sending", `${Math.round(one.sent * 100)} %`);
  });
  request.addEventListener("loadend", () => {
    if (one.stage === "sending") sent(one, request);
    next();
  });
  show(one, "sending", word("sending"));
  request.send(body);
}

function sent(one, request) {
  one.sent = 1;
  if (request.status !== 202) {
    show(one, "failed", request.status ? reasonOf(request) : word("unreachable"), "bad");
    return;
  }
  const told = JSON.parse(request.responseText);
  one.id = told.id;
  one.url = told.url;
  one.canRetry = false;
  tell(one, told);
  window.htmx?.trigger(document.body, "documents-changed");
  follow();
}

/** Show how a document stands that has arrived. */
function tell(one, told) {
  const words = told.detail ? `${told.words}: ${told.detail}` : told.words;
  const bar = one.row.querySelector("progress");
  if (!told.is_settled) {
    bar.value = told.percent / 100;
    show(one, "reading", told.state === "queued" ? word("arrived") : words);
    return;
  }
  link(one);
  const isPublished = told.state === "published";
  if (told.was_here) show(one, isPublished ? "done" : "held", `${told.name === pathOf(one) ? word("alreadyHere") : word("alreadyHereAs", { name: told.name })} ${words}`, isPublished ? "" : "waiting");
  else if (isPublished) show(one, "done", words, "good");
  else if (told.state === "held") show(one, "held", words, "waiting");
  else show(one, "failed", words, "bad");
}

function link(one) {
  const name = one.row.querySelector(".upload-name");
  if (name.firstElementChild) return;
  const way = document.createElement("a");
  way.href = one.url;
  way.textContent = name.textContent;
  name.replaceChildren(way);
}

/** Ask after those that are being read, until none is. */
function follow() {
  if (!timer) timer = setTimeout(ask, FOLLOW_MS);
}

async function ask() {
  const reading = inStage("reading").slice(0, FOLLOWED_AT_ONCE);
  const query = new URLSearchParams(reading.map((one) => ["id", one.id]));
  let documents = [];
  try {
    const response = await fetch(`${form.dataset.follow}?${query}`, { headers: { Accept: "application/json" } });
    if (response.ok) documents = (await response.json()).documents;
  } catch {
    // It is asked again in a moment.
  }
  for (const told of documents) {
    for (const one of reading) if (one.id === told.id && one.stage === "reading") tell(one, told);
  }
  timer = 0;
  if (inStage("reading").length) follow();
  else window.htmx?.trigger(document.body, "documents-changed");
}

function next() {
  const free = AT_ONCE - inStage("sending").length;
  for (const one of inStage("waiting").slice(0, Math.max(0, free))) send(one);
  count();
}

function cancel(one) {
  one.sent = 1;
  show(one, "cancelled", word("cancelled"));
  one.request?.abort();
  next();
}

function again(one) {
  one.sent = 0;
  show(one, "waiting", word("waiting"));
  next();
}

const folderOf = (path) => path.split("/").slice(0, -1).join("/");
const isLitter = (path) => path.split("/").some((part) => LITTER.test(part));

/** Everything below what was dropped, with the folders it lies in. */
async function below(entry, folder = "") {
  if (entry.isFile) {
    const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
    return folder && LITTER.test(file.name) ? [] : [{ file, folder }];
  }
  if (LITTER.test(entry.name)) return [];
  const path = folder ? `${folder}/${entry.name}` : entry.name;
  const directory = entry.createReader();
  const found = [];
  for (;;) {
    // A browser gives out a folder in pieces, and an empty one at its end.
    const entries = await new Promise((resolve, reject) => directory.readEntries(resolve, reject));
    if (!entries.length) return found;
    for (const one of entries) found.push(...(await below(one, path)));
  }
}

async function takeDropped(transfer) {
  // What was dropped is only there until the event is over.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = [...transfer.files].map((file) => ({ file, folder: "" }));
  if (!entries.some((entry) => entry.isDirectory)) return take(files);
  for (const entry of entries) {
    try {
      take(await below(entry));
    } catch {
      box.hidden = false;
      box.querySelector("[data-counts]").textContent = word("notReadable", { name: entry.name });
    }
  }
}

function begin() {
  const input = form.elements.file;
  const folder = document.getElementById("folder");
  form.classList.add("drop-live");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    take([...input.files].map((file) => ({ file, folder: "" })));
    form.reset();
  });
  input.addEventListener("change", () => input.files.length && form.requestSubmit());
  folder.addEventListener("change", () => {
    const found = [...folder.files].filter((file) => !isLitter(file.webkitRelativePath));
    take(found.map((file) => ({ file, folder: folderOf(file.webkitRelativePath) })));
    folder.value = "";
  });
  box.querySelector("[data-stop]").addEventListener("click", () => {
    for (const one of inStage("waiting")) cancel(one);
    for (const one of inStage("sending")) cancel(one);
  });
  box.querySelector("[data-again]").addEventListener("click", () => {
    for (const one of inStage("failed", "cancelled")) if (one.canRetry) again(one);
  });
  box.querySelector("[data-clear]").addEventListener("click", () => {
    uploads = [];
    list.replaceChildren();
    count();
  });
  addEventListener("beforeunload", (event) => {
    if (inStage("waiting", "sending").length) event.preventDefault();
  });
}

function followDragging() {
  let inside = 0;
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  const leave = () => {
    inside = 0;
    delete form.dataset.over;
  };
  addEventListener("dragenter", (event) => {
    if (!holdsFiles(event)) return;
    inside += 1;
    form.dataset.over = "";
    form.closest("details")?.setAttribute("open", "");
  });
  addEventListener("dragleave", (event) => {
    if (!holdsFiles(event)) return;
    inside -= 1;
    if (inside <= 0) leave();
  });
  addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    leave();
    takeDropped(event.dataTransfer);
  });
}

if (form && box) {
  begin();
  followDragging();
}
