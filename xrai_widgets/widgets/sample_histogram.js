// Histogram of a score per sample with a cut that is dragged or moved by the keyboard; shares are counted here.
const NS = "http://www.w3.org/2000/svg";
const W = 620, H = 280, LEFT = 52, RIGHT = 14, TOP = 16, BOTTOM = 44, BINS = 30;
const DASHES = ["", "6 3", "2 3", "8 3 2 3"];

function make(name, attributes, parent, text) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

function floats(view) {
  return new Float64Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
}

// Wilson's 95 % interval of a share
function wilson(k, n) {
  if (!n) return [0, 1];
  const z = 1.959964, p = k / n, d = 1 + (z * z) / n;
  const centre = (p + (z * z) / (2 * n)) / d;
  const half = (z * Math.sqrt((p * (1 - p)) / n + (z * z) / (4 * n * n))) / d;
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

function ticks(low, high) {
  const step = Math.pow(10, Math.floor(Math.log10((high - low) / 4)));
  const nice = [1, 2, 5, 10].map((m) => m * step).find((s) => (high - low) / s <= 7);
  const found = [];
  for (let t = Math.ceil(low / nice) * nice; t <= high + nice * 1e-9; t += nice) found.push(Math.abs(t) < nice * 1e-9 ? 0 : t);
  return found;
}

const said = (x) => Number(x.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 });
const percent = (x) => (100 * x).toFixed(1) + " %";

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "xrai-histogram";
  el.appendChild(root);
  let groups, low, high, peak, handle, line, readout, tag;
  const x = (v) => LEFT + ((v - low) / (high - low)) * (W - LEFT - RIGHT);
  const y = (share) => H - BOTTOM - (share / peak) * (H - TOP - BOTTOM);
  const clamp = (v) => Math.min(high, Math.max(low, v));

  function load() {
    const names = model.get("groups"), colours = model.get("colours");
    groups = model.get("values").map((view, i) => ({ name: names[i], colour: colours[i], values: floats(view).sort() }));
    low = Math.min(...groups.map((g) => g.values[0]));
    high = Math.max(...groups.map((g) => g.values[g.values.length - 1]));
    if (!(high > low)) { low -= 0.5; high += 0.5; }
    for (const g of groups) {
      g.shares = new Array(BINS).fill(0);
      for (const v of g.values) g.shares[Math.min(BINS - 1, Math.floor(((v - low) / (high - low)) * BINS))] += 1 / g.values.length;
    }
    peak = Math.max(...groups.flatMap((g) => g.shares)) * 1.08 || 1;
  }

  function draw() {
    root.replaceChildren();
    const svg = make("svg", { viewBox: `0 0 ${W} ${H}`, class: "xrai-histogram-figure", role: "group", "aria-label": model.get("alt") }, root);
    const ink = { stroke: "currentColor", "stroke-opacity": 0.5 };
    make("line", { x1: LEFT, x2: W - RIGHT, y1: H - BOTTOM, y2: H - BOTTOM, ...ink }, svg);
    for (const t of ticks(low, high)) {
      make("line", { x1: x(t), x2: x(t), y1: H - BOTTOM, y2: H - BOTTOM + 4, ...ink }, svg);
      make("text", { x: x(t), y: H - BOTTOM + 16, "text-anchor": "middle", class: "xrai-tick" }, svg, said(t));
    }
    for (const t of ticks(0, peak)) {
      make("line", { x1: LEFT - 4, x2: LEFT, y1: y(t), y2: y(t), ...ink }, svg);
      make("text", { x: LEFT - 7, y: y(t) + 4, "text-anchor": "end", class: "xrai-tick" }, svg, said(100 * t) + " %");
    }
    make("text", { x: (LEFT + W - RIGHT) / 2, y: H - 6, "text-anchor": "middle", class: "xrai-axis" }, svg, model.get("label"));
    groups.forEach((g, number) => {
      let path = `M${x(low)},${y(0)}`;
      g.shares.forEach((share, i) => {
        const a = low + ((high - low) * i) / BINS, b = low + ((high - low) * (i + 1)) / BINS;
        path += `L${x(a)},${y(share)}L${x(b)},${y(share)}`;
      });
      make("path", { d: path + `L${x(high)},${y(0)}Z`, fill: g.colour, "fill-opacity": 0.28, stroke: g.colour, "stroke-width": 1.6, "stroke-dasharray": DASHES[number % 4] }, svg);
    });
    drawHandle(svg);
    const table = document.createElement("table");
    table.innerHTML = "<caption>Samples above the cut, with 95 % intervals</caption><thead><tr><th scope=col>group</th><th scope=col>above</th><th scope=col>share</th><th scope=col>interval</th></tr></thead>";
    readout = document.createElement("tbody");
    table.appendChild(readout);
    root.appendChild(table);
    show();
  }

  function drawHandle(svg) {
    handle = make("g", { role: "slider", tabindex: 0, class: "xrai-cut", "aria-label": `cut on ${model.get("label")}`, "aria-valuemin": low, "aria-valuemax": high, "aria-orientation": "horizontal" }, svg);
    line = make("g", {}, handle);
    make("line", { x1: 0, x2: 0, y1: TOP - 4, y2: H - BOTTOM, class: "xrai-cut-line" }, line);
    make("rect", { x: -14, y: TOP - 8, width: 28, height: H - BOTTOM - TOP + 8, fill: "transparent" }, line);
    make("path", { d: "M-7,-12 h14 v9 l-7,8 l-7,-8 z", transform: `translate(0,${TOP})`, class: "xrai-cut-grip" }, line);
    tag = make("text", { y: H - BOTTOM + 30, "text-anchor": "middle", class: "xrai-cut-tag" }, line);
    const value = (event) => {
      const box = svg.getBoundingClientRect();
      return low + (((event.clientX - box.left) * (W / box.width) - LEFT) / (W - LEFT - RIGHT)) * (high - low);
    };
    handle.addEventListener("pointerdown", (event) => { handle.setPointerCapture(event.pointerId); handle.focus(); move(value(event)); event.preventDefault(); });
    handle.addEventListener("pointermove", (event) => { if (handle.hasPointerCapture(event.pointerId)) move(value(event)); });
    handle.addEventListener("keydown", (event) => {
      const step = ((high - low) / 200) * (event.shiftKey ? 10 : 1), cut = model.get("cut");
      const to = { ArrowRight: cut + step, ArrowUp: cut + step, ArrowLeft: cut - step, ArrowDown: cut - step, PageUp: cut + 10 * step, PageDown: cut - 10 * step, Home: low, End: high }[event.key];
      if (to !== undefined) { move(to); event.preventDefault(); }
    });
  }

  function move(to) {
    model.set("cut", clamp(to));
    model.save_changes();
    show();
  }

  function show() {
    const cut = clamp(model.get("cut")), words = [];
    line.setAttribute("transform", `translate(${x(cut)},0)`);
    tag.textContent = said(cut);
    tag.setAttribute("text-anchor", x(cut) > W - 60 ? "end" : x(cut) < LEFT + 30 ? "start" : "middle");
    readout.replaceChildren();
    for (const g of groups) {
      const n = g.values.length;
      let a = 0, b = n;
      while (a < b) { const m = (a + b) >> 1; if (g.values[m] > cut) b = m; else a = m + 1; }
      const k = n - a, range = wilson(k, n);
      const row = readout.insertRow();
      const name = document.createElement("th");
      name.scope = "row";
      const mark = document.createElement("span");
      mark.className = "xrai-mark";
      mark.style.background = g.colour;
      name.append(mark, g.name);
      row.append(name);
      for (const text of [`${k} of ${n}`, percent(n ? k / n : 0), `${percent(range[0])} – ${percent(range[1])}`]) row.insertCell().textContent = text;
      words.push(`${g.name} ${percent(n ? k / n : 0)} above`);
    }
    handle.setAttribute("aria-valuenow", cut);
    handle.setAttribute("aria-valuetext", `${said(cut)}: ${words.join(", ")}`);
  }

  const redraw = () => { load(); draw(); };
  const moved = () => show();
  redraw();
  model.on("change:values", redraw);
  model.on("change:cut", moved);
  return () => { model.off("change:values", redraw); model.off("change:cut", moved); };
}

export default { render };
