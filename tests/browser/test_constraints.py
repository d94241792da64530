"""The table of limits, by mouse and by keyboard."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.browser.test_accessibility import switch, violations

LONG = 120_000


def unfolded(page: Page) -> Locator:
    editor = page.locator(".xrai-constraints")
    editor.locator("summary").focus()
    page.keyboard.press("Enter")
    expect(editor.locator("tbody tr").first).to_be_visible()
    return editor


def test_limits_are_edited_told_and_applied(start_here: Page) -> None:
    editor = unfolded(start_here)
    expect(editor.get_by_role("checkbox", name="immutable: age")).to_be_checked()
    apply = editor.get_by_role("button", name="Apply")
    expect(apply).to_be_disabled()
    editor.get_by_role("button", name="more about credit_amount").click()
    low = editor.get_by_role("spinbutton", name="lowest value of credit_amount")
    low.fill("90000")
    low.press("Tab")
    expect(editor.locator("td.xrai-constraints-problem")).to_contain_text(
        "must have its lowest value first, got [90000"
    )
    expect(low).to_have_attribute("aria-invalid", "true")
    expect(editor.get_by_role("spinbutton", name="highest value of credit_amount")).to_be_focused()
    expect(apply).to_be_disabled()
    assert violations(start_here) == []
    low.fill("0")
    low.press("Enter")
    expect(editor.locator("td.xrai-constraints-problem")).to_have_count(0)
    box = editor.get_by_role("checkbox", name="immutable: purpose")
    box.focus()
    start_here.keyboard.press("Space")
    way = editor.get_by_role("combobox", name="direction of change of duration_months")
    way.select_option("only down")
    editor.get_by_role("button", name="more about savings").press("Enter")
    hope = editor.get_by_role("combobox", name="what the score must do with more of savings")
    expect(hope.locator("option:checked")).to_have_text("may do anything")
    hope.focus()
    start_here.keyboard.press("ArrowDown")
    expect(editor.get_by_role("row", name="savings (edited)")).to_contain_text("score must not fall")
    expect(hope).to_have_value("rising")
    expect(hope).to_be_focused()
    editor.get_by_role("button", name="more about purpose").click()
    choice = editor.get_by_role("combobox", name="what the score must do with more of purpose")
    choice.select_option("must not move")
    expect(editor.get_by_role("status")).to_have_text("4 columns edited, not applied yet.")
    apply.click()
    expect(editor.get_by_role("status")).to_contain_text("Applied", timeout=LONG)
    expect(editor.locator("summary")).to_contain_text("4 immutable, 2 expectations, edited")
    start_here.get_by_role("button", name=re.compile("^Run")).click()
    start_here.get_by_role("tab", name="As code").click(timeout=LONG)
    code = start_here.get_by_text("xw.constrained(xw.examples.load(").first
    expect(code).to_contain_text("{'credit_amount': {'range': [0, 18424", timeout=LONG)
    expect(code).to_contain_text("'savings': {'expected': 'rising'}")
    expect(code).to_contain_text("'expected': 'invariant'")


def test_the_table_fits_its_column_and_has_no_violation_in_the_dark(start_here: Page) -> None:
    switch(start_here, "dark")
    editor = unfolded(start_here)
    editor.get_by_role("button", name="more about credit_amount").click()
    for width in (1320, 600):
        start_here.set_viewport_size({"width": width, "height": 900})
        table = editor.locator(".xrai-constraints-table")
        assert table.evaluate("node => node.scrollWidth - node.clientWidth") <= 0, width
    assert violations(start_here) == []
