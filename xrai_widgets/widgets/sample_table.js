// A table that is sorted by its headers and shown a page at a time. Samples can be marked; marked ones stand first.
// All text is set as text, never as markup.
const PAGE = 12;

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "xrai-table";
  el.appendChild(root);
  const said = document.createElement("div");
  said.className = "xrai-table-status";
  said.setAttribute("role", "status");
  el.appendChild(said);
  let order = [], shown = PAGE, sort = { column: -1, down: true };

  const word = (key) => JSON.stringify(key);
  const marks = () => new Set(model.get("selected").map(word));

  function mark(key, on) {
    const others = model.get("selected").filter((other) => word(other) !== word(key));
    model.set("selected", on ? [...others, key] : others);
    model.save_changes();
  }

  function marked(focus) {
    if (!focus) arrange();  // a row that is marked here stays where it is, under the hand that marks it
    draw(undefined, focus);
    const count = model.get("selected").length, here = marks();
    const found = model.get("samples").filter((key) => here.has(word(key))).length;
    said.textContent = count && model.get("samples").length ? `${found} of ${count} marked sample${count === 1 ? "" : "s"} among these rows` : "";
  }

  function arrange() {
    const columns = model.get("columns"), rows = model.get("rows");
    order = rows.map((_, i) => i);
    if (sort.column >= 0) order.sort(by());
    const here = marks(), keys = model.get("samples");
    const first = (i) => (keys.length && here.has(word(keys[i])) ? 0 : 1);
    order = [...order.filter((i) => !first(i)), ...order.filter(first)];
  }

  function by() {
    const columns = model.get("columns"), rows = model.get("rows");
    const numeric = columns[sort.column].numeric, sign = sort.down ? -1 : 1;
    return (a, b) => {
      const p = rows[a][sort.column], q = rows[b][sort.column];
      if (p === null || q === null) return (p === null) - (q === null) || a - b;
      return sign * (numeric ? p - q : String(p).localeCompare(String(q))) || a - b;
    };
  }

  function text(value, numeric) {
    if (value === null) return "–";
    if (!numeric || typeof value !== "number") return String(value);
    return Number.isInteger(value) && Math.abs(value) < 1e15 ? String(value) : Number(value.toPrecision(4)).toString();
  }

  function draw(focus, focused) {
    const columns = model.get("columns"), rows = model.get("rows"), keys = model.get("samples"), here = marks();
    root.replaceChildren();
    const scroll = document.createElement("div");
    scroll.className = "xrai-table-scroll";
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", model.get("caption"));
    const table = scroll.appendChild(document.createElement("table"));
    table.createCaption().textContent = `${model.get("caption")} (${Math.min(shown, rows.length)} of ${model.get("total")} shown)`;
    const head = table.createTHead().insertRow();
    if (keys.length) {
      const cell = head.appendChild(document.createElement("th"));
      cell.scope = "col";
      cell.textContent = "mark";
    }
    columns.forEach((column, i) => {
      const cell = head.appendChild(document.createElement("th"));
      cell.scope = "col";
      cell.setAttribute("aria-sort", sort.column !== i ? "none" : sort.down ? "descending" : "ascending");
      const button = cell.appendChild(document.createElement("button"));
      button.type = "button";
      button.title = `sort by ${column.label}`;
      button.textContent = column.label + (sort.column !== i ? "" : sort.down ? " ▼" : " ▲");
      button.addEventListener("click", () => {
        sort = { column: i, down: sort.column === i ? !sort.down : column.numeric };
        arrange();
        draw(i);
      });
      if (focus === i) queueMicrotask(() => button.focus());
    });
    const body = table.createTBody();
    for (const index of order.slice(0, shown)) {
      const row = body.insertRow();
      if (keys.length) row.insertCell().appendChild(box(keys[index], here, row, focused));
      columns.forEach((column, i) => {
        const cell = row.insertCell();
        cell.textContent = text(rows[index][i], column.numeric);
        if (column.numeric) cell.className = "xrai-number";
      });
    }
    root.appendChild(scroll);
    if (shown < rows.length) {
      const more = root.appendChild(document.createElement("button"));
      more.type = "button";
      more.textContent = `Show ${Math.min(PAGE * 4, rows.length - shown)} more`;
      more.addEventListener("click", () => { shown += PAGE * 4; draw(); });
    }
  }

  function box(key, here, row, focused) {
    const input = document.createElement("input");
    input.type = "checkbox";
    input.checked = here.has(word(key));
    input.setAttribute("aria-label", `mark sample ${key[1]} of ${key[0]}`);
    if (input.checked) row.className = "xrai-marked";
    input.addEventListener("change", () => { waiting = key; mark(key, input.checked); });
    if (focused && word(focused) === word(key)) queueMicrotask(() => input.focus());
    return input;
  }

  let waiting = null;
  function changed() {
    const key = waiting;
    waiting = null;
    marked(key);
  }

  function reset() {
    const start = model.get("columns").findIndex((column) => column.label === model.get("first"));
    sort = { column: start, down: true };
    shown = PAGE;
    marked();
  }
  reset();
  model.on("change:rows", reset);
  model.on("change:selected", changed);
  return () => { model.off("change:rows", reset); model.off("change:selected", changed); };
}

export default { render };
