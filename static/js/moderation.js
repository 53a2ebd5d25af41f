/* The review page by keyboard: J and K walk the queue, the other keys are written on their buttons. Drafts survive a reload. */

const rows = document.getElementById("queue-rows");
const pane = document.getElementById("case");

const isTyping = (target) => target.closest?.("input, textarea, select, [contenteditable], dialog[open], .menu:popover-open");

function mark(row) {
  for (const other of rows.querySelectorAll("[aria-current]")) other.removeAttribute("aria-current");
  row?.setAttribute("aria-current", "true");
}

/** Open the case after (or before) the one that is open. */
function walk(step) {
  const links = [...rows.querySelectorAll(".queue-row")];
  const at = links.findIndex((link) => link.hasAttribute("aria-current"));
  const next = links[at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step];
  if (!next) return;
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
  next.click();
}

function press(key) {
  const control = pane.querySelector(`[data-key="${key}"]`);
  if (!control || control.closest("[hidden]")) return false;
  control.click();
  return true;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.matches?.(".case-act textarea")) {
    const act = event.target.closest("details");
    act.open = false;
    act.querySelector("summary").focus();
    event.preventDefault();
    return;
  }
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && event.target.matches?.(".case-act textarea")) {
    event.target.form.requestSubmit();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || isTyping(event.target)) return;
  const key = event.key.toLowerCase();
  if (key === "j" || key === "k") walk(key === "j" ? 1 : -1);
  else if (!/^[acenpru]$/.test(key) || !press(key)) return;
  event.preventDefault();
});

rows.addEventListener("click", (event) => {
  const row = event.target.closest(".queue-row");
  if (row) mark(row);
});

/* One form open at a time, with the focus in it. */
pane.addEventListener(
  "toggle",
  (event) => {
    const act = event.target;
    if (!act.matches(".case-act") || !act.open) return;
    for (const other of pane.querySelectorAll(".case-act[open]")) if (other !== act) other.open = false;
    const box = act.querySelector("textarea");
    box.focus({ preventScroll: true });
    box.scrollIntoView({ block: "nearest" });
  },
  true,
);

pane.addEventListener("input", ({ target }) => {
  if (target.dataset.draft) sessionStorage.setItem(`review-${target.dataset.draft}`, target.value);
});

function restoreDrafts() {
  for (const box of pane.querySelectorAll("[data-draft]")) {
    const draft = sessionStorage.getItem(`review-${box.dataset.draft}`);
    if (draft !== null) box.value = draft;
  }
}

function forgetDrafts(id) {
  for (const name of Object.keys(sessionStorage)) if (name.startsWith(`review-${id}-`)) sessionStorage.removeItem(name);
}

pane.addEventListener("htmx:afterSwap", ({ detail }) => {
  if (detail.target !== pane) return;
  const sheet = pane.querySelector(".case-sheet");
  const id = sheet?.dataset.case;
  document.querySelector(".review").classList.toggle("has-case", Boolean(sheet));
  mark(id && document.getElementById(`row-${id}`));
  if (sheet && !pane.querySelector("[data-draft]") && !pane.querySelector("[data-key='c']")) forgetDrafts(id);
  restoreDrafts();
  const asked = detail.requestConfig?.elt;
  const wasAsked = asked && !asked.hidden && !asked.matches(".queue-row");
  if (wasAsked) pane.querySelector("[role='alert']") ? pane.querySelector("[role='alert']").scrollIntoView({ block: "nearest" }) : pane.querySelector("#case-title")?.focus({ preventScroll: true });
  if (!wasAsked && asked?.matches(".queue-row")) pane.scrollIntoView({ block: "nearest" });
});

restoreDrafts();
