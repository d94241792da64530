"""Samples that are flagged and marked, and zones that move, in a real browser."""

import re
from pathlib import Path

from playwright.sync_api import Locator, Page, expect

from tests.browser.test_accessibility import switch, violations

LONG = 120_000
# from a step of the cut to the flags of the table, inside the page
FOLLOWS = """() => new Promise((done) => {
  const table = [...document.querySelectorAll('.xrai-table')].find((node) => node.textContent.includes('Most exposed'));
  const caption = table.querySelector('caption'), began = performance.now();
  const observer = new MutationObserver(() => { observer.disconnect(); done(performance.now() - began); });
  observer.observe(caption, { childList: true, characterData: true, subtree: true });
  const handle = document.querySelector('.xrai-cut');
  handle.dispatchEvent(new KeyboardEvent('keydown', { key: 'ArrowRight', shiftKey: true, bubbles: true }));
})"""


def exposed(page: Page) -> Locator:
    return page.get_by_role("region", name="Most exposed training samples")


def marks(page: Page) -> Locator:
    return page.locator(".xrai-marked-sample")


def test_a_sample_that_is_marked_in_one_view_is_marked_in_the_others(start_here: Page) -> None:
    row = exposed(start_here).locator("tbody tr").nth(1)
    name = row.locator("td").nth(2).inner_text()
    row.get_by_role("checkbox").check()
    expect(marks(start_here)).to_have_count(1)
    expect(marks(start_here).first).to_contain_text(name)
    start_here.get_by_role("tab", name="Numbers").click()
    samples = start_here.get_by_role("region", name="samples", exact=True)
    expect(samples.locator("tr.xrai-marked")).to_contain_text(name)
    samples.get_by_role("checkbox").first.uncheck()
    start_here.get_by_role("tab", name="Figure").click()
    expect(marks(start_here)).to_have_count(0)

    ground = start_here.locator(".xrai-ground")
    box = ground.bounding_box()
    assert box is not None
    ground.click(position={"x": box["width"] - 3, "y": 20})
    expect(exposed(start_here).locator("tr.xrai-marked")).to_have_count(1)
    assert exposed(start_here).locator("tbody tr").first.get_by_role("checkbox").is_checked()
    ground.click(position={"x": box["width"] - 3, "y": 20})
    expect(exposed(start_here).locator("tr.xrai-marked")).to_have_count(0)


def test_flags_counts_and_shares_follow_the_cut_within_a_tenth_of_a_second(start_here: Page) -> None:
    table = exposed(start_here)
    flagged = table.locator("tr.xrai-flagged")
    status = start_here.get_by_text(re.compile(r"of 600 samples lie above the cut"))
    expect(status).to_have_text(re.compile(r"^27 of 600 samples lie above the cut 0\.966: 4\.5 % \(95 % in"))
    assert flagged.count() == 20
    expect(flagged.first).to_contain_text("▲above")
    handle = start_here.get_by_role("slider", name="cut on SHAPr")
    handle.scroll_into_view_if_needed()
    box = handle.locator(".xrai-cut-grip").bounding_box()
    assert box is not None
    start_here.mouse.move(box["x"] + box["width"] / 2, box["y"] + 5)
    start_here.mouse.down()
    start_here.mouse.move(box["x"] + 60, box["y"] + 5, steps=5)
    start_here.mouse.up()
    count = flagged.count()
    assert 0 < count < 20
    expect(table.locator("caption")).to_contain_text(f"{count} of these above the cut")
    expect(start_here.locator(".xrai-flagged-count")).to_have_text(f"▲ {count} above")
    expect(status).to_contain_text(f"{count} of 600 samples lie above")
    handle.press("End")
    expect(flagged).to_have_count(0)
    expect(table.locator("tbody tr").first).to_contain_text("below")
    handle.press("Home")
    times = sorted(start_here.evaluate(FOLLOWS) for _ in range(9))
    assert times[4] < 100, times


def test_the_table_is_in_original_units_and_shows_more_when_asked(kept: Page) -> None:
    table = exposed(kept)
    expect(table.locator("tbody tr")).to_have_count(20)
    expect(table.get_by_role("columnheader", name="credit history")).to_have_count(1)
    expect(table.locator("tbody tr").first).to_contain_text("DM")
    kept.get_by_role("button", name="Show 80 more").click()
    expect(table.locator("tbody tr")).to_have_count(100)
    table.get_by_role("button", name="age").press("Enter")
    expect(table.locator("th[aria-sort=descending]")).to_have_text(re.compile("age"))
    kept.set_viewport_size({"width": 420, "height": 900})
    # on a narrow screen its words keep their size
    tick = kept.locator(".xrai-histogram .xrai-axis")
    kept.wait_for_timeout(500)
    height = tick.evaluate("node => node.getBoundingClientRect().height")
    assert height >= 11


def test_the_zone_moves_with_the_threshold_and_the_report_shows_it_without_any_row(kept: Page, tmp_path: Path) -> None:
    kept.get_by_role("button", name=re.compile("^Run")).click()
    slider = kept.locator(".widget-slider", has_text="membership advantage").locator(".noUi-handle")
    slider.wait_for(timeout=LONG)
    zone = kept.get_by_role("img", name=re.compile("^membership advantage"))
    expect(zone).to_have_attribute("aria-label", re.compile("lies in the unsafe zone"))
    limit = zone.locator("line[stroke-width='2.5']").first
    before = limit.get_attribute("x1")
    slider.focus()
    slider.press("End")
    expect(zone).to_have_attribute(
        "aria-label", re.compile(r"Safe zone: ≤ 1\. The whole interval lies in the safe zone")
    )
    assert limit.get_attribute("x1") != before
    with kept.expect_download() as caught:
        kept.get_by_role("group", name="Report").get_by_role("button", name="HTML").click()
    caught.value.save_as(tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert 'class="xrai-zone"' in text
    assert "lies in the safe zone" in text
    assert "checking account" not in text


def test_pictures_have_a_text_alternative(kept: Page) -> None:
    switch(kept, "dark")
    kept.get_by_label("built-in example").select_option(label="digits network")
    expect(kept.get_by_text("images 1×8×8")).to_be_visible(timeout=LONG)
    kept.get_by_role("checkbox", name="Membership inference", exact=True).uncheck()
    kept.get_by_role("checkbox", name="SHAPr membership exposure").check()
    kept.get_by_role("button", name=re.compile("^Run")).click()
    picture = exposed(kept).get_by_role("img", name=re.compile(r"^sample \d+, class \d$"))
    expect(picture.first).to_be_visible(timeout=LONG)
    expect(picture).to_have_count(20)
    exposed(kept).get_by_role("checkbox").first.check()
    expect(marks(kept)).to_have_count(1)
    assert violations(kept) == []
