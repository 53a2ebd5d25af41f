/* Whoever works with keys stays where they are: when what has the focus is taken out of the page (a fragment is swapped, a
 * row leaves a list, a notice is put away), the focus goes to the same thing in its new shape, else to its neighbour, else
 * to the part of the page it was in. htmx itself finds only what has an id. */

/* All that can have the focus, and what of it takes no text: a phone would open its keyboard for that. */
const CAN_BE_REACHED = "a[href], button:not(:disabled), input:not([type='hidden'], :disabled), textarea:not(:disabled), select:not(:disabled), summary, [tabindex='0']";
const IS_WRITTEN_IN = "textarea, select, input:not([type='checkbox'], [type='radio'])";
let last = null;

/** What makes it the same thing for whoever uses it. */
function looksOf(element) {
  const words = element.getAttribute("aria-label") ?? element.textContent.trim();
  const names = ["name", "value", "href", "data-number", "data-key"].map((name) => element.getAttribute(name));
  return JSON.stringify([element.localName, words, ...names]);
}

function note(element) {
  const around = [];
  for (let one = element.parentElement; one && one !== document.body; one = one.parentElement) around.push(one);
  const home = around.find((one) => one.id);
  const at = home ? [...home.querySelectorAll(CAN_BE_REACHED)].indexOf(element) : -1;
  last = { element, around, home, at, id: element.id, looks: looksOf(element) };
}

const isSeen = (one) => one.checkVisibility({ visibilityProperty: true });
const reachable = (root) => [root, ...root.querySelectorAll(CAN_BE_REACHED)].filter((one) => one.matches(CAN_BE_REACHED) && isSeen(one));
const pressable = (root) => reachable(root).find((one) => !one.matches(IS_WRITTEN_IN));

/** The nearest part around it that is still there, by itself or by its id. */
function placeOf({ around }) {
  for (const one of around) {
    const place = one.isConnected ? one : one.id && document.getElementById(one.id);
    if (place) return place;
  }
  return document.querySelector("main");
}

/** What stood beside what was taken out: the next thing, or the one before. */
function besideOf(records, element) {
  const record = records.find(({ removedNodes }) => [...removedNodes].some((node) => node.contains(element)));
  if (!record) return null;
  const elementAt = (node, way) => (node instanceof Element ? node : node?.[way]);
  const sides = [elementAt(record.nextSibling, "nextElementSibling"), elementAt(record.previousSibling, "previousElementSibling")];
  return sides.find((one) => one?.isConnected && pressable(one)) ?? null;
}

/** The thing at the same place in a part that was drawn anew, such as the button that took its own back. */
function successorOf({ home, at }, place) {
  if (!home || home === place || home.id !== place.id) return null;
  const all = [...place.querySelectorAll(CAN_BE_REACHED)].filter((one) => isSeen(one) && !one.matches(IS_WRITTEN_IN));
  return all[Math.min(at, all.length - 1)] ?? null;
}

function take(element) {
  if (!element) return false;
  element.focus({ preventScroll: true });
  return document.activeElement === element;
}

function restore(lost, records) {
  const place = placeOf(lost);
  const same = reachable(place).find((one) => looksOf(one) === lost.looks);
  if (take(lost.id && document.getElementById(lost.id)) || take(same) || take(successorOf(lost, place))) return;
  const beside = besideOf(records, lost.element);
  if (beside && take(pressable(beside))) return;
  /* The part itself: a screen reader says its name, and Tab goes on inside. */
  const part = place.closest("[id]:not(.toasts), section, article, main") ?? document.querySelector("main");
  if (!part.matches(CAN_BE_REACHED)) part.tabIndex = -1;
  take(part) || take(document.querySelector("main"));
}

document.addEventListener("focusin", ({ target }) => note(target));
document.addEventListener("focusout", ({ target }) => {
  /* Browsers say so of what they take out, too: only what stays has been left on purpose. */
  setTimeout(() => {
    if (last?.element === target && target.isConnected && document.activeElement !== target) last = null;
  });
});

new MutationObserver((records) => {
  if (!last || last.element.isConnected) return;
  const lost = last;
  last = null;
  if (document.activeElement === document.body || !document.activeElement) restore(lost, records);
}).observe(document.body, { childList: true, subtree: true });
