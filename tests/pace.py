"""How slow this machine is at the moment: what is judged by a clock is judged against that."""

import gc
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


def slowness(seconds: float = 0.1) -> float:
    """Return how many seconds pass while this thread gets one second of a processor; 1 on a machine that is idle."""
    began, spent = time.monotonic(), time.thread_time()
    while time.thread_time() - spent < seconds:
        pass
    return max(1.0, (time.monotonic() - began) / seconds)


@dataclass
class Work:
    """How much of a processor's time this thread had."""

    seconds: float = 0.0


@contextmanager
def work() -> Iterator[Work]:
    """Time what this thread does itself, without what other threads do meanwhile and without the garbage of others."""
    gc.collect()
    timed, began = Work(), time.thread_time()
    yield timed
    timed.seconds = time.thread_time() - began


@dataclass
class Stretch:
    """How long something took, and how slow the machine was while it did."""

    seconds: float = 0.0
    slowness: float = 1.0


@contextmanager
def stretch(burst: float = 0.02, pause: float = 0.02) -> Iterator[Stretch]:
    """Time what other processes do: a load that comes and goes within it is seen, before or after it is not.

    Not for work of this process: its own threads would count as load.
    """
    done, shares, timed = threading.Event(), [1.0], Stretch()

    def sample() -> None:
        while not done.wait(pause):
            shares.append(slowness(burst))

    sampler = threading.Thread(target=sample)
    began = time.monotonic()
    sampler.start()
    try:
        yield timed
    finally:
        timed.seconds = time.monotonic() - began
        done.set()
        sampler.join()
        timed.slowness = sum(shares) / len(shares)
