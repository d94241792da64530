// Blocks of code with a button that copies each. All text is set as text, never as markup.
function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "xrai-run-code";
  const status = document.createElement("div");
  status.setAttribute("role", "status");
  el.append(root, status);

  async function copy(title, block) {
    try {
      await navigator.clipboard.writeText(block.textContent);
      status.textContent = `${title} copied`;
    } catch {
      // without permission, or over plain http, the browser lets the user copy what is selected
      const range = document.createRange();
      range.selectNodeContents(block);
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      status.textContent = `${title} is selected: press Ctrl+C (⌘C) to copy it`;
    }
  }

  function draw() {
    root.replaceChildren();
    status.textContent = "";
    const blocks = model.get("blocks");
    if (!blocks.length) root.textContent = "Results are written here as code as they end.";
    for (const [title, text] of blocks) {
      const head = root.appendChild(document.createElement("div"));
      head.className = "xrai-run-code-head";
      head.appendChild(document.createElement("strong")).textContent = title;
      const button = head.appendChild(document.createElement("button"));
      button.type = "button";
      button.textContent = "Copy";
      button.setAttribute("aria-label", `copy ${title}`);
      const block = root.appendChild(document.createElement("pre"));
      block.tabIndex = 0;
      block.setAttribute("role", "region");
      block.setAttribute("aria-label", title);
      block.textContent = text;
      button.addEventListener("click", () => copy(title, block));
    }
  }

  draw();
  model.on("change:blocks", draw);
  return () => model.off("change:blocks", draw);
}

export default { render };
