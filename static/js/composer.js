/* Where questions are written: grows with the text, Enter sends, a draft stays with its conversation, Send becomes Stop. */

const form = document.getElementById("composer");
const field = document.getElementById("question");
const send = document.getElementById("send");
const stop = document.getElementById("stop");
const page = document.getElementById("conversation");
const messages = document.getElementById("messages");
const DRAFTS = "parley:draft:";
const mine = `${DRAFTS}${page?.dataset.reader}:`;
const draftKey = `${mine}${page?.dataset.conversationId ?? "new"}`;
const typesWithThumbs = matchMedia("(pointer: coarse)");
let sent = { text: "", id: "" };

/* Only secure addresses have randomUUID; a house may run Parley on plain http inside. */
crypto.randomUUID ??= () =>
  "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
    (digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (digit / 4)))).toString(16),
  );

/* A draft keeps its client id: sent from two tabs, or once more after a reload, it is asked once. */
function keepDraft() {
  try {
    if (field.value) localStorage.setItem(draftKey, JSON.stringify({ text: field.value, id: form.elements.client_id.value }));
    else localStorage.removeItem(draftKey);
  } catch {
    /* Without storage a draft lasts as long as the page. */
  }
}

function readDraft() {
  try {
    return JSON.parse(localStorage.getItem(draftKey)) ?? {};
  } catch {
    return {};
  }
}

/* What somebody else began to write in this browser is not for the one who is here now. */
function dropOthers() {
  try {
    for (const key of Object.keys(localStorage)) if (key.startsWith(DRAFTS) && !key.startsWith(mine)) localStorage.removeItem(key);
  } catch {
    /* Nothing is kept, so there is nothing to drop. */
  }
}

function beginDraft({ text = "", id = crypto.randomUUID() } = {}) {
  form.elements.client_id.value = id;
  delete form.dataset.sent;
  if (!field.value) field.value = text;
}

/* What a page comes with, a saved prompt or a question that was not taken, stands below what was being written here. */
function takeUp() {
  const given = field.value;
  const kept = readDraft();
  const isNew = given && !kept.text?.includes(given);
  if (given && kept.text) field.value = isNew ? `${kept.text.trimEnd()}\n\n${given}` : kept.text;
  beginDraft(isNew ? {} : kept);
  if (isNew) keepDraft();
}

function grow() {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
  send.disabled = !field.value.trim();
}

const isAnswering = () => {
  const newest = [...(messages?.querySelectorAll("article.answer") ?? [])].at(-1);
  return Boolean(newest?.querySelector(".state[data-moves]"));
};

function showStopOrSend() {
  const answering = isAnswering();
  if (stop.hidden !== answering) return;
  const hadFocus = document.activeElement === send || document.activeElement === stop;
  stop.hidden = !answering;
  send.hidden = answering;
  if (hadFocus) field.focus();
}

/** Put a question that was not taken back where it was written. */
function giveBack() {
  if (!sent.text || field.value) return;
  field.value = sent.text;
  sent = { text: "", id: "" };
  keepDraft();
  grow();
}

if (form && field) {
  dropOthers();
  takeUp();
  grow();
  showStopOrSend();
  /* A thumb's keyboard would cover half of the page. */
  if (!typesWithThumbs.matches && !location.hash) field.focus({ preventScroll: true });

  field.addEventListener("input", () => {
    keepDraft();
    grow();
  });
  field.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || typesWithThumbs.matches) return;
    event.preventDefault();
    if (field.value.trim()) form.requestSubmit(send.hidden ? undefined : send);
  });
  document.addEventListener(
    "submit",
    (event) => {
      if (event.target !== form) return;
      if (isAnswering() || "sent" in form.dataset) {
        event.preventDefault();
        event.stopPropagation();
        return;
      }
      sent = { text: field.value, id: form.elements.client_id.value };
      form.dataset.sent = "";
      try {
        localStorage.removeItem(draftKey);
      } catch {
        /* Nothing was kept. */
      }
    },
    true,
  );
  document.addEventListener("parley:sent", () => beginDraft());
  window.addEventListener("pageshow", (event) => event.persisted && beginDraft());
  document.addEventListener("parley:frame", showStopOrSend);
  new MutationObserver((changes) => {
    const refused = changes.some(({ addedNodes }) => [...addedNodes].some((node) => node.dataset?.refused === sent.id));
    if (refused) giveBack();
  }).observe(document.getElementById("toasts"), { childList: true });

  /* Files are rare: what brings them in is loaded with the first, or to look after those that wait. */
  const attaching = () => import("./attaching.js");
  const bringIn = async (files) => files.length && (await attaching()).attach(files);
  const chosen = document.getElementById("attach");
  const isCarrying = (event) => event.dataTransfer?.types.includes("Files");
  if (document.querySelector("#files > *")) attaching();
  chosen.addEventListener("change", () => {
    bringIn([...chosen.files]);
    chosen.value = "";
  });
  field.addEventListener("paste", (event) => {
    const { files, types } = event.clipboardData;
    /* Words from an office program come with a picture of themselves. */
    const isText = types.includes("text/plain") && types.includes("text/html");
    if (!files.length || isText) return;
    event.preventDefault();
    bringIn([...files]);
  });
  for (const name of ["dragenter", "dragover", "dragleave", "drop"]) {
    page.addEventListener(name, (event) => {
      if (!isCarrying(event)) return;
      event.preventDefault();
      const isOver = name === "dragenter" || name === "dragover";
      if (isOver) attaching();
      if (isOver || name === "drop" || !page.contains(event.relatedTarget)) page.classList.toggle("dropping", isOver);
      if (name === "drop") bringIn([...event.dataTransfer.files]);
    });
  }

  document.addEventListener("keydown", (event) => {
    const writing = event.target.matches?.("input, textarea, select, [contenteditable]");
    const jumps = event.key === "/" && !writing && !event.ctrlKey && !event.metaKey;
    if (jumps) {
      event.preventDefault();
      field.focus();
    } else if (event.key === "Escape" && !event.defaultPrevented && !stop.hidden) {
      if (!document.querySelector("dialog[open], :is(.menu, .peek):popover-open, .quote-selected")) stop.click();
    }
  });
}
