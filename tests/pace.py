"""How slow this machine is at the moment: what is judged by a clock is judged against that."""

import time


def slowness(seconds: float = 0.1) -> float:
    """Return how many seconds pass while this thread gets one second of a processor; 1 on a machine that is idle."""
    began, spent = time.monotonic(), time.thread_time()
    while time.thread_time() - spent < seconds:
        pass
    return max(1.0, (time.monotonic() - began) / seconds)
