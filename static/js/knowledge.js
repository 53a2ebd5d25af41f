/* Documents of a source: ticking many of them, and turning to the cited words. */

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
/* The bar that was used is gone with the ticks: reading goes on at what came of it. */
document.addEventListener("htmx:afterSwap", ({ target }) => target.id === "many" && target.focus({ preventScroll: true }));

document.querySelector("main #cited")?.scrollIntoView({ block: "center" });
