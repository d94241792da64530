// A random name for this browser, kept by the browser: whoever cannot show it does not see the history that it owns.
const KEY = "xrai-widgets-visitor";

function name() {
  const made = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
  try {
    const saved = localStorage.getItem(KEY);
    if (saved && /^[0-9a-f]{32}$/.test(saved)) return saved;
    localStorage.setItem(KEY, made);
  } catch { /* a browser that keeps nothing: the name is good for this page */ }
  return made;
}

function render({ model }) {
  model.set("name", name());
  model.save_changes();
}

export default { render };
