/* Runs before the first paint: the chosen theme, and the word that scripts run. Chosen by any [data-theme-choice]. */
(() => {
  const root = document.documentElement;
  const kept = () => {
    try {
      return localStorage.getItem("parley:theme") || "system";
    } catch {
      return "system";
    }
  };

  const apply = (choice) => {
    if (choice === "light" || choice === "dark") root.dataset.theme = choice;
    else delete root.dataset.theme;
    for (const item of document.querySelectorAll("[data-theme-choice]")) {
      item.setAttribute("aria-checked", String(item.dataset.themeChoice === choice));
    }
  };

  root.classList.add("js");
  apply(kept());
  document.addEventListener("DOMContentLoaded", () => apply(kept()));
  addEventListener("storage", (event) => event.key === "parley:theme" && apply(kept()));
  document.addEventListener("click", (event) => {
    const item = event.target.closest?.("[data-theme-choice]");
    if (!item) return;
    try {
      localStorage.setItem("parley:theme", item.dataset.themeChoice);
    } catch {
      /* Private windows may refuse; the choice then lasts as long as the page. */
    }
    apply(item.dataset.themeChoice);
    item.closest("[popover]")?.hidePopover();
  });
})();
