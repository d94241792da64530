"""The histogram's cut and the table, by mouse and by keyboard."""

import re

from playwright.sync_api import Locator, Page, expect


def cut(page: Page) -> Locator:
    return page.get_by_role("slider", name="cut on SHAPr")


def value(handle: Locator) -> float:
    return float(handle.get_attribute("aria-valuenow") or "nan")


def shares(page: Page) -> list[str]:
    return page.locator(".xrai-histogram tbody td:nth-child(3)").all_inner_texts()


def test_dragging_the_cut_counts_again_in_the_browser(kept: Page) -> None:
    handle = cut(kept)
    before, counted = value(handle), shares(kept)
    handle.scroll_into_view_if_needed()
    box = handle.locator(".xrai-cut-grip").bounding_box()
    assert box is not None
    kept.mouse.move(box["x"] + box["width"] / 2, box["y"] + 5)
    kept.mouse.down()
    kept.mouse.move(box["x"] - 250, box["y"] + 5, steps=5)
    kept.mouse.up()
    assert value(handle) < before - 0.2
    assert shares(kept) != counted


def test_the_cut_moves_by_keyboard_and_says_what_it_counts(kept: Page) -> None:
    handle = cut(kept)
    handle.focus()
    start = value(handle)
    handle.press("ArrowLeft")
    small = start - value(handle)
    handle.press("Shift+ArrowLeft")
    large = start - small - value(handle)
    assert small > 0
    assert abs(large / small - 10) < 0.01
    handle.press("Home")
    low = float(handle.get_attribute("aria-valuemin") or "nan")
    assert value(handle) == low
    assert all(float(share.split()[0]) > 95 for share in shares(kept))
    handle.press("End")
    assert shares(kept) == ["0.0 %", "0.0 %"]
    expect(handle).to_have_attribute("aria-valuetext", re.compile(r"bad 0\.0 % above, good 0\.0 % above"))


def test_focus_on_the_cut_is_visible(kept: Page) -> None:
    handle = cut(kept)
    handle.focus()
    kept.keyboard.press("ArrowLeft")
    width = handle.locator(".xrai-cut-line").evaluate("node => getComputedStyle(node).strokeWidth")
    assert width == "3px"


def test_shares_have_intervals(kept: Page) -> None:
    rows = kept.locator(".xrai-histogram tbody tr")
    expect(rows).to_have_count(2)
    for row in rows.all_inner_texts():
        assert re.search(r"\d+ of \d+\s+[\d.]+ %\s+[\d.]+ % – [\d.]+ %", row), row


def test_the_table_of_samples_is_sorted_by_its_headers(kept: Page) -> None:
    kept.get_by_role("tab", name="Numbers").click()
    table = kept.get_by_role("region", name="samples").locator("table")
    expect(table).to_be_visible()
    column = [h.strip(" ▼▲") for h in table.locator("th").all_inner_texts()].index("SHAPr") + 1

    def cells() -> list[float]:
        return [float(text) for text in table.locator(f"tbody td:nth-child({column})").all_inner_texts()]

    assert cells() == sorted(cells(), reverse=True)
    table.get_by_role("button", name="SHAPr").click()
    assert cells() == sorted(cells())
    expect(table.locator("th[aria-sort=ascending]")).to_have_text("SHAPr ▲")
    kept.get_by_role("button", name=re.compile("Show .* more")).first.click()
    assert len(cells()) > 12


def test_sliders_and_progress_have_names_for_assistive_technology(kept: Page) -> None:
    kept.get_by_role("button", name=re.compile("^Run")).click()
    kept.locator(".widget-slider", has_text="membership advantage").wait_for(timeout=120_000)
    handles = kept.locator(".noUi-handle:visible")
    expect(handles.first).to_have_attribute("aria-label", re.compile(".+"))
    for handle in handles.all():
        assert handle.get_attribute("aria-label")
