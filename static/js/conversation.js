/* The page of messages: the breath of what is under way, a way to the end when it is out of sight, and quoting, which is
 * loaded with the first words that are selected. */

const messages = document.getElementById("messages");
const jump = document.getElementById("jump");
const scroller = document.scrollingElement;

function showJump() {
  jump.hidden = scroller.scrollHeight - scroller.scrollTop - innerHeight < 160;
}

/* The line that says "Writing…" is drawn anew with every frame; its breath goes on where it was. */
function keepBreath() {
  for (const state of messages.querySelectorAll(".state[data-moves]")) {
    for (const breath of state.getAnimations({ subtree: true })) breath.startTime = 0;
  }
}

if (messages) {
  document.addEventListener("parley:frame", keepBreath);
  document.addEventListener("selectionchange", () => getSelection().isCollapsed || import("./quoting.js"));
}

if (jump) {
  addEventListener("scroll", showJump, { passive: true });
  new ResizeObserver(showJump).observe(messages);
  jump.addEventListener("click", () => scroller.scrollTo({ top: scroller.scrollHeight }));
}
