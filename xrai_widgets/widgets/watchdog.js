// Asks the kernel for a sign of life; after three periods without one the page says that the session is over.
function ended() {
  const banner = document.createElement("div");
  banner.className = "xrai-ended";
  banner.setAttribute("role", "alert");
  const text = document.createElement("p");
  const voila = document.querySelector("#rendered_cells") !== null;
  text.append(voila ? "This session has ended." : "The kernel of this workbench has ended. Run its cell again.");
  if (voila) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = "Reload";
    button.addEventListener("click", () => window.location.reload());
    text.append(button);
  }
  banner.append(text);
  return banner;
}

function render({ model, el }) {
  el.style.display = "none";
  const period = 1000 * model.get("period");
  let banner = null;
  let seen = performance.now();
  let asked = seen;
  const hear = (message) => {
    if (message && ("xrai_pong" in message || "xrai_beat" in message)) {
      seen = performance.now();
      if (banner) banner.remove();
      banner = null;
    }
  };
  const ask = () => {
    const now = performance.now();
    if (now - asked > 2 * period) seen = now; // the page slept, not the kernel
    asked = now;
    if (now - seen > 3 * period && !document.querySelector(".xrai-ended")) {
      banner = ended();
      document.body.append(banner);
    }
    try {
      model.send({ xrai_ping: Math.round(now) });
    } catch (error) {
      console.debug("the kernel cannot be asked", error);
    }
  };
  model.on("msg:custom", hear);
  const timer = setInterval(ask, period);
  return () => {
    clearInterval(timer);
    model.off("msg:custom", hear);
    if (banner) banner.remove();
  };
}

export default { render };
