"""An input is tried in a real browser: a picture is uploaded, α moved by the keyboard, a sample marked on the map."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.served import Served, write_notebook
from tests.browser.shared import SharedPage
from tests.browser.test_accessibility import violations

LONG = 120_000
CELL = """
import ipywidgets as w
import xrai_widgets as xw
from xrai_widgets.widgets import A11y, OutcomeView
from xrai_widgets.widgets.parts import heading

pictures, table = xw.examples.load("digits_network"), xw.examples.load("german_credit_forest")
outcomes = [(xw.assess(table, "ood.knn"), table), (xw.assess(pictures, "ood.knn", features="samples"), pictures)]
w.VBox([A11y(), heading("Results"), *(OutcomeView(outcome, subject=subject) for outcome, subject in outcomes)])
"""


@pytest.fixture(scope="module")
def tried(browser: Browser, browser_context_args: dict[str, Any], tutorials: Served) -> Iterator[SharedPage]:
    write_notebook(tutorials.folder, "tried", CELL)

    def ready(page: Page) -> None:
        expect(page.get_by_text("Try an input", exact=True)).to_have_count(2, timeout=LONG)

    shared = SharedPage(browser, browser_context_args, tutorials.app("tried"), ready)
    yield shared
    shared.leave()


@pytest.fixture
def page(tried: SharedPage, request: pytest.FixtureRequest) -> Iterator[Page]:
    yield from tried.for_one_test(request)


def reply(page: Page) -> Locator:
    return page.locator(".xrai-reply:visible")


def test_a_picture_is_uploaded_and_scored_and_bad_ones_leave_the_page_alive(page: Page, tmp_path: Path) -> None:
    Image.new("RGB", (64, 48), "white").save(tmp_path / "white.png")
    page.get_by_text("Try an input", exact=True).nth(1).click()
    field = page.get_by_label(re.compile("^picture"))
    field.set_input_files(tmp_path / "white.png")
    expect(reply(page)).to_contain_text("abstains", timeout=LONG)
    expect(reply(page)).to_contain_text("All pixels are the same")
    expect(page.get_by_role("img", name="the picture as the model sees it")).to_be_visible()
    expect(page.get_by_role("checkbox", name="crop to the middle")).to_be_checked()
    field.set_input_files(
        {"name": "torn.png", "mimeType": "image/png", "buffer": (tmp_path / "white.png").read_bytes()[:50]}
    )
    expect(field.locator("xpath=..").get_by_role("alert")).to_contain_text("torn.png could not be read", timeout=LONG)
    expect(reply(page)).to_have_count(0)
    page.get_by_label("or one of its samples").select_option(index=5)
    expect(reply(page)).to_contain_text("The model says")
    gauge = page.get_by_role("group", name="How foreign this input is").get_by_role("slider")
    gauge.focus()
    gauge.press("Home")
    expect(gauge).to_have_attribute("aria-valuetext", re.compile("^0.5: the alarm "))
    expect(page.get_by_text("vote at α = 0.5")).to_be_visible()
    gauge.press("Shift+ArrowRight")
    gauge.press("ArrowLeft")
    expect(page.get_by_text("vote at α = 0.5")).to_have_count(0)
    gauge.press("End")
    expect(reply(page)).to_contain_text("answers")
    page.locator(".xrai-map-near:visible").first.click(force=True)  # it has no fill: what lies under it is clicked
    expect(page.locator(".xrai-map-mark")).to_have_count(1)
    assert violations(page) == []
    page.get_by_text("Try an input", exact=True).nth(1).click()


def test_a_row_is_edited_by_the_keyboard_on_a_narrow_page(page: Page) -> None:
    page.set_viewport_size({"width": 600, "height": 1100})
    page.get_by_text("Try an input", exact=True).nth(0).click()
    expect(reply(page)).to_contain_text("The model says", timeout=LONG)
    age = page.get_by_label("age", exact=True)
    age.fill("old")
    age.press("Tab")
    expect(page.get_by_role("alert").filter(has_text="age must be a whole number")).to_be_visible()
    age.fill("930")
    age.press("Tab")
    expect(reply(page)).to_contain_text("abstains Foreign")
    expect(reply(page)).to_contain_text(
        "Outside of the range of the training samples: age (930; training samples: 19 to"
    )
    expect(page.get_by_text("This input beside its nearest training samples")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 600
    assert violations(page) == []
    page.get_by_text("Try an input", exact=True).nth(0).click()
