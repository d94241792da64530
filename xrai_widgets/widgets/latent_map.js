// Where an input lies among the training samples: one path of dots per class, named at its middle. A click marks the
// nearest sample. Names are only ever set as text.
const NS = "http://www.w3.org/2000/svg";
const WIDEST = 520, NARROWEST = 260, PAD = 18, DOT = 2.4;

function make(name, attributes, parent, text) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

const middle = (values) => values.slice().sort((a, b) => a - b)[values.length >> 1];

function render({ model, el }) {
  const root = document.createElement("figure");
  root.className = "xrai-map";
  el.appendChild(root);
  let W = WIDEST, H = 0, points = [];

  function load() {
    const view = model.get("places");
    const numbers = new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
    const kinds = model.get("kinds");
    points = kinds.map((kind, i) => ({ x: numbers[2 * i], y: numbers[2 * i + 1], kind, id: model.get("ids")[i] }));
  }

  function draw() {
    root.replaceChildren();
    H = Math.round(W * 0.72);
    const here = model.get("here");
    const xs = points.map((p) => p.x).concat(here.length ? [here[0]] : []), ys = points.map((p) => p.y).concat(here.length ? [here[1]] : []);
    const span = (values) => { const low = Math.min(...values), high = Math.max(...values); return high > low ? [low, high] : [low - 0.5, low + 0.5]; };
    const [x0, x1] = span(xs), [y0, y1] = span(ys);
    const x = (v) => PAD + ((v - x0) / (x1 - x0)) * (W - 2 * PAD), y = (v) => H - PAD - ((v - y0) / (y1 - y0)) * (H - 2 * PAD);
    const svg = make("svg", { viewBox: `0 0 ${W} ${H}`, role: "img", "aria-label": model.get("alt") }, root);
    make("rect", { x: 0.5, y: 0.5, width: W - 1, height: H - 1, class: "xrai-map-ground" }, svg);
    const names = model.get("names"), colours = model.get("colours");
    names.forEach((name, kind) => {
      const own = points.filter((p) => p.kind === kind);
      if (!own.length) return;
      const d = own.map((p) => `M${(x(p.x) - DOT).toFixed(1)},${y(p.y).toFixed(1)}a${DOT},${DOT} 0 1 0 ${2 * DOT},0a${DOT},${DOT} 0 1 0 ${-2 * DOT},0`).join("");
      make("path", { d, fill: colours[kind], "fill-opacity": 0.5 }, svg);
    });
    if (names.length > 1) names.forEach((name, kind) => {
      const own = points.filter((p) => p.kind === kind);
      if (own.length) make("text", { x: x(middle(own.map((p) => p.x))), y: y(middle(own.map((p) => p.y))) + 4, "text-anchor": "middle", class: "xrai-map-name" }, svg, name);
    });
    for (const place of model.get("near")) {
      const p = points[place];
      if (here.length) make("line", { x1: x(here[0]), y1: y(here[1]), x2: x(p.x), y2: y(p.y), class: "xrai-map-line" }, svg);
      make("circle", { cx: x(p.x), cy: y(p.y), r: 5, class: "xrai-map-near" }, svg);
    }
    for (const place of model.get("marks")) {
      const p = points[place];
      const mark = make("g", { class: "xrai-map-mark", transform: `translate(${x(p.x)},${y(p.y)})` }, svg);
      make("title", {}, mark, `marked: ${p.id}`);
      make("path", { d: "M0,-7 l7,7 l-7,7 l-7,-7 z" }, mark);
    }
    if (here.length) {
      const at = make("g", { class: "xrai-map-here", transform: `translate(${x(here[0])},${y(here[1])})` }, svg);
      make("path", { d: "M-9,-9 l18,18 M-9,9 l18,-18" }, at);
      const right = x(here[0]) > W - 90;
      make("text", { x: right ? -12 : 12, y: y(here[1]) < 20 ? 18 : -6, "text-anchor": right ? "end" : "start", class: "xrai-map-name" }, at, "this input");
    }
    svg.addEventListener("click", (event) => {
      const box = svg.getBoundingClientRect();
      const px = (event.clientX - box.left) * (W / box.width), py = (event.clientY - box.top) * (H / box.height);
      let best = 12 * 12, found = -1;
      points.forEach((p, i) => { const d = (x(p.x) - px) ** 2 + (y(p.y) - py) ** 2; if (d < best) { best = d; found = i; } });
      if (found >= 0) { model.set("picked", found); model.save_changes(); }
    });
    const said = document.createElement("figcaption");
    said.textContent = model.get("note");
    root.appendChild(said);
  }

  const room = new ResizeObserver(([entry]) => {
    const wide = Math.round(Math.min(WIDEST, Math.max(NARROWEST, entry.contentRect.width)));
    if (!entry.contentRect.width || Math.abs(wide - W) < 10) return;
    W = wide;
    draw();
  });
  room.observe(root);
  const redraw = () => { load(); draw(); };
  const draws = ["here", "near", "marks", "alt", "note"].map((name) => `change:${name}`);
  redraw();
  model.on("change:places", redraw);
  for (const event of draws) model.on(event, draw);
  return () => {
    room.disconnect();
    model.off("change:places", redraw);
    for (const event of draws) model.off(event, draw);
  };
}

export default { render };
