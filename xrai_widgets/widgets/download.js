// Buttons that ask the kernel for a file and save it; no data passes through the page's markup.
function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "xrai-download";
  root.setAttribute("role", "group");
  root.setAttribute("aria-label", model.get("label"));
  const status = document.createElement("span");
  status.setAttribute("role", "status");
  el.appendChild(root);

  function draw() {
    root.replaceChildren(Object.assign(document.createElement("span"), { textContent: model.get("label") }));
    for (const kind of model.get("kinds")) {
      const button = root.appendChild(document.createElement("button"));
      button.type = "button";
      button.textContent = kind;
      button.title = `save as ${kind}`;
      button.disabled = model.get("disabled");
      button.addEventListener("click", () => { status.textContent = "preparing …"; model.send({ kind }); });
    }
    root.appendChild(status);
  }

  function receive(message, buffers) {
    status.textContent = message.error || `saved ${message.name}`;
    if (message.error) return;
    const url = URL.createObjectURL(new Blob([buffers[0]], { type: message.type }));
    const link = Object.assign(document.createElement("a"), { href: url, download: message.name });
    document.body.appendChild(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(url), 10000);
  }

  draw();
  model.on("change:disabled", draw);
  model.on("msg:custom", receive);
  return () => { model.off("change:disabled", draw); model.off("msg:custom", receive); };
}

export default { render };
