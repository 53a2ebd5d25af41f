/* Where questions are written: grows with the text, Enter sends, drafts stay in this tab, Send becomes Stop. */

const form = document.getElementById("composer");
const field = document.getElementById("question");
const send = document.getElementById("send");
const stop = document.getElementById("stop");
const page = document.getElementById("conversation");
const messages = document.getElementById("messages");
const UNDER_WAY = new Set(["queued", "running", "searching", "waiting", "writing"]);
const draftKey = `parley:draft:${page?.dataset.conversationId ?? "new"}`;
const typesWithThumbs = matchMedia("(pointer: coarse)");
let sent = "";

/* Only secure addresses have randomUUID; a house may run Parley on plain http inside. */
crypto.randomUUID ??= () =>
  "10000000-1000-4000-8000-100000000000".replace(/[018]/g, (digit) =>
    (digit ^ (crypto.getRandomValues(new Uint8Array(1))[0] & (15 >> (digit / 4)))).toString(16),
  );

function keepDraft() {
  try {
    if (field.value) sessionStorage.setItem(draftKey, field.value);
    else sessionStorage.removeItem(draftKey);
  } catch {
    /* Without storage a draft lasts as long as the page. */
  }
}

function readDraft() {
  try {
    return sessionStorage.getItem(draftKey) ?? "";
  } catch {
    return "";
  }
}

function grow() {
  field.style.height = "auto";
  field.style.height = `${field.scrollHeight}px`;
  send.disabled = !field.value.trim();
}

const isAnswering = () => {
  const newest = [...(messages?.querySelectorAll("article.answer") ?? [])].at(-1);
  return Boolean(newest) && UNDER_WAY.has(newest.dataset.state);
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
  if (!sent || field.value) return;
  field.value = sent;
  sent = "";
  keepDraft();
  grow();
}

if (form && field) {
  form.elements.client_id.value = crypto.randomUUID();
  if (!field.value) field.value = readDraft();
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
      if (isAnswering()) {
        event.preventDefault();
        event.stopPropagation();
        return;
      }
      sent = field.value;
      sessionStorage.removeItem(draftKey);
    },
    true,
  );
  document.addEventListener("parley:frame", showStopOrSend);
  new MutationObserver((changes) => {
    const refused = changes.some(({ addedNodes }) => [...addedNodes].some((node) => node.matches?.("[data-refused]")));
    if (refused) giveBack();
  }).observe(document.getElementById("toasts"), { childList: true });

  document.addEventListener("keydown", (event) => {
    const writing = event.target.matches?.("input, textarea, select, [contenteditable]");
    const jumps = event.key === "/" && !writing && !event.ctrlKey && !event.metaKey;
    if (jumps) {
      event.preventDefault();
      field.focus();
    } else if (event.key === "?" && !writing) {
      document.getElementById("shortcuts")?.showModal();
    } else if (event.key === "Escape" && !event.defaultPrevented && !stop.hidden) {
      if (!document.querySelector("dialog[open], .menu:popover-open")) stop.click();
    }
  });
}
