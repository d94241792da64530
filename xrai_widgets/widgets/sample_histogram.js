// Histogram of a score per sample with a cut that is dragged or moved by the keyboard; what lies beyond it is counted
// here. Marked samples are shown on the axis; a click marks the nearest one.
const NS = "http://www.w3.org/2000/svg";
const WIDEST = 620, NARROWEST = 320, H = 280, LEFT = 52, RIGHT = 14, TOP = 16, BOTTOM = 44, BINS = 30;
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
  const places = [];
  for (let t = Math.ceil(low / nice) * nice; t <= high + nice * 1e-9; t += nice) places.push(Math.abs(t) < nice * 1e-9 ? 0 : t);
  return places;
}

const format = (x) => Number(x.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 });
const percent = (x) => (100 * x).toFixed(1) + " %";

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "xrai-histogram";
  el.appendChild(root);
  let groups, low, high, peak, handle, line, readout, tag, zone, stripes, flagged, marks, announced, soon;
  let W = WIDEST;  // as wide as there is room, so that the words keep their size
  const below = () => model.get("beyond") === "below";
  const x = (v) => LEFT + ((v - low) / (high - low)) * (W - LEFT - RIGHT);
  const y = (share) => H - BOTTOM - (share / peak) * (H - TOP - BOTTOM);
  const clamp = (v) => Math.min(high, Math.max(low, v));

  function load() {
    const names = model.get("groups"), colours = model.get("colours");
    groups = model.get("values").map((view, i) => ({ name: names[i], colour: colours[i], values: floats(view).sort() }));
    const cut = model.get("cut");
    low = Math.min(cut, ...groups.map((g) => g.values[0]));
    high = Math.max(cut, ...groups.map((g) => g.values[g.values.length - 1]));
    if (!(high > low)) { low -= 0.5; high += 0.5; }
    for (const g of groups) {
      g.shares = new Array(BINS).fill(0);
      for (const v of g.values) g.shares[Math.min(BINS - 1, Math.floor(((v - low) / (high - low)) * BINS))] += 1 / g.values.length;
    }
    peak = Math.max(...groups.flatMap((g) => g.shares)) * 1.08 || 1;
  }

  function draw() {
    root.replaceChildren();
    if (model.get("title")) root.appendChild(document.createElement("h4")).textContent = model.get("title");
    const svg = make("svg", { viewBox: `0 0 ${W} ${H}`, class: "xrai-histogram-figure", role: "group", "aria-label": model.get("alt") }, root);
    zone = make("rect", { y: TOP, height: H - BOTTOM - TOP, class: "xrai-beyond" }, svg);
    stripes = make("line", { y1: (TOP + H - BOTTOM) / 2, y2: (TOP + H - BOTTOM) / 2, class: "xrai-beyond-stripes", "stroke-width": H - BOTTOM - TOP }, svg);
    const ink = { stroke: "currentColor", "stroke-opacity": 0.5 };
    make("line", { x1: LEFT, x2: W - RIGHT, y1: H - BOTTOM, y2: H - BOTTOM, ...ink }, svg);
    for (const t of ticks(low, high)) {
      make("line", { x1: x(t), x2: x(t), y1: H - BOTTOM, y2: H - BOTTOM + 4, ...ink }, svg);
      make("text", { x: x(t), y: H - BOTTOM + 16, "text-anchor": "middle", class: "xrai-tick" }, svg, format(t));
    }
    for (const t of ticks(0, peak)) {
      make("line", { x1: LEFT - 4, x2: LEFT, y1: y(t), y2: y(t), ...ink }, svg);
      make("text", { x: LEFT - 7, y: y(t) + 4, "text-anchor": "end", class: "xrai-tick" }, svg, format(100 * t) + " %");
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
    const ground = make("rect", { x: LEFT, y: TOP, width: W - LEFT - RIGHT, height: H - BOTTOM - TOP, fill: "transparent", class: "xrai-ground" }, svg);
    ground.addEventListener("click", (event) => pick(at(svg, event)));
    marks = make("g", {}, svg);
    flagged = make("text", { y: TOP + 12, class: "xrai-flagged-count" }, svg);
    drawHandle(svg);
    announced = document.createElement("p");
    announced.setAttribute("role", "status");
    root.appendChild(announced);
    const table = document.createElement("table");
    table.innerHTML = `<caption>Samples ${below() ? "below" : "above"} the cut, with 95 % intervals</caption><thead><tr><th scope=col>group</th><th scope=col>${below() ? "below" : "above"}</th><th scope=col>share</th><th scope=col>interval</th></tr></thead>`;
    readout = document.createElement("tbody");
    table.appendChild(readout);
    root.appendChild(table);
    show();
    mark();
  }

  function at(svg, event) {
    const box = svg.getBoundingClientRect();
    return low + (((event.clientX - box.left) * (W / box.width) - LEFT) / (W - LEFT - RIGHT)) * (high - low);
  }

  // the sample nearest to this value is marked, or no longer marked
  function pick(value) {
    model.set("picked", value);
    model.save_changes();
  }

  // marked samples: a diamond on the axis, with the name where there is room for it
  function mark() {
    marks.replaceChildren();
    let free = -Infinity;
    for (const [value, name] of [...model.get("marks")].sort((a, b) => a[0] - b[0])) {
      const place = x(clamp(value)), words = name.length > 16 ? name.slice(0, 15) + "…" : name;
      const one = make("g", { transform: `translate(${place},${H - BOTTOM})`, class: "xrai-marked-sample" }, marks);
      make("title", {}, one, `marked: ${name}, ${format(value)}`);
      make("path", { d: "M0,-13 l6,6.5 l-6,6.5 l-6,-6.5 z" }, one);
      const wide = words.length * 6.6, left = Math.min(Math.max(place - wide / 2, LEFT), W - RIGHT - wide);
      if (left < free) continue;
      free = left + wide + 6;
      make("text", { x: left - place, y: -17, class: "xrai-tick" }, one, words);
    }
  }

  function drawHandle(svg) {
    handle = make("g", { role: "slider", tabindex: 0, class: "xrai-cut", "aria-label": `cut on ${model.get("label")}`, "aria-valuemin": low, "aria-valuemax": high, "aria-orientation": "horizontal" }, svg);
    line = make("g", {}, handle);
    make("line", { x1: 0, x2: 0, y1: TOP - 4, y2: H - BOTTOM, class: "xrai-cut-line" }, line);
    make("rect", { x: -14, y: TOP - 8, width: 28, height: H - BOTTOM - TOP + 8, fill: "transparent" }, line);
    make("path", { d: "M-7,-12 h14 v9 l-7,8 l-7,-8 z", transform: `translate(0,${TOP})`, class: "xrai-cut-grip" }, line);
    tag = make("text", { y: H - BOTTOM + 30, "text-anchor": "middle", class: "xrai-cut-tag" }, line);
    const value = (event) => at(svg, event);
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
    const cut = clamp(model.get("cut")), words = [], side = below() ? "below" : "above";
    const from = below() ? LEFT : x(cut), to = below() ? x(cut) : W - RIGHT;
    zone.setAttribute("x", from);
    zone.setAttribute("width", Math.max(0, to - from));
    stripes.setAttribute("x1", from);
    stripes.setAttribute("x2", to);
    let total = 0, all = 0;
    line.setAttribute("transform", `translate(${x(cut)},0)`);
    tag.textContent = format(cut);
    tag.setAttribute("text-anchor", x(cut) > W - 60 ? "end" : x(cut) < LEFT + 30 ? "start" : "middle");
    readout.replaceChildren();
    for (const g of groups) {
      const n = g.values.length;
      let a = 0, b = n;
      while (a < b) { const m = (a + b) >> 1; if (below() ? g.values[m] >= model.get("cut") : g.values[m] > model.get("cut")) b = m; else a = m + 1; }
      const k = below() ? a : n - a, range = wilson(k, n);
      total += k;
      all += n;
      const row = readout.insertRow();
      const name = document.createElement("th");
      name.scope = "row";
      const mark = document.createElement("span");
      mark.className = "xrai-mark";
      mark.style.background = g.colour;
      name.append(mark, g.name);
      row.append(name);
      for (const text of [`${k} of ${n}`, percent(n ? k / n : 0), `${percent(range[0])} – ${percent(range[1])}`]) row.insertCell().textContent = text;
      words.push(`${g.name} ${percent(n ? k / n : 0)} ${side}`);
    }
    const range = wilson(total, all);
    flagged.textContent = `${below() ? "▼" : "▲"} ${total} ${side}`;
    const near = below() ? x(cut) - 10 : x(cut) + 10, outer = below() ? near > LEFT + 90 : near < W - RIGHT - 90;
    flagged.setAttribute("x", outer ? near : below() ? x(cut) + 10 : x(cut) - 10);
    flagged.setAttribute("text-anchor", outer === below() ? "end" : "start");
    clearTimeout(soon);  // a cut that is dragged is not announced at every step
    const sentence = `${total} of ${all} samples lie ${side} the cut ${format(cut)}: ${percent(all ? total / all : 0)} (95 % interval ${percent(range[0])} – ${percent(range[1])}).`;
    soon = setTimeout(() => { announced.textContent = sentence; }, announced.textContent ? 400 : 0);
    handle.setAttribute("aria-valuenow", cut);
    handle.setAttribute("aria-valuetext", `${format(cut)}: ${words.join(", ")}`);
  }

  const room = new ResizeObserver(([entry]) => {
    const wide = Math.round(Math.min(WIDEST, Math.max(NARROWEST, entry.contentRect.width)));
    if (!entry.contentRect.width || Math.abs(wide - W) < 10) return;
    W = wide;
    draw();
  });
  room.observe(root);
  const redraw = () => { load(); draw(); };
  const moved = () => show();
  redraw();
  model.on("change:values", redraw);
  model.on("change:cut", moved);
  model.on("change:marks", mark);
  return () => { clearTimeout(soon); room.disconnect(); model.off("change:values", redraw); model.off("change:cut", moved); model.off("change:marks", mark); };
}

export default { render };
