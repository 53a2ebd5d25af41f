/* The list of conversations: a menu for every row, new names in place, a field that finds, and one title everywhere. */
const sidebar = document.getElementById("sidebar");
const menu = document.getElementById("conversation-menu");
const field = document.getElementById("find");
const suggested = document.getElementById("suggestions");
const head = document.querySelector(".chat-head");
const rowOf = (id) => document.getElementById(`conversation-${id}`);
let rowInHand = "";

/* ---- the menu of a row, which the server fills with what can be done with that conversation */
async function openMenu(event) {
  const link = event.target.closest?.(".conversation-more");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  rowInHand = link.closest(".conversation").id;
  menu.replaceChildren();
  menu.opener = link;
  await htmx.ajax("GET", link.href, { source: link, target: menu, swap: "innerHTML" });
  if (menu.childElementCount) menu.showPopover();
}

/* A deed draws the list anew: the focus stays on the conversation it was about. */
function keepFocus() {
  const now = document.activeElement;
  if (!rowInHand || (now && now !== document.body && !sidebar.contains(now))) return;
  document.querySelector(`#${rowInHand} .conversation-open`)?.focus({ preventScroll: true });
}

/* ---- a reply that nobody has read yet is marked in the row of its conversation */
function markRows() {
  for (const { dataset } of document.querySelectorAll("[data-marks]")) {
    const link = document.querySelector(`#${dataset.marks} .conversation-open`);
    if (!link || link.querySelector(".row-new")) continue;
    const mark = document.createElement("span");
    mark.className = "row-new";
    mark.role = "img";
    mark.ariaLabel = dataset.markLabel;
    link.prepend(mark);
  }
}

document.addEventListener("parley:frame", markRows);
document.addEventListener("parley:read", ({ detail: { value } }) => {
  for (const one of document.querySelectorAll(`#${value} .row-new, [data-marks="${value}"]`)) one.remove();
});

/* ---- a new name, in the row */
function rename(row) {
  const link = row.querySelector(".conversation-open");
  const before = link.textContent.trim();
  const form = document.getElementById("rename-row").content.firstElementChild.cloneNode(true);
  const name = form.elements.title;
  let isOver = false;
  const end = (keeps) => {
    if (isOver) return;
    isOver = true;
    const title = name.value.trim();
    form.remove();
    link.focus();
    rowInHand = row.id;
    const address = `/c/${row.id.slice("conversation-".length)}/rename`;
    if (keeps && title && title !== before) htmx.ajax("POST", address, { source: sidebar, values: { title }, swap: "none" });
  };
  name.value = before;
  row.prepend(form);
  name.focus();
  name.select();
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    end(true);
  });
  form.addEventListener("focusout", () => end(true));
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    event.preventDefault();
    event.stopPropagation();
    end(false);
  });
}

/* ---- the field */
function goFind(event) {
  if (event.key.toLowerCase() !== "k" || !(event.ctrlKey || event.metaKey)) return;
  event.preventDefault();
  const isInSight = sidebar.checkVisibility({ visibilityProperty: true });
  if (isInSight) field.select();
  else location.assign(field.form.action);
}

function walk(event) {
  const places = [field, ...suggested.querySelectorAll("a")];
  const now = places.indexOf(document.activeElement);
  if (event.key === "Escape") {
    event.preventDefault();
    field.value = "";
    suggested.replaceChildren();
    field.focus();
  } else if (now >= 0 && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
    event.preventDefault();
    places.at((now + (event.key === "ArrowDown" ? 1 : -1)) % places.length).focus();
  }
}

/* ---- one title: the page's head has it, its row and the tab say the same */
function sayTitle() {
  const title = document.getElementById("conversation-title")?.textContent.trim();
  const link = rowOf(document.getElementById("conversation").dataset.conversationId)?.querySelector(".conversation-open");
  if (!title) return;
  if (link && link.textContent !== title) link.textContent = title;
  const sign = document.title.match(/^[^\p{L}\p{N}]+ /u)?.[0] ?? "";
  document.title = `${sign}${title} · Parley`;
}

if (sidebar && menu) {
  sidebar.addEventListener("click", openMenu);
  sidebar.addEventListener("keydown", (event) => {
    const row = event.target.closest(".conversation");
    if (event.key === "F2" && row && !event.target.closest("form")) rename(row);
  });
  menu.addEventListener("click", (event) => {
    const id = event.target.closest("[data-renames]")?.dataset.renames;
    if (!id) return;
    menu.hidePopover();
    rename(rowOf(id));
  });
  menu.addEventListener("htmx:beforeRequest", (event) => event.target !== menu && menu.hidePopover());
  menu.addEventListener("toggle", (event) => event.newState === "closed" && delete menu.dataset.placed);
  document.addEventListener("htmx:afterSettle", keepFocus);
  document.querySelector(".conversation [aria-current]")?.scrollIntoView({ block: "nearest" });
}

if (field) {
  document.addEventListener("keydown", goFind);
  field.form.addEventListener("keydown", walk);
}

if (head) new MutationObserver(sayTitle).observe(head, { childList: true, subtree: true, characterData: true });

/* A page of older rows may go on with the same day. */
sidebar?.addEventListener("htmx:afterSettle", () => {
  let last = "";
  for (const heading of sidebar.querySelectorAll(".day > h2")) {
    heading.hidden = heading.textContent === last;
    last = heading.textContent;
  }
});
