/* Bringing files in: dropped anywhere on the page or chosen, each with its own progress; and turning to the cited words. */

const form = document.querySelector("form[data-upload]");
const list = document.getElementById("uploads");
const AT_ONCE = 2;
const DONE_MS = 4000;
const waiting = [];
let running = 0;

function row(file) {
  const item = document.getElementById("upload-row").content.firstElementChild.cloneNode(true);
  item.querySelector(".upload-name").textContent = file.name;
  list.append(item);
  const bar = item.querySelector("progress");
  const state = item.querySelector(".upload-state");
  return {
    moved: (part) => {
      bar.value = part;
      state.textContent = `${Math.round(part * 100)} %`;
    },
    arrived: () => {
      bar.value = 1;
      state.textContent = "Arrived; it is being read now.";
      setTimeout(() => item.remove(), DONE_MS);
    },
    failed: (why) => {
      bar.remove();
      item.dataset.tone = "bad";
      state.textContent = why;
      const close = document.createElement("button");
      close.type = "button";
      close.className = "button button-small button-quiet";
      close.textContent = "Dismiss";
      close.addEventListener("click", () => item.remove());
      item.append(close);
    },
  };
}

function reasonOf(request) {
  try {
    return JSON.parse(request.responseText).error.message;
  } catch {
    return request.status === 413 ? "This file is larger than Parley takes." : "It did not arrive. Try again.";
  }
}

function send({ file, shown }) {
  running += 1;
  const request = new XMLHttpRequest();
  const body = new FormData();
  body.append("file", file, file.name);
  request.open("POST", form.action);
  request.setRequestHeader("Accept", "application/json");
  request.setRequestHeader("X-CSRFToken", form.elements.csrfmiddlewaretoken.value);
  request.upload.addEventListener("progress", (event) => event.lengthComputable && shown.moved(event.loaded / event.total));
  request.addEventListener("loadend", () => {
    running -= 1;
    if (request.status === 202) {
      shown.arrived();
      window.htmx?.trigger(document.body, "documents-changed");
    } else {
      shown.failed(request.status ? reasonOf(request) : "Parley cannot be reached. Try again.");
    }
    next();
  });
  request.send(body);
}

function next() {
  while (running < AT_ONCE && waiting.length) send(waiting.shift());
}

function take(files) {
  for (const file of files) waiting.push({ file, shown: row(file) });
  next();
}

if (form && list) {
  const input = form.elements.file;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    take(input.files);
    form.reset();
  });
  input.addEventListener("change", () => input.files.length && form.requestSubmit());
  form.classList.add("drop-live");

  let inside = 0;
  const holdsFiles = (event) => event.dataTransfer?.types.includes("Files");
  addEventListener("dragenter", (event) => {
    if (!holdsFiles(event)) return;
    inside += 1;
    form.dataset.over = "";
  });
  addEventListener("dragleave", (event) => {
    if (!holdsFiles(event)) return;
    inside -= 1;
    if (inside <= 0) delete form.dataset.over;
  });
  addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
  addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    inside = 0;
    delete form.dataset.over;
    take(event.dataTransfer.files);
  });
}

/* Ticked documents: how many they are, all of a page at once, and none after a deed. */

const ticks = () => [...document.querySelectorAll("#documents .tick")];

function countTicks() {
  const ticked = ticks().filter((tick) => tick.checked).length;
  const words = document.querySelector("#documents [data-ticked]");
  if (words) words.textContent = `${ticked} ticked`;
  const all = document.getElementById("tick-all");
  if (!all) return;
  all.checked = ticked > 0 && ticked === ticks().length;
  all.indeterminate = ticked > 0 && !all.checked;
}

document.addEventListener("change", ({ target }) => {
  if (target.id === "tick-all") for (const tick of ticks()) tick.checked = target.checked;
  if (target.matches?.("#tick-all, .tick")) countTicks();
});
document.addEventListener("htmx:afterRequest", ({ target, detail }) => {
  if (target.id === "bulk" && detail.successful) for (const tick of ticks()) tick.checked = false;
  countTicks();
});
document.addEventListener("htmx:afterSettle", countTicks);

document.querySelector("main #cited")?.scrollIntoView({ block: "center" });
