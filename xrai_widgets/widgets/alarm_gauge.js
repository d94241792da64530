// How foreign: p-values on a logarithmic axis, and α, which is dragged or moved by the keyboard. Nothing is computed here.
const NS = "http://www.w3.org/2000/svg";
const WIDEST = 620, NARROWEST = 280, H = 118, LEFT = 22, RIGHT = 22, TOP = 40, THICK = 16;
const STEPS = 100; // of the keyboard over the whole axis

function make(name, attributes, parent, text) {
  const node = document.createElementNS(NS, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  if (text !== undefined) node.textContent = text;
  if (parent) parent.appendChild(node);
  return node;
}

const format = (x) => Number(x.toPrecision(3)).toLocaleString("en", { maximumSignificantDigits: 3 });

function render({ model, el }) {
  const root = document.createElement("div");
  root.className = "xrai-gauge";
  const status = document.createElement("p");
  status.setAttribute("role", "status");
  el.appendChild(root);
  let W = WIDEST, handle, zone, stripes, line, tag, marker, value, soon;
  const least = () => model.get("least"), most = () => model.get("most");
  const end = () => Math.min(least(), model.get("p") ?? 1, 0.1);
  const x = (p) => LEFT + (Math.log10(Math.max(p, end())) / Math.log10(end())) * (W - LEFT - RIGHT);
  const back = (place) => 10 ** (((place - LEFT) / (W - LEFT - RIGHT)) * Math.log10(end()));
  const clamp = (a) => Math.min(most(), Math.max(least(), a));
  const rings = () => model.get("p") !== null && model.get("p") <= model.get("alpha") * (1 + 1e-12);

  function draw() {
    root.replaceChildren();
    const svg = make("svg", { viewBox: `0 0 ${W} ${H}`, role: "group", "aria-label": model.get("label") }, root);
    make("rect", { x: LEFT, y: TOP, width: W - LEFT - RIGHT, height: THICK, class: "xrai-gauge-track" }, svg);
    zone = make("rect", { y: TOP, height: THICK, class: "xrai-gauge-zone" }, svg);
    stripes = make("line", { y1: TOP + THICK / 2, y2: TOP + THICK / 2, class: "xrai-gauge-stripes", "stroke-width": THICK }, svg);
    for (let p = 1; p >= end() * 0.999; p /= 10) {
      make("line", { x1: x(p), x2: x(p), y1: TOP + THICK, y2: TOP + THICK + 4, class: "xrai-gauge-tick" }, svg);
      make("text", { x: x(p), y: TOP + THICK + 17, "text-anchor": "middle" }, svg, format(p));
    }
    make("text", { x: LEFT - 8, y: H - 6 }, svg, "like the training samples");
    make("text", { x: W - RIGHT + 8, y: H - 6, "text-anchor": "end" }, svg, "foreign");
    marker = make("g", { class: "xrai-gauge-p" }, svg);
    handle = make("g", { role: "slider", tabindex: model.get("disabled") ? -1 : 0, class: "xrai-gauge-alpha", "aria-label": "α, share of false alarms allowed", "aria-orientation": "horizontal" }, svg);
    line = make("g", {}, handle);
    make("line", { x1: 0, x2: 0, y1: TOP - 8, y2: TOP + THICK + 6, class: "xrai-gauge-line" }, line);
    make("rect", { x: -14, y: TOP - 26, width: 28, height: THICK + 34, fill: "transparent" }, line);
    make("path", { d: "M-7,-22 h14 v9 l-7,8 l-7,-8 z", transform: `translate(0,${TOP})`, class: "xrai-gauge-grip" }, line);
    tag = make("text", { y: TOP - 27, class: "xrai-gauge-strong" }, line);
    const at = (event) => {
      const box = svg.getBoundingClientRect();
      return back((event.clientX - box.left) * (W / box.width));
    };
    handle.addEventListener("pointerdown", (event) => {
      if (model.get("disabled")) return;
      handle.setPointerCapture(event.pointerId);
      handle.focus();
      move(at(event));
      event.preventDefault();
    });
    handle.addEventListener("pointermove", (event) => { if (handle.hasPointerCapture(event.pointerId)) move(at(event)); });
    handle.addEventListener("keydown", (event) => {
      if (model.get("disabled")) return;
      const by = end() ** ((event.shiftKey ? 10 : 1) / STEPS), a = model.get("alpha"); // to the right it becomes smaller
      const to = { ArrowRight: a * by, ArrowUp: a / by, ArrowLeft: a / by, ArrowDown: a * by, PageUp: a / by ** 10, PageDown: a * by ** 10, Home: most(), End: least() }[event.key];
      if (to !== undefined) { move(to); event.preventDefault(); }
    });
    root.appendChild(status);
    show();
  }

  function move(to) {
    model.set("alpha", clamp(Number(to.toPrecision(3))));
    model.save_changes();
    show();
  }

  function show() {
    const alpha = clamp(model.get("alpha")), p = model.get("p");
    zone.setAttribute("x", x(alpha));
    zone.setAttribute("width", Math.max(0, W - RIGHT - x(alpha)));
    stripes.setAttribute("x1", x(alpha));
    stripes.setAttribute("x2", W - RIGHT);
    line.setAttribute("transform", `translate(${x(alpha)},0)`);
    handle.setAttribute("tabindex", model.get("disabled") ? -1 : 0);
    handle.setAttribute("aria-disabled", String(model.get("disabled")));
    const right = x(alpha) > W - 80;
    tag.textContent = `α ${format(alpha)}`;
    tag.setAttribute("text-anchor", right ? "end" : "start");
    tag.setAttribute("x", right ? 7 : -7);
    marker.replaceChildren();
    if (p !== null) {
      const place = x(p), name = rings() ? "rings" : "silent";
      make("path", { d: name === "rings" ? "M0,-12 l12,12 l-12,12 l-12,-12 z" : "M-9,0 a9,9 0 1 0 18,0 a9,9 0 1 0 -18,0", transform: `translate(${place},${TOP + THICK / 2})`, class: `xrai-gauge-${name}` }, marker);
      const out = place > W - 110;
      make("text", { x: out ? W - RIGHT + 8 : Math.max(LEFT - 8, place - 30), y: H - 24, "text-anchor": out ? "end" : "start", class: "xrai-gauge-strong" }, marker, `p ${format(p)}: ${name === "rings" ? "alarm" : "no alarm"}`);
    }
    handle.setAttribute("aria-valuemin", least());
    handle.setAttribute("aria-valuemax", most());
    handle.setAttribute("aria-valuenow", alpha);
    handle.setAttribute("aria-valuetext", `${format(alpha)}${p === null ? "" : `: the alarm ${rings() ? "rings" : "does not ring"} at p ${format(p)}`}`);
    clearTimeout(soon); // an α that is dragged is not announced at every step
    soon = setTimeout(() => { if (status.textContent !== model.get("message")) status.textContent = model.get("message"); }, status.textContent ? 300 : 0);
  }

  const room = new ResizeObserver(([entry]) => {
    const wide = Math.round(Math.min(WIDEST, Math.max(NARROWEST, entry.contentRect.width)));
    if (!entry.contentRect.width || Math.abs(wide - W) < 10) return;
    W = wide;
    draw();
  });
  room.observe(root);
  const redraws = ["p", "least", "most", "label"].map((name) => `change:${name}`);
  const shows = ["alpha", "message", "disabled"].map((name) => `change:${name}`);
  for (const event of redraws) model.on(event, draw);
  for (const event of shows) model.on(event, show);
  draw();
  return () => {
    clearTimeout(soon);
    room.disconnect();
    for (const event of redraws) model.off(event, draw);
    for (const event of shows) model.off(event, show);
  };
}

export default { render };
