// ipywidgets leaves some of its parts without a name for assistive technology: names are taken from the label beside.
function name(node) {
  const box = node.closest(".jupyter-widgets");
  const label = box && box.querySelector(".widget-label");
  return (label && label.textContent.trim()) || (box && box.getAttribute("title")) || "";
}

function mend(root) {
  for (const handle of root.querySelectorAll(".noUi-handle:not([aria-label])")) {
    const label = name(handle);
    if (label) handle.setAttribute("aria-label", label);
  }
  for (const bar of root.querySelectorAll(".widget-hprogress .progress:not([role])")) {
    bar.setAttribute("role", "progressbar");
    bar.setAttribute("aria-label", name(bar) || "progress");
  }
  for (const bar of root.querySelectorAll(".widget-hprogress .progress[role] > .progress-bar")) {
    const now = parseFloat(bar.style.width) || 0;
    if (bar.parentElement.getAttribute("aria-valuenow") !== String(Math.round(now))) bar.parentElement.setAttribute("aria-valuenow", Math.round(now));
  }
  for (const readout of root.querySelectorAll(".widget-readout[contenteditable]:not([aria-label])")) {
    readout.setAttribute("role", "textbox");
    readout.setAttribute("aria-label", `${name(readout)}, value`);
  }
}

function render({ el }) {
  el.style.display = "none";
  const root = document.body;
  let waiting = false;
  const soon = () => {
    if (!waiting) { waiting = true; requestAnimationFrame(() => { waiting = false; mend(root); }); }
  };
  const observer = new MutationObserver(soon);
  observer.observe(root, { childList: true, subtree: true, attributes: true, attributeFilter: ["style"] });
  soon();
  return () => observer.disconnect();
}

export default { render };
