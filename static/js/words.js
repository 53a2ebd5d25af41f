/* What scripts say, in the page's language. Pages hold the texts: <div hidden data-words data-name="…{value}…">. */

/** The text of this name, with its values put in; "" where no page has it. */
export function word(name, values = {}) {
  for (const { dataset } of document.querySelectorAll("[data-words]")) {
    if (name in dataset) return dataset[name].replace(/\{(\w+)\}/g, (whole, key) => values[key] ?? whole);
  }
  return "";
}
