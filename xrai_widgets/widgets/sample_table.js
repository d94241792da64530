// A table that is sorted by its headers and shown a page at a time. All text is set as text, never as markup.
const PAGE = 12;

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "xrai-table";
  el.appendChild(root);
  let order = [], shown = PAGE, sort = { column: -1, down: true };

  function arrange() {
    const columns = model.get("columns"), rows = model.get("rows");
    order = rows.map((_, i) => i);
    if (sort.column < 0) return;
    const numeric = columns[sort.column].numeric, sign = sort.down ? -1 : 1;
    order.sort((a, b) => {
      const p = rows[a][sort.column], q = rows[b][sort.column];
      if (p === null || q === null) return (p === null) - (q === null) || a - b;
      return sign * (numeric ? p - q : String(p).localeCompare(String(q))) || a - b;
    });
  }

  function text(value, numeric) {
    if (value === null) return "–";
    if (!numeric || typeof value !== "number") return String(value);
    return Number.isInteger(value) && Math.abs(value) < 1e15 ? String(value) : Number(value.toPrecision(4)).toString();
  }

  function draw(focus) {
    const columns = model.get("columns"), rows = model.get("rows");
    root.replaceChildren();
    const scroll = document.createElement("div");
    scroll.className = "xrai-table-scroll";
    scroll.tabIndex = 0;
    scroll.setAttribute("role", "region");
    scroll.setAttribute("aria-label", model.get("caption"));
    const table = scroll.appendChild(document.createElement("table"));
    table.createCaption().textContent = `${model.get("caption")} (${Math.min(shown, rows.length)} of ${model.get("total")} shown)`;
    const head = table.createTHead().insertRow();
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

  function reset() {
    const start = model.get("columns").findIndex((column) => column.label === model.get("first"));
    sort = { column: start, down: true };
    shown = PAGE;
    arrange();
    draw();
  }
  reset();
  model.on("change:rows", reset);
  return () => model.off("change:rows", reset);
}

export default { render };
