"""Waive a failing value, take it back, mark samples, copy the whole run: as a user does it."""

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.shared import AfreshPage

LONG = 120_000
LATER = (date.today() + timedelta(days=40)).isoformat()


@pytest.fixture
def failing(first_app: AfreshPage, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The first app, after a run whose membership advantage fails; one run for all tests here."""

    def run(page: Page) -> None:
        page.get_by_role("button", name=re.compile("^Run")).click()
        expect(page.locator(".xrai-scoreboard .xrai-fail").first).to_be_visible(timeout=LONG)

    yield from first_app.for_one_test(request, lambda: first_app.kept(request.node.path, run))


def saved(page: Page, folder: Path) -> dict[str, object]:
    with page.expect_download() as caught:
        page.get_by_role("group", name="Report").get_by_role("button", name="JSON").click()
    caught.value.save_as(folder / "r.json")
    found: dict[str, object] = json.loads((folder / "r.json").read_text(encoding="utf-8"))
    return found


def test_a_failing_value_is_waived_by_keyboard_and_taken_back_and_a_gap_is_said_in_place(
    failing: Page, tmp_path: Path
) -> None:
    failing.get_by_text("Waive a failing value").click()
    failing.get_by_role("button", name="Waive", exact=True).click()
    expect(failing.get_by_role("alert")).to_contain_text("accepted by must be given")
    who = failing.get_by_label("accepted by")
    who.focus()
    failing.keyboard.type("A. <b>Smith</b>")
    failing.keyboard.press("Tab")
    failing.keyboard.type("retrained in March")
    failing.get_by_label("until").fill(LATER)
    waive = failing.get_by_role("button", name="Waive", exact=True)
    waive.focus()
    failing.keyboard.press("Enter")
    board = failing.locator(".xrai-scoreboard")
    expect(board).to_contain_text(f"Waived by A. <b>Smith</b>, until {LATER}: retrained in March")
    row = board.locator("tr", has_text="membership advantage").first
    expect(row).to_contain_text("fail")
    expect(row).to_contain_text("waived")
    verdict = saved(failing, tmp_path)["verdicts"][1]  # type: ignore[index]
    assert verdict["status"] == "fail"
    assert verdict["waived"] is True
    failing.get_by_text("Policy", exact=True).first.click()
    expect(failing.get_by_label("policy")).to_have_value(re.compile(r"\[\[waiver\]\]"))
    failing.get_by_role("button", name="Take back").click()
    expect(board).not_to_contain_text("Waived by")
    expect(failing.get_by_label("policy")).not_to_have_value(re.compile(r"\[\[waiver\]\]"))


def test_a_sample_that_is_marked_in_one_result_is_marked_in_the_other(failing: Page) -> None:
    failing.get_by_role("tab", name="Numbers").click()
    box = failing.get_by_role("checkbox", name=re.compile(r"mark sample applicant-\d+ of X_train")).nth(4)
    name = box.get_attribute("aria-label") or ""
    box.focus()
    failing.keyboard.press("Space")
    mine = failing.get_by_role("checkbox", name=name)
    expect(mine).to_be_checked()
    expect(mine).to_be_focused()
    failing.get_by_label("result", exact=True).select_option(index=0)
    expect(failing.get_by_text("SHAPr membership exposure").last).to_be_visible()
    failing.get_by_role("tab", name="Numbers").click()
    expect(failing.get_by_text("1 of 1 marked sample among these rows")).to_be_visible()
    first = failing.get_by_role("checkbox", name=re.compile("mark sample")).first
    expect(first).to_be_checked()
    assert first.get_attribute("aria-label") == name
    first.uncheck()
    expect(failing.get_by_text("marked sample among")).to_have_count(0)


def test_the_whole_run_is_shown_as_code_and_copied(failing: Page) -> None:
    failing.context.grant_permissions(["clipboard-read", "clipboard-write"])
    failing.get_by_text("The whole run as code").click()
    block = failing.get_by_role("region", name="Command line")
    line = "xrai-widgets assess german_credit_forest --run privacy.shapr --run privacy.membership_inference"
    expect(block).to_have_text(f"{line} --out report.html")
    failing.get_by_role("button", name="copy run.toml").click()
    expect(failing.get_by_text("run.toml copied")).to_be_visible()
    copied = failing.evaluate("navigator.clipboard.readText()")
    assert copied == failing.get_by_role("region", name="run.toml").inner_text()
    assert '[subject]\nexample = "german_credit_forest"' in copied
