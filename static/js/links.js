/* Copying the link of a share. What is said stands in the page, in its reader's language. */
import { toast } from "./toasts.js";

document.addEventListener("click", async (event) => {
  const button = event.target.closest?.("[data-copies-link]");
  if (!button) return;
  const field = button.parentElement.querySelector("input[readonly]");
  field?.select();
  try {
    if (navigator.clipboard) await navigator.clipboard.writeText(button.dataset.copiesLink || field.value);
    else if (!field || !document.execCommand("copy")) throw new Error("refused");
    toast(button.dataset.said, "good");
  } catch {
    toast(button.dataset.refused, "bad");
  }
});
