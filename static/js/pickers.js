/* Choosing an assistant: the start page's link opens the list in a dialog; the list is filtered as one types. */

const link = document.getElementById("assistant-picker");
const dialog = document.getElementById("assistant-dialog");
const place = document.getElementById("assistant-choices");

async function load() {
  if (place.childElementCount) return true;
  try {
    const response = await fetch(link.href, { headers: { "HX-Request": "true" } });
    if (!response.ok || response.redirected) return false;
    place.innerHTML = await response.text();
    return true;
  } catch {
    return false;
  }
}

link?.addEventListener("click", async (event) => {
  if (event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  if (!(await load())) {
    location.assign(link.href);
    return;
  }
  dialog.showModal();
  /* A thumb's keyboard would cover half of the list. */
  if (!matchMedia("(pointer: coarse)").matches) place.querySelector("input").focus();
});

const shown = (list) => [...list.querySelectorAll(".assistant")].filter((one) => !one.parentElement.hidden);

document.addEventListener("input", ({ target }) => {
  const list = target.closest?.(".assistants");
  if (!list) return;
  const words = target.value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const row of list.querySelectorAll("li")) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
  list.querySelector(".assistant-none").hidden = shown(list).length > 0;
});

document.addEventListener("keydown", (event) => {
  const list = event.target.closest?.(".assistants");
  if (!list || event.isComposing) return;
  const field = list.querySelector("input");
  const links = shown(list);
  const now = links.indexOf(event.target);
  const isTyping = event.target === field;
  if (event.key === "Enter" && isTyping) {
    event.preventDefault();
    links[0]?.click();
  } else if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    event.preventDefault();
    const next = event.key === "ArrowDown" ? now + 1 : Math.max(now, 0) - 1;
    (next < 0 && !isTyping ? field : links.at(next % Math.max(links.length, 1)))?.focus();
  } else if (!isTyping && (event.key === "Home" || event.key === "End")) {
    event.preventDefault();
    links.at(event.key === "Home" ? 0 : -1)?.focus();
  } else if (!isTyping && event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey) {
    field.focus();
  }
});
