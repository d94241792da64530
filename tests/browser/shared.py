"""One page and one kernel for many tests.

Loading a page costs a process, its imports and a start of the browser; a test of a widget is about none of these. The
last cell of a notebook runs anew in the same kernel instead, and what it showed before is closed.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.rerun import BUTTON
from tests.browser.served import write_notebook
from tests.browser.watch import leave, watched
from tests.notebook_runs import with_claims
from xrai_widgets.io.notebooks import notebook_folder

COMPARISON = "04_compare_two_models.ipynb"
NOT_RUN = "This cell could not be run."
FAILED = pytest.StashKey[bool]()  # whether what a test did last has failed
_CELL = "from tests.browser.rerun import anew\n\nanew({source!r}, globals())"


def write_afresh(folder: Path, name: str, *cells: str) -> None:
    """Write a notebook whose last cell can be run anew from its page."""
    *before, last = cells
    write_notebook(folder, name, *before, _CELL.format(source=last))


def copy_afresh(folder: Path, name: str) -> None:
    """Write a copy of one of the package's notebooks whose last cell can be run anew from its page."""
    notebook = json.loads((notebook_folder() / f"{name}.ipynb").read_text(encoding="utf-8"))
    write_afresh(folder, name, *("".join(c["source"]) for c in notebook["cells"] if c["cell_type"] == "code"))


def write_claiming(folder: Path, path: Path, *, afresh: bool) -> None:
    """Write a copy of a notebook that ends with a check of what it says; its own last cell can be run anew."""
    notebook = with_claims(path)
    if afresh:
        *_, last, _ = (cell for cell in notebook.cells if cell.cell_type == "code")
        last.source = _CELL.format(source=last.source)
    nbformat.write(notebook, folder / path.name)


class SharedPage:
    """A page that several tests look at; it is loaded when one first asks for it, and again after one that failed.

    What a test changes on it is there for the next one: for tests that change different things, and in any order.

    Parameters
    ----------
    browser : Browser
    options : dict
        Of the browser's contexts.
    address : str
        Of the app.
    ready : callable
        Waits until the page shows all that its tests begin with.
    """

    def __init__(self, browser: Browser, options: dict[str, Any], address: str, ready: Callable[[Page], None]) -> None:
        self._browser, self._options, self._address, self._ready = browser, options, address, ready
        self._page: Page | None = None

    def show(self) -> Page:
        """Return the page, as wide and as light as it was at first."""
        if self._page is None:
            self._page = watched(self._browser.new_context(**self._options)).new_page()
            self._page.goto(self._address)
            self._loaded(self._page)
        else:
            self._tidy(self._page)
        self._ready(self._page)
        return self._page

    def _loaded(self, page: Page) -> None:
        """Note that the page is a new one."""

    def _tidy(self, page: Page) -> None:
        for other in page.context.pages:
            if other is not page:
                other.close()
        page.context.clear_permissions()
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(self._options["viewport"])
        page.mouse.move(0, 0)
        page.evaluate("window.scrollTo(0, 0)")

    def leave(self) -> None:
        """Close the page; the next test gets one of its own."""
        page, self._page = self._page, None
        if page is not None:
            leave(page)
            page.context.close()

    def for_one_test(self, request: pytest.FixtureRequest, show: Callable[[], Page] | None = None) -> Iterator[Page]:
        """Yield the page to a test; one that fails leaves none to the next."""
        try:
            page = (show or self.show)()
        except Exception:
            self.leave()
            raise
        yield page
        if request.node.stash[FAILED]:
            self.leave()


Visit = Callable[[str], SharedPage]  # the page of a notebook, by its name


class AfreshPage(SharedPage):
    """The page of a notebook whose last cell can be run anew: every test finds it as if it had just been loaded."""

    _kept_by: object = None

    def _loaded(self, page: Page) -> None:
        self._made = 0
        self._wait(page)

    def _tidy(self, page: Page) -> None:
        super()._tidy(page)
        page.get_by_role("button", name=BUTTON).click()
        self._wait(page)

    def show(self) -> Page:
        """Return the page, made anew."""
        self._kept_by = None
        return super().show()

    def kept(self, by: object, first: Callable[[Page], None] | None = None) -> Page:
        """Return the page as whoever keeps it left it; to others made anew, after a first step."""
        if self._page is not None and self._kept_by == by:
            super()._tidy(self._page)
            return self._page
        page = self.show()
        if first is not None:
            first(page)
        self._kept_by = by
        return page

    def _wait(self, page: Page) -> None:
        self._made += 1
        expect(page.get_by_text(f"made {self._made}", exact=True)).to_be_visible(timeout=120_000)
