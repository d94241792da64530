"""Jobs outside of a kernel; test_kernel.py has those inside."""

import asyncio
import subprocess
import sys
import threading
import time
from typing import Any

import pytest

from tests.pace import slowness
from xrai_widgets.runtime import Job


def test_a_script_gets_the_news_while_it_waits_on_its_own_thread() -> None:
    heard: list[tuple[Any, int]] = []

    def work(job: Job[str]) -> str:
        job.post("news")
        return "done"

    job = Job(work, lambda news: heard.append((news, threading.get_ident()))).start()
    assert job.wait(30)
    assert [news for news, _ in heard] == ["news", job]
    assert {thread for _, thread in heard} == {threading.get_ident()}
    assert (job.state, job.result) == ("done", "done")


def test_an_event_loop_gets_the_news_on_its_own_thread() -> None:
    heard: list[int] = []

    async def main() -> None:
        job = Job(lambda job: [job.post(n) for n in range(3)], lambda _: heard.append(threading.get_ident())).start()
        while job.state == "running" or len(heard) < 4:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(main(), 60))
    assert heard == [threading.get_ident()] * 4


def test_the_caller_goes_on_at_once() -> None:
    began = time.monotonic()
    job = Job(lambda job: job.cancel_event.wait(60)).start()
    assert time.monotonic() - began < 0.2 * slowness()
    assert not job.wait(0.05)
    job.cancel()
    assert job.wait(30)


def test_what_the_work_raises_is_kept() -> None:
    def work(_: Job[None]) -> None:
        raise KeyError("lost")

    job = Job(work).start()
    assert job.wait(30)
    assert job.state == "failed"
    assert isinstance(job.error, KeyError)


def test_news_keeps_its_order_under_load() -> None:
    heard: list[int] = []
    job = Job(lambda job: [job.post(n) for n in range(5000)] and None, lambda n: heard.append(n)).start()
    assert job.wait(60)
    assert heard[:-1] == list(range(5000))


@pytest.mark.parametrize("repeat", range(3))
def test_a_job_does_not_keep_the_process_alive(repeat: int) -> None:
    import subprocess
    import sys

    code = "from xrai_widgets.runtime import Job; Job(lambda job: job.cancel_event.wait(90)).start()"
    began = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
    assert time.monotonic() - began < 60, "it did not wait for the job"


def test_the_end_of_the_process_cancels_what_runs_and_waits_for_it() -> None:
    script = (
        "from xrai_widgets.runtime import Job\nJob(lambda job: print(job.cancel_event.wait(30), flush=True)).start()"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert ended.stdout == "True\n"


def test_the_end_of_the_process_waits_for_the_item_under_way_of_a_cancelled_run() -> None:
    script = """
import threading
import time
from xrai_widgets.runtime import RunStep

begun = threading.Event()

def item(number):
    if number == 1:
        begun.set()
    time.sleep(1.0)
    print("ended", number, flush=True)

items = RunStep().map(item, range(9))
next(items)
assert begun.wait(60)
items.close()
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert ended.stdout == "ended 0\nended 1\n"
