"""No violation that axe-core can find, and everything by keyboard alone.

axe-core 4.14.1 (Deque Systems, MPL-2.0) lies in ``axe_core/``, unchanged; it is used by these tests and not shipped.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

AXE = (Path(__file__).parent / "axe_core" / "axe.min.js").read_text(encoding="utf-8")
RECORD = Path(__file__).parent.parent.parent / "test-results" / "keys_only.zip"
FIND = """async () => (await axe.run(document, { resultTypes: ['violations'] })).violations.flatMap(
  (found) => found.nodes.map((node) => `${found.id}: ${found.help}: ${node.html.slice(0, 160)}`))"""
FOCUSED = """() => {
  const node = document.activeElement;
  const labels = node.labels && node.labels.length ? node.labels[0].textContent : "";
  const box = node.closest(".jupyter-widgets");
  const label = box && box.querySelector(".widget-label");
  const named = node.getAttribute("aria-label") || labels || node.textContent || node.getAttribute("title");
  return `${node.tagName.toLowerCase()} ${(named || (label && label.textContent) || "").trim()}`;
}"""
LONG = 120_000
Scheme = Literal["light", "dark"]
SCHEMES: tuple[Scheme, ...] = ("light", "dark")


def violations(page: Page) -> list[str]:
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE + "; undefined")
    found: list[str] = page.evaluate(FIND)
    return found


def switch(page: Page, scheme: Scheme) -> None:
    """Let the system be light or dark; an app follows with its next frames."""
    page.emulate_media(color_scheme=scheme)
    white = expect(page.locator("body"))
    (white.to_have_css if scheme == "light" else white.not_to_have_css)("background-color", "rgb(255, 255, 255)")


def violations_by_scheme(page: Page) -> Iterator[tuple[Scheme, list[str]]]:
    """Of one state of the page, in the light and in the dark."""
    for scheme in SCHEMES:
        switch(page, scheme)
        yield scheme, violations(page)


def fold(page: Page, title: str) -> None:
    page.get_by_text(title, exact=True).first.click()


def tab(page: Page, name: str) -> None:
    page.get_by_role("tab", name=name).click()


STATES: dict[str, Callable[[Page], None]] = {
    "parameters": lambda page: fold(page, "Parameters: Membership inference"),
    "advanced": lambda page: fold(page, "Advanced"),
    "result": lambda page: run(page),
    "numbers": lambda page: tab(page, "Numbers"),
    "meaning": lambda page: tab(page, "Meaning"),
    "as code": lambda page: tab(page, "As code"),
    "policy": lambda page: fold(page, "Policy"),
    "own model": lambda page: page.get_by_role("button", name="this notebook").click(),
}


def run(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Run")).click()
    page.locator(".widget-slider", has_text="membership advantage").wait_for(timeout=LONG)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_gallery_has_no_violation(page: Page, gallery: str, scheme: Scheme) -> None:
    page.emulate_media(color_scheme=scheme)
    page.goto(gallery)
    page.get_by_role("link").first.wait_for()
    assert violations(page) == []


def test_the_workbench_has_no_violation_in_any_state(start_here: Page) -> None:
    page = start_here
    by_name = {("first paint", scheme): said for scheme, said in violations_by_scheme(page)}
    for state, enter in STATES.items():
        enter(page)
        page.wait_for_timeout(400)  # folds open slowly
        by_name |= {(state, scheme): said for scheme, said in violations_by_scheme(page)}
    assert len(by_name) == 2 * (1 + len(STATES))
    assert {seen: said for seen, said in by_name.items() if said} == {}


def reach(page: Page, name: str, most: int = 80) -> None:
    """Press Tab until the focus is on what carries that name."""
    seen = []
    for _ in range(most):
        page.keyboard.press("Tab")
        said = page.evaluate(FOCUSED)
        if re.search(name, said):
            return
        seen.append(said)
    raise AssertionError(f"Tab does not lead to {name!r}; it leads to {seen}")


def test_an_audit_by_keyboard_alone(page: Page, gallery: str, tmp_path: Path) -> None:
    page.context.tracing.start(screenshots=True)
    page.goto(gallery)
    reach(page, "^a Start here")
    page.keyboard.press("Enter")
    page.get_by_role("slider", name="cut on SHAPr").wait_for(timeout=120_000)

    reach(page, "^input Evasion attack")
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="Evasion attack")).to_be_checked()
    form = page.get_by_text("Parameters: Evasion attack")
    expect(form).to_be_visible()
    page.keyboard.press("Space")
    expect(form).to_have_count(0)  # forms that come and go take the focus with them
    reach(page, "^button Run")
    page.keyboard.press("Enter")
    board = page.locator(".xrai-scoreboard")
    row = board.locator("tr", has_text="membership advantage")
    expect(row).to_contain_text("fail", timeout=LONG)

    reach(page, "^div membership advantage")
    page.keyboard.press("End")
    expect(row).to_contain_text("pass")

    reach(page, "^li Figure")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    expect(page.get_by_role("tab", name="Numbers")).to_have_attribute("aria-selected", "true")
    reach(page, "^button .*TPR|^button .*score|^button loss")
    page.keyboard.press("Enter")
    expect(page.locator("th[aria-sort=ascending]")).to_have_count(1)

    page.keyboard.press("Shift+Tab")
    with page.expect_download() as caught:
        for _ in range(60):
            if page.evaluate(FOCUSED) == "button HTML":
                break
            page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
    caught.value.save_as(tmp_path / "report.html")
    assert "membership advantage" in (tmp_path / "report.html").read_text(encoding="utf-8")
    page.context.tracing.stop(path=RECORD)
