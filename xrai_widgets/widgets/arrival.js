// Says once for each page that all of its widgets are there.
function render({ model, el }) {
  el.style.display = "none";
  model.send({ xrai_arrived: true });
}

export default { render };
