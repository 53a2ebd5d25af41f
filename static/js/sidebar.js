/* The list of conversations: one menu serves every row, and the open one is in sight. */
const menu = document.getElementById("conversation-menu");
const renames = document.getElementById("rename-form");
const deletes = document.getElementById("delete-form");

document.addEventListener(
  "click",
  (event) => {
    const button = event.target.closest?.("[popovertarget='conversation-menu']");
    if (!button) return;
    menu.opener = button;
    const link = button.parentElement.querySelector("a");
    renames.action = `${button.dataset.base}rename`;
    renames.elements.title.value = link.textContent.trim();
    deletes.action = `${button.dataset.base}delete`;
  },
  true,
);

/* The two forms change their address with every opening, so htmx is asked by hand. */
function post(event, form) {
  event.preventDefault();
  menu.hidePopover();
  htmx.ajax("POST", form.action, { source: form, values: Object.fromEntries(new FormData(form)), swap: "none" });
}

if (menu) {
  renames.addEventListener("submit", (event) => post(event, renames));
  deletes.addEventListener("submit", (event) => post(event, deletes));
  document.querySelector(".conversation [aria-current]")?.scrollIntoView({ block: "nearest" });
}

/* A page of older rows may go on with the same day. */
document.getElementById("conversations")?.addEventListener("htmx:afterSettle", ({ currentTarget }) => {
  let last = "";
  for (const heading of currentTarget.querySelectorAll(".day > h2")) {
    heading.hidden = heading.textContent === last;
    last = heading.textContent;
  }
});
