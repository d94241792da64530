// Runs that a store holds: sorted by the headers, narrowed to a subject, opened by a button. Text is set as text only.
const COLUMNS = [
  ["started", "when"], ["subject", "subject"], ["title", "assessment"], ["verdict", "verdict"], ["seconds", "seconds"],
];
const PAGE = 12;

function make(parent, tag, text, attributes = {}) {
  const node = parent.appendChild(document.createElement(tag));
  if (text !== undefined) node.textContent = text;
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function when(iso) {
  const date = new Date(iso);
  return isNaN(date) ? iso : date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

function compare(a, b, numeric) {
  return numeric ? a - b : String(a).localeCompare(String(b));
}

function render({ model, el }) {
  const root = make(el, "div", undefined, { class: "xrai-table" });
  let subject = "", shown = PAGE, sort = { key: "started", down: true };

  // two subjects may have one name: the start of the fingerprint distinguishes them
  function subjects() {
    const names = new Map();
    for (const run of model.get("runs")) names.set(run.fingerprint, run.subject);
    const count = (name) => [...names.values()].filter((other) => other === name).length;
    return [...names].map(([key, name]) => [key, count(name) > 1 ? `${name} (${key.slice(0, 8)})` : name]);
  }

  function chosen() {
    const runs = model.get("runs").filter((run) => !subject || run.fingerprint === subject);
    const sign = sort.down ? -1 : 1, numeric = sort.key === "seconds";
    return runs.sort((a, b) => sign * compare(a[sort.key], b[sort.key], numeric) || b.number - a.number);
  }

  function choice(options) {
    const label = make(root, "label", "subject ");
    const select = make(label, "select", undefined, { "aria-label": "show the runs of subject", "data-focus": "subject" });
    for (const [key, name] of [["", "all"], ...options]) make(select, "option", name, { value: key });
    select.value = subject;
    select.addEventListener("change", () => { subject = select.value; shown = PAGE; draw("subject"); });
  }

  function header(row, [key, label]) {
    const on = sort.key === key;
    const cell = make(row, "th", undefined, { scope: "col", "aria-sort": !on ? "none" : sort.down ? "descending" : "ascending" });
    const text = label + (!on ? "" : sort.down ? " ▼" : " ▲");
    const button = make(cell, "button", text, { type: "button", title: `sort by ${label}`, "data-focus": key });
    button.addEventListener("click", () => {
      sort = { key, down: on ? !sort.down : key === "started" || key === "seconds" };
      draw(key);
    });
  }

  function line(body, run) {
    const row = body.insertRow();
    make(make(row, "td"), "time", when(run.started), { datetime: run.started, title: run.started });
    for (const text of [run.subject, run.title, `${run.shape} ${run.verdict}`]) make(row, "td", text);
    make(row, "td", run.seconds.toFixed(1), { class: "xrai-number" });
    const name = `Open ${run.title} on ${run.subject}, ${when(run.started)}, ${run.verdict}`;
    const open = make(make(row, "td"), "button", "Open", { type: "button", "aria-label": name, "data-focus": `open ${run.number}` });
    open.className = "xrai-open";
    open.addEventListener("click", () => model.send({ open: run.number }));
  }

  function draw(focus) {
    const kept = focus ?? (root.contains(document.activeElement) ? document.activeElement.dataset.focus : undefined);
    root.replaceChildren();
    const options = subjects();
    if (subject && !options.some(([key]) => key === subject)) subject = "";
    choice(options);
    const runs = chosen();
    const scroll = make(root, "div", undefined, { class: "xrai-table-scroll", tabindex: "0", role: "region", "aria-label": "History of runs" });
    const table = make(scroll, "table");
    table.createCaption().textContent = `Runs that are kept (${Math.min(shown, runs.length)} of ${runs.length} shown)`;
    const head = table.createTHead().insertRow();
    COLUMNS.forEach((column) => header(head, column));
    make(head, "th", "open", { scope: "col" });
    const body = table.createTBody();
    for (const run of runs.slice(0, shown)) line(body, run);
    if (shown < runs.length) {
      const more = make(root, "button", `Show ${Math.min(PAGE * 4, runs.length - shown)} more`, { type: "button" });
      more.addEventListener("click", () => { shown += PAGE * 4; draw(); });
    }
    if (kept) [...root.querySelectorAll("[data-focus]")].find((node) => node.dataset.focus === kept)?.focus();
  }

  const redraw = () => draw();
  draw();
  model.on("change:runs", redraw);
  return () => model.off("change:runs", redraw);
}

export default { render };
