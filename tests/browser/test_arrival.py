"""What a job changes while a page is loading."""

from playwright.sync_api import Page, expect

from tests.browser.served import Served, write_notebook

CELL = """
import threading
import time
import ipywidgets as w
from tests.browser.alone import without_neighbours
without_neighbours("runtime", "widgets")
from xrai_widgets.runtime.job import Job
from xrai_widgets.widgets.arrival import Arrival

labels, said, came = [w.Label("old") for _ in range(250)], w.Label("at work"), threading.Event()
arrival = Arrival()
arrival.on_msg(lambda *_: came.set())

def work(job):
    for label in labels:
        time.sleep(0.05)
        job.post(label)
        if came.is_set():
            return

def hear(news):
    if news is job:
        said.value = "done"
    else:
        news.value = "new"

job = Job(work, hear).start()
w.VBox([arrival, said, *labels])
"""
SHOWN = "() => [...document.querySelectorAll('.widget-label')].slice(1).map(node => node.textContent)"


def test_a_page_shows_what_was_changed_while_it_was_loading(page: Page, tutorials: Served) -> None:
    write_notebook(tutorials.folder, "loading", CELL)
    page.goto(tutorials.app("loading"), timeout=120_000)
    expect(page.get_by_text("done", exact=True)).to_be_attached(timeout=120_000)
    page.wait_for_timeout(1000)
    labels = page.evaluate(SHOWN)
    assert "new" in labels, "the work began before the page was loaded"
    assert labels == sorted(labels), "one after the other was changed, and none of them was missed"
