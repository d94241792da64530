// One file in acknowledged slices. Names and messages are only ever set as text.
const AHEAD = 4; // slices on the way at once
const PATIENCE = 30000; // ms without an answer

function made(tag, attributes, parent) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  return parent ? parent.appendChild(node) : node;
}

function megabytes(bytes) {
  return bytes >= 2 ** 20 ? `${+(bytes / 2 ** 20).toFixed(1)} MB` : `${Math.ceil(bytes / 1024)} kB`;
}

function render({ model, el }) {
  const id = `xrai-upload-${crypto.getRandomValues(new Uint32Array(2)).join("-")}`;
  const root = made("div", { class: "xrai-uploader" }, el);
  const label = made("label", { for: id }, root);
  const input = made("input", { type: "file", id, "aria-describedby": `${id}-status ${id}-error` }, root);
  const row = made("div", { class: "xrai-uploader-row" }, root);
  const bar = made("progress", { max: "1", value: "0" }, row);
  const cancel = made("button", { type: "button" }, row);
  const remove = made("button", { type: "button" }, row);
  const status = made("div", { role: "status", id: `${id}-status`, class: "xrai-uploader-status" }, root);
  const error = made("div", { role: "alert", id: `${id}-error`, class: "xrai-uploader-error" }, root);
  let current = null; // { id, file, sent, received, timer, reading }
  let mine = ""; // what went wrong here, before the kernel had a say

  function draw() {
    const [name, problem] = [model.get("name"), mine || model.get("error")];
    label.textContent = `${model.get("label")} (${model.get("endings").join(", ")}; at most ${megabytes(model.get("limit"))})`;
    bar.setAttribute("aria-label", `upload of ${model.get("label")}`);
    input.accept = model.get("endings").join(",");
    input.disabled = current !== null;
    bar.hidden = cancel.hidden = current === null;
    cancel.textContent = "Cancel upload";
    remove.hidden = current !== null || !name;
    remove.textContent = "Remove";
    remove.setAttribute("aria-label", `remove ${name}`);
    if (current) status.textContent = `${current.file.name}: ${megabytes(current.received)} of ${megabytes(current.file.size)}`;
    else status.textContent = name ? [`${model.get("error") ? "✗" : "✓"} ${name}`, model.get("note")].filter(Boolean).join(" · ") : "";
    if (error.textContent !== problem) error.textContent = problem;
    if (problem) input.setAttribute("aria-invalid", "true"); else input.removeAttribute("aria-invalid");
  }

  function end(problem) {
    if (current) clearTimeout(current.timer);
    current = null;
    mine = problem;
    if (problem) input.value = "";
    draw();
  }

  function fail(problem) {
    if (current) model.send({ kind: "cancel", id: current.id });
    end(problem);
  }

  function watch() {
    clearTimeout(current.timer);
    current.timer = setTimeout(() => fail("The session does not answer: it may have ended. Reload the page."), PATIENCE);
  }

  async function pump() {
    const job = current;
    const size = model.get("slice_bytes");
    if (!job || job.reading) return;
    job.reading = true;
    try {
      while (job === current && job.sent < job.file.size && job.sent - job.received < AHEAD * size) {
        const offset = job.sent;
        const bytes = await job.file.slice(offset, offset + size).arrayBuffer();
        if (job !== current) return;
        if (bytes.byteLength !== Math.min(size, job.file.size - offset)) throw new Error("its size changed");
        job.sent += bytes.byteLength;
        model.send({ kind: "slice", id: job.id, offset }, undefined, [bytes]);
      }
    } catch (problem) {
      if (job === current) fail(`${job.file.name} could not be read: ${problem.message}`);
    } finally {
      job.reading = false;
    }
  }

  function begin() {
    const file = input.files[0];
    if (!file || current) return;
    if (file.size > model.get("limit")) {
      const most = `${model.get("limit").toLocaleString("en")} bytes (${megabytes(model.get("limit"))})`;
      end(`${file.name} must have at most ${most}, got ${file.size.toLocaleString("en")}.`);
      return;
    }
    mine = "";
    bar.value = 0;
    const key = crypto.getRandomValues(new Uint32Array(4)).join("-");
    current = { id: key, file, sent: 0, received: 0, timer: 0, reading: false };
    watch();
    draw();
    model.send({ kind: "begin", id: key, name: file.name, size: file.size });
  }

  function receive(message) {
    if (!current || message.id !== current.id) return;
    if (message.kind === "refused") { end(message.message); return; }
    if (message.kind !== "received") return;
    current.received = message.bytes;
    bar.value = current.file.size ? message.bytes / current.file.size : 1;
    if (message.bytes === current.file.size) { end(""); return; }
    watch();
    draw();
    pump();
  }

  const seen = ["label", "endings", "limit", "name", "note", "error"].map((name) => `change:${name}`);
  input.addEventListener("click", () => { input.value = ""; }); // else the same file chosen again would change nothing
  input.addEventListener("change", begin);
  cancel.addEventListener("click", () => { fail(""); input.value = ""; status.textContent = "upload cancelled"; input.focus(); });
  remove.addEventListener("click", () => { mine = input.value = ""; model.send({ kind: "remove", id: "" }); input.focus(); });
  model.on("msg:custom", receive);
  for (const event of seen) model.on(event, draw);
  draw();
  return () => {
    if (current) fail("");
    model.off("msg:custom", receive);
    for (const event of seen) model.off(event, draw);
  };
}

export default { render };
