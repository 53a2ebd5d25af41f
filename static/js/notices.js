/* Notices of limits, above where questions are written: put away, one stays away until its limit begins anew. */

const region = document.getElementById("limit-notices");
const PREFIX = "parley:put-away:";

function isPutAway(key) {
  try {
    return localStorage.getItem(PREFIX + key) !== null;
  } catch {
    return false;
  }
}

function putAway(key) {
  try {
    /* Older ones are of periods that are over, or say less. */
    for (const name of Object.keys(localStorage)) if (name.startsWith(PREFIX + key.slice(0, 36))) localStorage.removeItem(name);
    localStorage.setItem(PREFIX + key, "1");
  } catch {
    /* Without storage it stays away as long as the page. */
  }
}

function hideThose() {
  for (const notice of region.querySelectorAll("[data-notice]")) notice.hidden = isPutAway(notice.dataset.notice);
}

if (region) {
  hideThose();
  new MutationObserver(hideThose).observe(region, { childList: true });
  region.addEventListener("click", (event) => {
    const notice = event.target.closest("[data-puts-away]")?.closest("[data-notice]");
    if (!notice) return;
    putAway(notice.dataset.notice);
    notice.remove();
    document.getElementById("question")?.focus();
  });
}
