// An image with bands 1 to k of its spectrum, and what the model says of it: all of it is here, nothing is asked for.
const SIDE = 256; // pixels on the screen, at most

let last = 0;

function labelled(text, control, parent) {
  const label = document.createElement("label");
  control.id = `xrai-bands-${++last}`;
  label.htmlFor = control.id;
  label.textContent = text;
  parent.append(label, control);
}

function render({ model, el }) {
  const [n, bands, height, width, channels = 1] = model.get("shape");
  const root = document.createElement("div");
  root.className = "xrai-bands";
  const title = document.createElement("h4");
  title.textContent = "Images with their lowest bands alone";
  const controls = document.createElement("div");
  controls.className = "xrai-bands-controls";
  const picker = document.createElement("select"), slider = document.createElement("input");
  model.get("ids").forEach((id, place) => picker.add(new Option(id, place)));
  Object.assign(slider, { type: "range", min: 1, max: bands, step: 1 });
  labelled("image", picker, controls);
  labelled("bands kept, from the lowest", slider, controls);
  const readout = document.createElement("span");
  readout.setAttribute("aria-hidden", "true"); // the slider says it
  controls.appendChild(readout);
  const canvas = document.createElement("canvas");
  const scale = Math.max(1, Math.floor(SIDE / Math.max(height, width)));
  Object.assign(canvas, { width, height });
  canvas.style.width = `${width * scale}px`;
  canvas.setAttribute("role", "img");
  const caption = document.createElement("p");
  caption.setAttribute("role", "status");
  root.append(title, controls, canvas, caption);
  el.appendChild(root);

  function draw() {
    const image = model.get("image"), kept = model.get("kept");
    const view = model.get("pixels"), size = height * width * channels;
    const start = view.byteOffset + (image * bands + kept - 1) * size;
    const bytes = new Uint8Array(view.buffer, start, size);
    const context = canvas.getContext("2d"), drawn = context.createImageData(width, height);
    for (let i = 0; i < height * width; i++) {
      for (let c = 0; c < 3; c++) drawn.data[4 * i + c] = bytes[channels === 3 ? 3 * i + c : i];
      drawn.data[4 * i + 3] = 255;
    }
    context.putImageData(drawn, 0, 0);
    const text = model.get("captions")[image][kept - 1];
    picker.value = image;
    slider.value = kept;
    slider.setAttribute("aria-valuetext", `${kept} of ${bands}`);
    readout.textContent = `${kept} of ${bands}`;
    caption.textContent = text;
    canvas.setAttribute("aria-label", `image ${model.get("ids")[image]}. ${text}`);
  }

  slider.addEventListener("input", () => {
    model.set("kept", Number(slider.value));
    model.save_changes();
  });
  picker.addEventListener("change", () => {
    model.set("image", Number(picker.value));
    model.save_changes();
  });
  const names = ["change:kept", "change:image"];
  names.forEach((name) => model.on(name, draw));
  draw();
  return () => names.forEach((name) => model.off(name, draw));
}

export default { render };
