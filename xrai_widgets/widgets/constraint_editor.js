// A folded table of the columns: what may be changed about a sample, and what is expected of the score then. All text is set as text, never as markup.
let made = 0;
const HOPES = { "": "may do anything", rising: "must not fall", falling: "must not rise", invariant: "must not move" };

function render({ model, el }) {
  const key = `xrai-constraints-${++made}`;
  const open = new Set();  // columns whose further limits are shown
  const root = add(el, "details", "xrai-constraints");
  const title = add(root, "summary");
  const body = add(root, "div", "xrai-constraints-body");
  const note = add(body, "div", "xrai-constraints-said");
  note.textContent = "Attacks and explanations change samples within these limits only. Under ▸ you also say what the score must do when a column changes: “Expectations and edge cases” tries it. A subject with other limits or expectations is another subject: earlier results stay with the old one.";
  const finder = add(body, "label", "xrai-constraints-find");
  finder.append("Find a column ");
  const query = add(finder, "input");
  query.type = "search";
  const table = add(body, "div", "xrai-constraints-table");
  table.tabIndex = 0;
  table.setAttribute("role", "region");
  table.setAttribute("aria-label", "limits of the columns, and what is expected of them");
  const pager = add(body, "div", "xrai-constraints-pager");
  const back = button(pager, "Previous", "columns before these");
  const where = add(pager, "span");
  const next = button(pager, "Next", "columns after these");
  const ends = add(body, "div", "xrai-constraints-pager");
  const apply = button(ends, "Apply", "audit the model within these limits");
  const undo = button(ends, "Undo all", "the limits as they were before anything was edited here");
  const status = add(body, "div");
  status.setAttribute("role", "status");
  const error = add(body, "div", "xrai-constraints-problem");
  error.setAttribute("role", "alert");

  function add(parent, tag, name) {
    const node = document.createElement(tag);
    if (name) node.className = name;
    return parent.appendChild(node);
  }

  function button(parent, text, tip) {
    const node = add(parent, "button");
    node.type = "button";
    node.textContent = text;
    node.title = tip;
    return node;
  }

  const edit = (column, fields) => model.send({ edit: { column, fields } });

  // `field` finds a control again after the table was drawn anew
  function named(node, row, field, words) {
    node.dataset.field = JSON.stringify([row.name, field]);
    node.setAttribute("aria-label", `${words} ${row.name}`);
    if (row.problem && row.edited.includes(field.replace(/[01]$/, ""))) {
      node.setAttribute("aria-invalid", "true");
      node.setAttribute("aria-describedby", `${key}-problem-${row.place}`);
    }
    return node;
  }

  function choice(cell, row, field, options, words, tip) {
    const node = named(add(cell, "select"), row, field, words);
    node.title = tip;
    for (const [value, text] of options) {
      const option = add(node, "option");
      option.value = String(value);
      option.textContent = text;
    }
    node.value = String(row[field]);
    node.addEventListener("change", () => edit(row.name, { [field]: field === "monotone" ? Number(node.value) : node.value }));
  }

  function side(cell, row, place) {
    const word = ["lowest value of", "highest value of"][place];
    const node = named(add(cell, "input"), row, `range${place}`, word);
    node.type = "number";
    node.step = row.kind === "integer" ? "1" : "any";
    node.title = `${word} ${row.name} that is allowed`;
    const value = row.range[place];
    node.value = value === null ? "" : String(Number(Number(value).toPrecision(6)));
    node.addEventListener("change", () => {
      const range = [...row.range];  // the other side keeps all its digits
      range[place] = node.value === "" ? null : Number(node.value);
      edit(row.name, { range });
    });
  }

  function words(row) {
    const text = row.kind ? [row.kind] : [];
    if (row.range) text.push(row.range.map((v) => (v === null ? "?" : Number(Number(v).toPrecision(6)))).join(" to "));
    if (row.group) text.push(`one of ${row.group}`);
    if (row.expected) text.push(`score ${HOPES[row.expected]}`);
    return text.join(", ");
  }

  const order = (row) => (row.words.length ? ` (in the order ${row.words.join(", ")})` : "");

  function further(body, row) {
    const cell = body.insertRow().insertCell();
    cell.parentNode.className = "xrai-constraints-more";
    cell.colSpan = 4;
    cell.id = `${key}-more-${row.place}`;
    const label = (text) => { const node = add(cell, "label"); node.append(text + " "); return node; };
    if (row.kinds) {
      const tip = "with more of it; the score is that of the last class, unless the assessment names another one" + order(row);
      choice(label("the score"), row, "expected", Object.entries(HOPES), "what the score must do with more of", tip);
    }
    if (row.kinds) choice(label("kind"), row, "kind", row.kinds.map((kind) => [kind, kind]), "kind of", "what the column holds");
    if (row.codes !== undefined) {
      const node = named(add(label("codes"), "input"), row, "categories", "codes of");
      node.type = "text";
      node.value = row.codes;
      node.title = "every number that the column may hold, separated by commas: nothing between them is proposed";
      node.addEventListener("change", () => edit(row.name, { categories: node.value }));
    }
    if (row.range) {
      side(label("from"), row, 0);
      side(label("to"), row, 1);
    }
    if (row.fillable !== undefined) {
      const node = named(add(label("missing numbers may be filled"), "input"), row, "fillable", "missing numbers may be filled:");
      node.type = "checkbox";
      node.checked = row.fillable;
      node.title = "a missing number may become any number of the range: that counts as a change by the whole range";
      node.addEventListener("change", () => edit(row.name, { fillable: node.checked }));
    }
    if (row.kinds && row.kind !== "category") {
      const node = named(add(label("one-hot group"), "input"), row, "group", "one-hot group of");
      node.type = "text";
      node.value = row.group;
      node.title = "columns with the same word here are one choice: exactly one of them is 1";
      node.addEventListener("change", () => edit(row.name, { group: node.value.trim() }));
    }
  }

  function line(body, row) {
    const tr = body.insertRow();
    if (row.edited.length) tr.className = "xrai-constraints-edited";
    const head = add(tr, "th");
    head.scope = "row";
    const name = add(head, "div");
    for (const part of row.name.split(/(?<=[_.])/)) {  // long names may break after these signs
      name.append(part);
      add(name, "wbr");
    }
    if (row.edited.length) name.append(" (edited)");
    add(head, "div", "xrai-constraints-kind").textContent = words(row);
    if (row.note) add(head, "div", "xrai-constraints-kind").textContent = row.note;
    const fixed = tr.insertCell(), way = tr.insertCell(), more = tr.insertCell();
    if (row.kinds) {
      const box = named(add(fixed, "input"), row, "immutable", "immutable:");
      box.type = "checkbox";
      box.checked = row.immutable;
      box.title = "no one can change this value: attacks and explanations leave it alone";
      box.addEventListener("change", () => edit(row.name, { immutable: box.checked }));
      const ways = [[0, "both ways"], [1, "only up"], [-1, "only down"]];
      choice(way, row, "monotone", ways, "direction of change of", "which way the value may change" + order(row));
    }
    const on = !row.kinds || open.has(row.name);  // pixels have nothing but a range
    if (row.kinds) {
      const node = named(button(more, on ? "▾" : "▸", "what the score must do, kind, range and one-hot group"), row, "more", `${on ? "less" : "more"} about`);
      node.setAttribute("aria-expanded", String(on));
      node.addEventListener("click", () => { on ? open.delete(row.name) : open.add(row.name); rows(); });
    }
    if (on) further(body, row);
    if (row.problem) {
      const cell = body.insertRow().insertCell();
      cell.colSpan = 4;
      cell.className = "xrai-constraints-problem";
      cell.id = `${key}-problem-${row.place}`;
      cell.textContent = row.problem;
    }
  }

  function rows() {
    const held = document.activeElement && table.contains(document.activeElement) ? document.activeElement.dataset.field : null;
    table.replaceChildren();
    const shown = model.get("rows").map((row, place) => ({ ...row, place }));
    if (shown.length) {
      const node = add(table, "table");
      const caption = node.createCaption();
      caption.textContent = "Limits and expectations of each column";
      const head = node.createTHead().insertRow();
      for (const text of ["column", "immutable", "may change", "more"]) {
        const cell = add(head, "th");
        cell.scope = "col";
        cell.textContent = text;
      }
      const part = node.createTBody();
      shown.forEach((row) => line(part, row));
    } else if (model.get("columns")) table.textContent = "No column has these letters in its name.";
    const again = held && [...table.querySelectorAll("[data-field]")].find((node) => node.dataset.field === held);
    if (again) again.focus();
    const start = model.get("start"), total = model.get("total"), page = model.get("page");
    finder.hidden = model.get("columns") <= page;
    pager.hidden = total <= page;
    where.textContent = `${(start + 1).toLocaleString("en")}–${Math.min(start + page, total).toLocaleString("en")} of ${total.toLocaleString("en")}`;
    back.disabled = start === 0;
    next.disabled = start + page >= total;
  }

  function state() {
    title.textContent = model.get("title");
    status.textContent = model.get("status");
    error.textContent = model.get("error");
    apply.disabled = !model.get("ready");
    undo.disabled = !model.get("edited");
    ends.hidden = note.hidden = !model.get("columns");
    if (query.value !== model.get("query")) query.value = model.get("query");
    root.open = model.get("opened");
  }

  function tell(name, value) {
    model.set(name, value);
    model.save_changes();
  }

  let waiting = null;
  root.addEventListener("toggle", () => { if (root.open !== model.get("opened")) tell("opened", root.open); });
  query.addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => tell("query", query.value), 200);
  });
  back.addEventListener("click", () => tell("start", model.get("start") - model.get("page")));
  next.addEventListener("click", () => tell("start", model.get("start") + model.get("page")));
  apply.addEventListener("click", () => model.send({ press: "apply" }));
  undo.addEventListener("click", () => model.send({ press: "undo" }));
  const heard = ["title", "status", "error", "ready", "edited", "columns", "query", "opened"].map((name) => `change:${name}`).join(" ");
  const drawn = ["rows", "total", "start"].map((name) => `change:${name}`).join(" ");
  state();
  rows();
  model.on(heard, state);
  model.on(drawn, rows);
  return () => { clearTimeout(waiting); model.off(heard, state); model.off(drawn, rows); };
}

export default { render };
