/* The page of messages: what is thought of answers, and a way to the end when it is out of sight. */

const messages = document.getElementById("messages");
const jump = document.getElementById("jump");
const scroller = document.scrollingElement;

function showJump() {
  jump.hidden = scroller.scrollHeight - scroller.scrollTop - innerHeight < 160;
}

/* What was thought of an answer shows at once, and goes back if it was not taken. */
function press(event) {
  const form = event.target.closest(".rating");
  const button = event.detail.requestConfig?.triggeringEvent?.submitter;
  if (!form || !button || !event.detail.successful) return;
  for (const one of form.querySelectorAll("button")) one.setAttribute("aria-pressed", String(one === button));
}

/* The line that says "Writing…" is drawn anew with every frame; its breath goes on where it was. */
function keepBreath() {
  for (const state of messages.querySelectorAll(".state[data-moves]")) {
    for (const breath of state.getAnimations({ subtree: true })) breath.startTime = 0;
  }
}

if (messages) {
  document.addEventListener("parley:frame", keepBreath);
  messages.addEventListener("htmx:afterRequest", press);
}

if (jump) {
  addEventListener("scroll", showJump, { passive: true });
  new ResizeObserver(showJump).observe(messages);
  jump.addEventListener("click", () => scroller.scrollTo({ top: scroller.scrollHeight }));
}
