"""Contrastive explanations in a real browser: an instance is picked, and what is shown changes."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.served import Served
from tests.browser.shared import AfreshPage, write_afresh
from tests.browser.test_accessibility import violations

LONG = 120_000
OUTCOMES = """
import ipywidgets as w
import xrai_widgets as xw
from xrai_widgets.widgets import A11y, OutcomeView
from xrai_widgets.widgets.parts import heading

pictures, table = xw.examples.load("digits_network"), xw.examples.load("german_credit_forest")
quick = {"n_samples": 3, "max_iter": 40, "binary_steps": 3, "noise": 0.0}
outcomes = [
    (xw.assess(table, "explanations.cem", n_samples=3, noise=0.0), table),
    (xw.assess(pictures, "explanations.cem", **quick), pictures),
    (xw.assess(pictures, "explanations.protodash", n_prototypes=5), pictures),
]
display(A11y(), heading("Results"))
"""
VIEWS = "w.VBox([OutcomeView(outcome, subject=subject) for outcome, subject in outcomes])"

INSIDE = """node => {
  const box = node.closest(".widget-vbox").getBoundingClientRect();
  return node.getBoundingClientRect().right <= box.right + 1;
}"""


@pytest.fixture(scope="module")
def three(browser: Browser, browser_context_args: dict[str, Any], tutorials: Served) -> Iterator[AfreshPage]:
    """Three results, computed once; their views are made anew for each test."""
    write_afresh(tutorials.folder, "views", OUTCOMES, VIEWS)

    def ready(page: Page) -> None:
        expect(page.get_by_role("slider", name="prototypes")).to_be_visible(timeout=LONG)

    shared = AfreshPage(browser, browser_context_args, tutorials.app("views"), ready)
    yield shared
    shared.leave()


@pytest.fixture
def views(three: AfreshPage, request: pytest.FixtureRequest) -> Iterator[Page]:
    yield from three.for_one_test(request)


def picker(page: Page, number: int) -> Locator:
    return page.get_by_role("combobox", name="instance").nth(number)


def alts(page: Page) -> list[str]:
    pictures = page.locator(".xrai-contrast .xrai-contrast-picture")
    return [str(pictures.nth(place).get_attribute("aria-label")) for place in range(3)]


def test_picking_an_instance_changes_its_pictures_and_marks_it(views: Page) -> None:
    before, own = alts(views), picker(views, 1)
    assert all(re.search(r"sample \d+", alt) for alt in before)
    first, second = (own.locator("option").nth(place).inner_text().split()[0] for place in (0, 1))
    assert f"sample {first}" in before[0]
    own.select_option(index=1)
    expect(views.locator(".xrai-contrast .xrai-contrast-picture").first).to_have_attribute(
        "aria-label", re.compile(rf"^sample {second}, ")
    )
    assert all(f"sample {second}" in alt for alt in alts(views))
    views.get_by_role("tab", name="Numbers").nth(1).click()
    rows = views.get_by_role("region", name="samples", exact=True)
    expect(rows.locator("tr.xrai-marked")).to_contain_text(second)
    rows.get_by_role("checkbox", name=f"mark sample {first} of X").check()
    views.get_by_role("tab", name="Figure").nth(1).click()
    assert f"sample {first}" in alts(views)[0], "marking chooses"


def test_the_table_of_an_instance_is_walked_through_by_keyboard(views: Page) -> None:
    told = views.get_by_role("group", name=re.compile("and its explanations"))
    name = str(told.get_attribute("aria-label"))
    button = views.get_by_role("button", name=re.compile("next")).first
    button.focus()
    button.press("Enter")
    expect(told).not_to_have_attribute("aria-label", name)
    expect(button).to_be_focused()
    rows = told.locator("tbody tr")
    few = rows.count()
    box = views.get_by_role("checkbox", name="show all features").first
    box.focus()
    box.press("Space")
    expect(rows).to_have_count(20)
    assert few < 20
    expect(told.locator(".xrai-contrast-changed").filter(has_text="≠").first).to_be_visible()


def test_fewer_prototypes_are_shown_as_pictures_at_once(views: Page) -> None:
    table = views.get_by_role("region", name="Prototypes, the heaviest first")
    expect(table.get_by_role("img", name=re.compile("^sample"))).to_have_count(5)
    handle = views.get_by_role("slider", name="prototypes")
    handle.focus()
    handle.press("ArrowLeft")
    handle.press("ArrowLeft")
    expect(table.get_by_role("img", name=re.compile("^sample"))).to_have_count(3)
    expect(views.get_by_text(re.compile("with 3 prototypes"))).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_views_have_no_violation_and_fit_a_narrow_screen(views: Page, scheme: str) -> None:
    views.emulate_media(color_scheme=scheme)
    for width in (1300, 420):
        views.set_viewport_size({"width": width, "height": 1000})
        views.wait_for_timeout(500)
        assert violations(views) == [], width
        for place in range(views.locator(".xrai-contrast").count()):
            body = views.locator(".xrai-contrast").nth(place)
            assert body.evaluate(INSIDE), "what is too wide scrolls in its own region"
