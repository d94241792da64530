"""Who watches the trainings that go on inside estimators, whose ``fit`` takes samples alone."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from xrai_widgets.core import Step
from xrai_widgets.core.step import quiet


@dataclass(eq=False)
class Watch:
    """A step to which trainings report, which stops them and keeps their states; and what they have made."""

    step: Step = quiet
    trained: list[Any] = field(default_factory=list)


_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


@contextmanager
def watched(step: Step) -> Iterator[Watch]:
    """Let estimators that are fitted inside report to a step, stop when it says so, and go on from what it has kept."""
    watch = Watch(step)
    token = _watch.set(watch)
    try:
        yield watch
    finally:
        _watch.reset(token)


def watching() -> Watch:
    """Return who watches; someone silent where no one does."""
    return _watch.get() or Watch()
