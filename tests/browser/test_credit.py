"""The story of a refused credit, in a real browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.shared import Visit
from tests.browser.test_accessibility import violations

LONG = 120_000


@pytest.fixture
def story(visit: Visit, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The whole story; what one test edits the other does not look at."""
    for page in visit("05_why_was_this_credit_refused.ipynb").for_one_test(request):
        page.get_by_role("button", name=re.compile("^Run")).nth(1).wait_for(timeout=LONG)
        yield page


def test_the_story_says_what_leads_to_an_approval_and_another_limit_gives_another_answer(story: Page) -> None:
    free, limited = (story.locator(".xrai-contrast").nth(number) for number in (0, 1))
    expect(free).to_contain_text(re.compile("age were 2[2-9] instead of 21"))
    expect(limited).to_contain_text(re.compile("If duration_months were [34][0-9] instead of 45"))
    expect(limited).not_to_contain_text("age were")
    # two views of the same kind on one page have regions of the same name
    assert [said for said in violations(story) if not said.startswith("landmark-unique")] == []
    editor = story.locator(".xrai-constraints").first
    editor.get_by_role("checkbox", name="immutable: duration_months").check()
    editor.get_by_role("button", name="Apply").click()
    expect(editor.get_by_role("status")).to_contain_text("Applied", timeout=LONG)
    story.get_by_role("button", name=re.compile("^Run")).first.click()
    again = story.locator(".xrai-contrast").nth(2)
    expect(again).to_contain_text("Sample applicant-0195", timeout=LONG)
    said = again.locator(".xrai-contrast-said p").first
    expect(said).to_contain_text(re.compile("If .* were .* instead of .* the prediction .good."))
    expect(said).not_to_contain_text("duration_months")


def test_the_board_of_the_models_tells_distances_in_pairs_and_judges_by_the_policy(story: Page) -> None:
    row = story.locator(".xrai-comparison").get_by_role("row", name=re.compile("median distance to another prediction"))
    expect(row).to_contain_text("higher, better 30 pairs")
    expect(row).to_contain_text("no difference shown 30 pairs")
    board = story.locator(".xrai-scoreboard").first
    expect(board.get_by_text("How far the typical sample is from another prediction")).to_have_count(1)
    expect(board.locator(".xrai-badge.xrai-not-refuted").first).to_be_visible()  # a search shows an upper bound
    story.set_viewport_size({"width": 600, "height": 900})
    cells = story.locator(".xrai-comparison tbody tr").nth(1).get_by_role("cell")
    for number in range(cells.count()):
        assert cells.nth(number).evaluate("node => node.scrollWidth - node.clientWidth") <= 1, "cells do not overlap"
