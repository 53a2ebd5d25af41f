/* The frame of every page: menus beside their buttons, arrow keys in them, dialogs, the drawer's Escape, and the page that
 * browsers keep for when Parley cannot be reached. */

const GAP = 6;

/** Put a floating element beside what it belongs to, inside the window. */
export function placeBeside(floating, anchor) {
  const at = anchor.getBoundingClientRect();
  const { offsetWidth: width, offsetHeight: height } = floating;
  const below = at.bottom + GAP + height <= innerHeight || at.top < height + GAP;
  const endsWith = at.right - width;
  const begins = document.dir === "rtl" ? (endsWith < GAP ? at.left : endsWith) : at.left + width + GAP > innerWidth ? endsWith : at.left;
  const left = Math.min(Math.max(GAP, begins), innerWidth - width - GAP);
  floating.style.left = `${Math.max(GAP, left)}px`;
  const top = below ? at.bottom + GAP : at.top - GAP - height;
  floating.style.top = `${Math.max(GAP, Math.min(top, innerHeight - height - GAP))}px`;
  floating.style.right = "auto";
  floating.dataset.placed = "";
}

document.addEventListener(
  "toggle",
  (event) => {
    const menu = event.target;
    if (!menu.matches?.(".menu") || event.newState !== "open") return;
    const button = menu.opener ?? document.querySelector(`[popovertarget="${menu.id}"]`);
    if (button) placeBeside(menu, button);
    menu.querySelector(".menu-item")?.focus({ preventScroll: true });
  },
  true,
);

document.addEventListener("keydown", (event) => {
  const menu = event.target.closest?.(".menu");
  if (menu && ["ArrowDown", "ArrowUp", "Home", "End"].includes(event.key)) {
    if (event.target.matches("input, textarea")) return;
    const items = [...menu.querySelectorAll(".menu-item")];
    const now = items.indexOf(document.activeElement);
    const next = { ArrowDown: now + 1, ArrowUp: now - 1, Home: 0, End: -1 }[event.key];
    items.at(next % items.length)?.focus();
    event.preventDefault();
  }
  if (event.key === "Escape" && location.hash === "#sidebar") {
    location.hash = "";
    document.querySelector(".drawer-open")?.focus();
  }
});

addEventListener("hashchange", () => {
  if (location.hash === "#sidebar") document.querySelector("#sidebar a, #sidebar button")?.focus();
});

/* A menu is closed first, which gives the focus to its button: there it returns when the dialog is closed. */
function openDialog(dialog, menu) {
  menu?.hidePopover();
  if (dialog && !dialog.open) dialog.showModal();
}

document.addEventListener("click", (event) => {
  const opens = event.target.closest?.("[data-opens]");
  if (opens) openDialog(document.getElementById(opens.dataset.opens), opens.closest(".menu"));
  if (event.target.closest?.("[data-closes]")) event.target.closest("dialog")?.close();
  if (event.target.matches?.("dialog")) event.target.close();
});

/* Only on secure addresses; elsewhere the browser shows its own page. */
if (navigator.serviceWorker && !navigator.serviceWorker.controller) {
  navigator.serviceWorker.register("/service-worker.js").catch(() => {});
}
