"""Whether the work of this thread is to stop: what a call that waits for another process looks at."""

import contextlib
import threading
from collections.abc import Callable, Iterator

from xrai_widgets.core import Cancelled

_thread = threading.local()


@contextlib.contextmanager
def stopped_by(check: Callable[[], Cancelled | None]) -> Iterator[None]:
    """Let ``check`` say whether what this thread does inside is to stop, and why."""
    before = getattr(_thread, "check", None)
    _thread.check = check
    try:
        yield
    finally:
        _thread.check = before


def halted() -> Cancelled | None:
    """Return why the work of this thread is to stop; None if it may go on."""
    check = getattr(_thread, "check", None)
    reason: Cancelled | None = None if check is None else check()
    return reason
