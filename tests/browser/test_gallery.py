"""The first thing a new user sees."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.served import Served
from tests.browser.shared import NOT_RUN, Visit
from tests.notebook_runs import LOOKED_AT
from xrai_widgets.io.notebooks import Card, notebook_folder, read_cards

CARDS = read_cards(notebook_folder())


def test_the_gallery_shows_a_card_for_every_notebook(page: Page, gallery: str) -> None:
    page.goto(gallery)
    expect(page).to_have_title("xrai widgets: audit a model")
    for card in CARDS:
        expect(page.get_by_role("heading", name=card.title)).to_be_visible()
        expect(page.get_by_text(card.sentence)).to_be_visible()


def test_a_card_opens_and_run_gives_a_verdict(page: Page, gallery: str) -> None:
    page.goto(gallery)
    page.get_by_role("link", name=CARDS[0].title).click()
    page.get_by_role("button", name="Run").click(timeout=120_000)
    board = page.locator(".xrai-scoreboard")
    expect(board.locator(".xrai-fail").first).to_have_text("■fail", timeout=120_000)
    expect(board).to_contain_text("membership advantage")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("card", CARDS[1:], ids=[card.path for card in CARDS[1:]])
def test_every_notebook_is_an_app_and_shows_what_it_says(visit: Visit, tutorials: Served, card: Card) -> None:
    """What it says in words: see `notebook_claims`. A page that tests of its own have looked at before is theirs."""
    shared = visit(card.path)
    page = shared.show()
    assert page.get_by_text(NOT_RUN).all_inner_texts() == [], tutorials.log[-5000:]
    expect(page.get_by_text(LOOKED_AT)).to_be_visible()
    expect(page.get_by_role("button", name="Run").first).to_be_visible(timeout=120_000)
    expect(page.get_by_role("heading", name=card.title)).to_be_visible()
    kernel = re.search(r'"kernelId": "([\w-]+)"', page.content())
    assert kernel
    messages = [line for line in tutorials.log.splitlines() if f"kernel {kernel[1]}: " in line]
    warned = [line for line in messages if "No such comm" not in line]  # a page that asks for a widget closed meanwhile
    assert warned == [], "an app shows no warnings: its server logs them"
    assert page.locator(".jp-InputArea-editor").count() == 0, "the sources stay in the notebook"
    shared.leave()


def test_a_page_that_is_not_there_says_so_without_outside_requests(page: Page, gallery: str) -> None:
    response = page.goto(f"{gallery}voila/render/nothing.ipynb")
    assert response is not None
    assert response.status == 404


def test_only_the_notebooks_folder_is_served(page: Page, gallery: str) -> None:
    for path in ("voila/files/../pyproject.toml", "voila/files/00_start_here.ipynb", "pyproject.toml"):
        response = page.request.get(f"{gallery}{path}")
        assert response.status in (403, 404), path
    assert Path(notebook_folder()).name == "notebooks"
