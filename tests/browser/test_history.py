"""Run, close the tab, come back, find everything; in another browser, find nothing."""

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.served import served, write_notebook

LONG = 120_000
CELL = """
import numpy as np
from sklearn.tree import DecisionTreeClassifier
import xrai_widgets as xw

rng = np.random.default_rng(0)
X, y = rng.normal(size=(200, 3)), rng.integers(0, 2, 200)
tree = DecisionTreeClassifier(random_state=0).fit(X[:100], y[:100])
subject = xw.Subject.of(tree, X[100:], y[100:], X_train=X[:100], y_train=y[:100], name="memorised")
xw.Workbench(subject, selection=("privacy.membership_inference",))
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store") / "served.sqlite"


@pytest.fixture(scope="module")
def keeping(store: Path) -> Iterator[str]:
    """The address of a page whose server keeps outcomes in a file, named as a user would: by a relative path."""
    write_notebook(store.parent / "apps", "mine", CELL)
    with served(store.parent / "apps", cwd=store.parent, pool=0, store=store.name) as server:
        yield server.app("mine")


def visit(context: BrowserContext, address: str) -> Page:
    page = context.new_page()
    page.goto(address)
    page.get_by_role("button", name="Run").wait_for(timeout=120_000)
    page.locator(".jupyter-widgets").get_by_text("History", exact=True).first.click()
    return page


def run(page: Page) -> None:
    page.get_by_role("button", name=re.compile("^Run")).click()


def test_run_close_the_tab_come_back_and_find_everything(
    context: BrowserContext, browser: Browser, keeping: str, store: Path
) -> None:
    page = visit(context, keeping)
    expect(page.get_by_text("Nothing is kept yet")).to_be_visible()
    page.get_by_role("checkbox", name="SHAPr membership exposure").check()
    run(page)
    opens = page.get_by_role("button", name=re.compile("^Open "))
    expect(opens).to_have_count(2, timeout=LONG)
    page.close()

    page = visit(context, keeping)  # a new tab is a new kernel
    board = page.locator(".xrai-scoreboard")
    expect(board).to_contain_text("membership advantage", timeout=LONG)
    expect(board).to_contain_text("from the store, 20")
    opens = page.get_by_role("button", name=re.compile("^Open "))
    expect(opens).to_have_count(2)
    page.get_by_role("button", name=re.compile("^Open Membership inference on memorised, .*, fail")).click()
    expect(page.get_by_text("Opened: Membership inference on memorised")).to_be_visible()
    expect(page.get_by_role("heading", name="Membership inference fail")).to_be_visible()
    run(page)
    expect(page.get_by_text("privacy.membership_inference: from the store, computed 20")).to_be_visible()
    expect(opens).to_have_count(2)
    page.get_by_role("checkbox", name="run again what the store knows").check()
    run(page)
    expect(page.get_by_text("privacy.membership_inference: ok")).to_be_visible(timeout=LONG)
    expect(opens).to_have_count(3)

    stranger = browser.new_context()
    other = visit(stranger, keeping)
    expect(other.get_by_text("Nothing is kept yet")).to_be_visible()
    expect(other.locator(".xrai-scoreboard")).not_to_contain_text("membership advantage")
    stranger.close()

    sort_and_narrow_by_keys(page)
    locked_meanwhile(page, store)


def sort_and_narrow_by_keys(page: Page) -> None:
    header = page.get_by_role("columnheader", name="assessment")
    expect(page.get_by_role("columnheader", name="when")).to_have_attribute("aria-sort", "descending")
    page.get_by_title("sort by assessment").focus()
    page.keyboard.press("Enter")
    expect(header).to_have_attribute("aria-sort", "ascending")
    expect(page.get_by_title("sort by assessment")).to_be_focused()
    first = page.locator(".xrai-table tbody tr").first
    expect(first).to_contain_text("Membership inference")
    page.keyboard.press("Enter")
    expect(first).to_contain_text("SHAPr")
    chooser = page.get_by_label("show the runs of subject")
    expect(chooser.locator("option")).to_have_text(["all", "memorised"])
    chooser.select_option(label="memorised")
    expect(chooser).to_be_focused()
    expect(page.get_by_role("button", name=re.compile("^Open "))).to_have_count(3)


def locked_meanwhile(page: Page, store: Path) -> None:
    other = sqlite3.connect(store, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    run(page)
    alert = page.get_by_role("alert").filter(has_text="was not saved, but stays on this page")
    expect(alert).to_contain_text("is locked by another program", timeout=LONG)
    assert str(store.parent) not in alert.inner_text(), "a visitor need not know the server's folders"
    expect(page.locator(".xrai-scoreboard")).to_contain_text("not saved")
    other.close()
    run(page)
    expect(alert).to_have_count(0, timeout=LONG)
    expect(page.get_by_role("button", name=re.compile("^Open "))).to_have_count(4)
