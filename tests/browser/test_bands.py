"""The slider over bands in a real browser, without a kernel: it needs none."""

import base64
import json
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

import xrai_widgets.widgets.views as views
from tests.widgets.test_band_slider import outcome
from xrai_widgets.widgets import BandSlider

HERE = Path(views.__file__).parent
# a model with the traits, as anywidget hands it to the module
PAGE = """<!doctype html><html lang="en"><title>bands</title><style>{css}</style><main id="root"></main>
<script type="module">
{esm}
const state = {state};
const padded = Uint8Array.from("??" + atob("{pixels}"), (c) => c.charCodeAt(0));
state.pixels = new DataView(padded.buffer, 2);
const heard = {{}};
const model = {{
  get: (name) => state[name],
  set: (name, value) => {{ state[name] = value; (heard["change:" + name] || []).forEach((f) => f()); }},
  on: (name, f) => (heard[name] = heard[name] || []).push(f),
  off: (name, f) => (heard[name] = heard[name].filter((g) => g !== f)),
  save_changes: () => {{}},
}};
window.leave = render({{ model, el: document.getElementById("root") }});
window.heard = heard;
</script>"""


@pytest.fixture
def shown(browser: Browser) -> Page:
    slider = BandSlider(outcome(3, n_samples=6))
    state = {name: getattr(slider, name) for name in ("shape", "ids", "captions", "kept", "image")}
    esm = (HERE / "bands.js").read_text(encoding="utf-8").replace("export default { render };", "")
    page = browser.new_page()
    page.set_content(
        PAGE.format(
            css=(HERE / "bands.css").read_text(encoding="utf-8"),
            esm=esm,
            state=json.dumps(state),
            pixels=base64.b64encode(slider.pixels).decode(),
        )
    )
    page.captions = slider.captions  # type: ignore[attr-defined]  # put there for the tests
    page.pixels = slider.pixels  # type: ignore[attr-defined]  # put there for the tests
    page.shape = slider.shape  # type: ignore[attr-defined]  # put there for the tests
    return page


def test_moving_the_slider_shows_other_bands_and_what_the_model_says(shown: Page) -> None:
    captions, slider = shown.captions, shown.get_by_role("slider", name="bands kept")  # type: ignore[attr-defined]  # see above
    expect(shown.get_by_role("status")).to_have_text(captions[0][7])
    slider.focus()
    slider.press("Home")
    expect(shown.get_by_role("status")).to_have_text(captions[0][0])
    slider.press("ArrowRight")
    expect(shown.get_by_role("status")).to_have_text(captions[0][1])
    expect(slider).to_have_attribute("aria-valuetext", "2 of 8")
    shown.get_by_role("combobox", name="image").select_option(index=1)
    expect(shown.get_by_role("status")).to_have_text(captions[1][1])
    drawn = shown.evaluate("[...document.querySelector('canvas').getContext('2d').getImageData(0, 0, 32, 32).data]")
    size = 32 * 32 * 3
    bytes_ = list(shown.pixels[(8 + 1) * size : (8 + 2) * size])  # type: ignore[attr-defined]  # see above
    assert [drawn[4 * place + c] for place in range(32 * 32) for c in range(3)] == bytes_
    shown.evaluate("window.leave()")
    assert shown.evaluate("Object.values(window.heard).flat().length") == 0
