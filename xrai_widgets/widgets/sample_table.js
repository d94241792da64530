// A table that is sorted by its headers and shown a page at a time. Samples can be marked; marked ones stand first.
// Samples beyond a cut are flagged while the cut moves. All text is set as text, never as markup.

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "xrai-table";
  el.appendChild(root);
  const status = document.createElement("div");
  status.className = "xrai-table-status";
  status.setAttribute("role", "status");
  el.appendChild(status);
  let order = [], shown = model.get("page"), sort = { column: -1, down: true }, flags = [], caption = null;

  const word = (key) => JSON.stringify(key);
  const marks = () => new Set(model.get("selected").map(word));
  const scored = () => model.get("columns").findIndex((column) => column.label === model.get("first"));

  function mark(key, on) {
    const others = model.get("selected").filter((other) => word(other) !== word(key));
    model.set("selected", on ? [...others, key] : others);
    model.save_changes();
  }

  function marked(focus) {
    if (!focus) arrange();  // a row that is marked here stays where it is, under the hand that marks it
    draw(undefined, focus);
    const count = model.get("selected").length, here = marks();
    const hits = model.get("samples").filter((key) => here.has(word(key))).length;
    status.textContent = count && model.get("samples").length ? `${hits} of ${count} marked sample${count === 1 ? "" : "s"} among these rows` : "";
  }

  function arrange() {
    const rows = model.get("rows");
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

  function header(head, words) {
    const cell = head.appendChild(document.createElement("th"));
    cell.scope = "col";
    cell.textContent = words;
  }

  function draw(focus, focused) {
    const columns = model.get("columns"), rows = model.get("rows"), keys = model.get("samples"), here = marks();
    const pictures = model.get("pictures");
    root.replaceChildren();
    const scroll = document.createElement("div");
    scroll.className = "xrai-table-scroll";
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", model.get("caption"));
    const table = scroll.appendChild(document.createElement("table"));
    caption = table.createCaption();
    const head = table.createTHead().insertRow();
    if (keys.length) header(head, "mark");
    if (model.get("cut") !== null) header(head, "cut");
    if (pictures.length) header(head, "picture");
    columns.forEach((column, i) => {
      const cell = head.appendChild(document.createElement("th"));
      cell.scope = "col";
      if (column.inside && !columns[i - 1].inside) cell.className = "xrai-inside";
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
    flags = [];
    for (const index of order.slice(0, shown)) {
      const row = body.insertRow();
      if (keys.length) row.insertCell().appendChild(box(keys[index], here, row, focused));
      if (model.get("cut") !== null) flags.push({ row, cell: row.insertCell(), value: rows[index][scored()] });
      if (pictures.length) row.insertCell().appendChild(picture(pictures[index], rows[index], columns));
      columns.forEach((column, i) => {
        const cell = row.insertCell();
        cell.textContent = text(rows[index][i], column.numeric);
        if (column.numeric) cell.className = "xrai-number";
        if (column.inside && !columns[i - 1].inside) cell.classList.add("xrai-inside");
      });
    }
    root.appendChild(scroll);
    flag();
    if (model.get("note")) {
      const note = root.appendChild(document.createElement("p"));
      note.className = "xrai-table-note";
      note.textContent = model.get("note");
    }
    if (shown < rows.length) {
      const more = root.appendChild(document.createElement("button"));
      more.type = "button";
      const step = Math.min(model.get("page") * 4, rows.length - shown);
      more.textContent = `Show ${step} more`;
      more.addEventListener("click", () => { shown += step; draw(); });
    }
  }

  // nothing but the flags: this runs at every step of a cut that is dragged
  function flag() {
    const cut = model.get("cut"), side = model.get("beyond");
    let count = 0;
    for (const { row, cell, value } of flags) {
      const on = typeof value === "number" && (side === "above" ? value > cut : value < cut);
      count += on;
      row.classList.toggle("xrai-flagged", on);
      cell.replaceChildren();
      if (!on) { cell.textContent = side === "above" ? "below" : "above"; continue; }
      const sign = cell.appendChild(document.createElement("span"));
      sign.className = "xrai-flag";
      sign.textContent = side === "above" ? "▲" : "▼";
      cell.append(side);
    }
    const rows = `${Math.min(shown, model.get("rows").length)} of ${model.get("total")} shown`;
    const cutting = cut === null ? "" : `; ${count} of these ${side} the cut ${Number(cut.toPrecision(3))}`;
    caption.textContent = `${model.get("caption")} (${rows}${cutting})`;
  }

  function picture(source, row, columns) {
    const image = document.createElement("img");
    const of = (name) => row[columns.findIndex((column) => column.label === name)];
    image.src = source;
    const more = ["part", "class"].filter((name) => of(name) !== undefined).map((name) => `, ${name} ${of(name)}`);
    image.alt = `sample ${of("id")}${more.join("")}`;
    image.className = "xrai-picture";
    return image;
  }

  function box(key, here, row, focused) {
    const input = document.createElement("input");
    input.type = "checkbox";
    input.checked = here.has(word(key));
    input.setAttribute("aria-label", `mark sample ${key[1]} of ${key[0]}`);
    if (input.checked) row.classList.add("xrai-marked");
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
    sort = { column: scored(), down: model.get("beyond") === "above" };
    shown = model.get("page");
    marked();
  }
  reset();
  model.on("change:rows", reset);
  model.on("change:selected", changed);
  model.on("change:cut", flag);
  return () => { model.off("change:rows", reset); model.off("change:selected", changed); model.off("change:cut", flag); };
}

export default { render };
