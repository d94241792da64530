"""Models side by side, in a real browser."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser.shared import AfreshPage

LONG = 120_000


@pytest.fixture
def comparing(comparison: AfreshPage, request: pytest.FixtureRequest) -> Iterator[Page]:
    yield from comparison.for_one_test(request)


def test_first_paint_shows_the_difference_in_pairs_and_another_threshold_judges_every_model_again(
    comparing: Page,
) -> None:
    boards = comparing.locator(".xrai-comparison")  # of the text, of the defended copies, of the app
    for board in (boards.first, boards.last):
        row = board.locator("tr", has_text="membership advantage")
        expect(row).to_contain_text("fail")
        expect(row).to_contain_text("pass")
        expect(row).to_contain_text("lower, better 1000 pairs")
        assert re.search(r"−0\.4\d+ \[−0\.5\d*, −0\.4\d*\]", row.inner_text())
    comparing.get_by_text("Policy", exact=True).click()
    text = comparing.get_by_label("policy")
    text.fill('["privacy.membership_inference"]\nadvantage = { max = 0.9 }')
    comparing.get_by_role("button", name="Apply").click()
    row = comparing.locator(".xrai-comparison").last.locator("tr", has_text="membership advantage")
    expect(row).not_to_contain_text("fail")
    expect(row.locator(".xrai-pass")).to_have_count(2)


def test_another_assessment_is_run_on_each_model(comparing: Page) -> None:
    comparing.get_by_role("checkbox", name="Membership inference", exact=True).uncheck()
    comparing.get_by_role("checkbox", name="SHAPr membership exposure").check()
    board = comparing.locator(".xrai-comparison").last
    buttons = comparing.get_by_role("button", name=re.compile("^Run"))
    buttons.nth(0).click()
    expect(board).to_contain_text("privacy.shapr on german_credit_pruned was not run", timeout=LONG)
    buttons.nth(1).click()
    expect(board).not_to_contain_text("was not run", timeout=LONG)
    expect(board.locator("tr", has_text="SHAPr, median")).to_contain_text(
        "unpaired: this number is no mean over samples"
    )


def test_a_third_model_on_other_samples_is_compared_unpaired_and_that_is_said(comparing: Page) -> None:
    comparing.get_by_label("built-in example").select_option(label="breast cancer forest")
    expect(comparing.get_by_role("heading", name="breast_cancer_forest")).to_be_visible(timeout=LONG)
    comparing.get_by_role("button", name=re.compile("^Run")).nth(2).click()
    board = comparing.locator(".xrai-comparison").last
    expect(board).to_contain_text("unpaired: the samples of X and X_train differ", timeout=LONG)
    expect(board.get_by_role("columnheader", name="breast_cancer_forest minus german_credit_forest")).to_be_visible()


def test_a_defended_copy_is_added_by_keyboard_and_run_beside_the_others(comparing: Page) -> None:
    comparing.get_by_text("Add a defended copy", exact=True).click()
    comparing.get_by_label("model to defend").select_option(label="german_credit_pruned")
    comparing.get_by_label("defence", exact=True).select_option(label="reverse sigmoid")
    comparing.get_by_label("γ (onset)", exact=True).fill("99")
    comparing.get_by_label("γ (onset)", exact=True).press("Enter")
    add = comparing.get_by_role("button", name="Add defended copy")
    expect(add).to_be_disabled(timeout=LONG)
    expect(comparing.get_by_text("Correct this first: γ (onset) must lie in [0.001, 10], got 99")).to_be_visible()
    comparing.get_by_label("γ (onset)", exact=True).fill("0.2")
    comparing.get_by_label("γ (onset)", exact=True).press("Enter")
    expect(add).to_be_enabled(timeout=LONG)
    add.focus()
    add.press("Enter")
    name = "german_credit_pruned · reverse sigmoid, β 1, γ 0.2"
    expect(comparing.get_by_role("heading", name=name)).to_be_visible(timeout=LONG)
    expect(comparing.get_by_text(re.compile(r"It changes the prediction for \d+ of 400"))).to_be_visible()
    comparing.get_by_role("button", name=re.compile("^Run")).nth(2).click()
    board = comparing.locator(".xrai-comparison").last
    expect(board.get_by_role("columnheader", name=f"{name} minus german_credit_forest")).to_be_visible(timeout=LONG)
    expect(board.locator("tr", has_text="membership advantage")).to_contain_text("1000 pairs")
