"""Jobs in a real Jupyter kernel: started from a cell, from a widget's callback, and behind a blocking cell."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.manager import KernelManager

SETUP = """
import threading, time
import ipywidgets
from xrai_widgets.runtime import Job


heard = []

def work(job):
    for number in range(5):
        if job.cancel_event.wait(0.1):
            return "cancelled"
        job.post(number)
    return "done"

def listen(news):
    heard.append((news if isinstance(news, int) else news.result, threading.current_thread().name))

jobs = []

def blocks():  # the cell's thread until the job has ended; for a minute, if it waits for the cell
    until = time.monotonic() + 60
    while jobs[0].state == "running" and time.monotonic() < until:
        time.sleep(0.01)

def start(*_):
    asked.append(threading.current_thread().name)
    jobs.append(Job(work, listen).start())

asked = []
"""


class Kernel:
    def __init__(self, client: BlockingKernelClient) -> None:
        self.client = client

    def run_in(self, subshell: str | None, code: str) -> None:
        """Run code in a subshell (None: where cells run), without waiting."""
        content = {"code": code, "silent": True, "store_history": False, "user_expressions": {}, "allow_stdin": False}
        message = self.client.session.msg("execute_request", content)
        if subshell:
            message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)

    def run(self, code: str, timeout: float = 120) -> str:
        """Run a cell and return what it printed."""
        messages: list[str] = []
        reply = self.client.execute_interactive(code, timeout=timeout, output_hook=lambda m: messages.append(_text(m)))
        assert reply["content"]["status"] == "ok", reply["content"].get("traceback")
        return "".join(messages).strip()

    def value(self, expression: str) -> Any:
        return eval(self.run(f"print(repr({expression}))"))

    def comm(self, comm_id: str, content: dict[str, Any], subshell: str | None = None) -> None:
        """Send a widget message, as the page does."""
        message = self.client.session.msg("comm_msg", {"comm_id": comm_id, "data": content})
        if subshell:
            message["header"]["subshell_id"] = subshell
        self.client.shell_channel.send(message)

    def subshell(self) -> str:
        """Open a thread for callbacks beside the cells', as JupyterLab does."""
        message = self.client.session.msg("create_subshell_request", {})
        self.client.control_channel.send(message)
        while True:
            reply = self.client.get_control_msg(timeout=60)
            if reply["parent_header"].get("msg_id") == message["header"]["msg_id"]:
                assert reply["content"]["status"] == "ok"
                return str(reply["content"]["subshell_id"])


@pytest.fixture(scope="module")
def kernel() -> Iterator[Kernel]:
    manager = KernelManager()
    manager.start_kernel()
    client = manager.blocking_client()
    client.start_channels()
    client.wait_for_ready(timeout=180)
    found = Kernel(client)
    found.run(SETUP)
    yield found
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@pytest.fixture(autouse=True)
def fresh(kernel: Kernel) -> None:
    kernel.run("heard.clear(); jobs.clear(); asked.clear()")


def wait_for(kernel: Kernel, expression: str, timeout: float = 120) -> Any:
    deadline = time.monotonic() + timeout
    while not (value := kernel.value(expression)):
        assert time.monotonic() < deadline, f"{expression} did not come true"
        time.sleep(0.05)
    return value


def test_news_of_a_job_started_in_a_cell_arrives_on_the_cells_thread(kernel: Kernel) -> None:
    kernel.run("start()")
    wait_for(kernel, "len(heard) == 6")
    assert [news for news, _ in kernel.value("heard")] == [0, 1, 2, 3, 4, "done"]
    assert {thread for _, thread in kernel.value("heard")} == set(kernel.value("asked"))


def button_of(kernel: Kernel, subshell: str | None, callback: str) -> str:
    """Make a button whose callbacks run in the given shell, and return the name of its channel."""
    kernel.run("button = None")
    kernel.run_in(subshell, f"b = ipywidgets.Button(); b.on_click({callback}); button = b")
    return str(wait_for(kernel, "button and button.comm.comm_id"))


# kernels and front ends differ in the thread on which they run callbacks: where cells run, or on a subshell's
@pytest.mark.parametrize("beside", [False, True], ids=["with the cells", "on a subshell"])
def test_news_of_a_job_started_in_a_callback_arrives_on_the_callbacks_thread(kernel: Kernel, beside: bool) -> None:
    subshell = kernel.subshell() if beside else None
    comm = button_of(kernel, subshell, "start")
    kernel.comm(comm, {"method": "custom", "content": {"event": "click"}}, subshell)
    wait_for(kernel, "len(heard) == 6")
    assert {thread for _, thread in kernel.value("heard")} == set(kernel.value("asked"))
    assert (kernel.value("asked") == ["MainThread"]) == (not beside)


def test_a_job_works_on_behind_a_blocking_cell_and_nothing_it_says_is_lost(kernel: Kernel) -> None:
    kernel.run("start()")
    assert kernel.value("(blocks(), jobs[0].state)[1]") == "done", "the job must not wait for the cell"
    wait_for(kernel, "len(heard) == 6")


def test_cancel_works_while_a_cell_blocks(kernel: Kernel) -> None:
    kernel.run("jobs.append(Job(lambda job: job.cancel_event.wait(90) and time.monotonic(), listen).start())")
    subshell = kernel.subshell()
    # the two shells answer in any order: the click waits until the cell runs
    kernel.run("import threading; begun = threading.Event()")
    comm = button_of(kernel, subshell, "lambda _: begun.wait(60) and jobs[0].cancel()")
    kernel.run_in(None, "began = time.monotonic(); begun.set(); blocks(); ended = time.monotonic()")
    kernel.comm(comm, {"method": "custom", "content": {"event": "click"}}, subshell)
    assert kernel.value("began < jobs[0].result < ended < began + 60"), "Cancel must not wait for the cell"


def test_a_runner_started_by_its_button_fills_the_outcomes(kernel: Kernel) -> None:
    kernel.run(
        "import xrai_widgets as xw\n"
        "from xrai_widgets.widgets import Runner\n"
        "runner = Runner(xw.examples.load('breast_cancer_forest'), (('privacy.shapr', {}),))"
    )
    comm = kernel.value("runner.button.comm.comm_id")
    kernel.comm(comm, {"method": "custom", "content": {"event": "click"}})
    wait_for(kernel, "len(runner.outcomes) == 1 and not runner.running")
    assert kernel.value("runner.outcomes[0].status") == "ok"


def _text(message: dict[str, Any]) -> str:
    return str(message["content"].get("text", "")) if message["msg_type"] == "stream" else ""
