"""The one handle an engine has for progress, cancel, partial results and parallel work."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, TypeVar

import numpy.typing as npt

from xrai_widgets.core.finding import Finding

Item = TypeVar("Item")
Result = TypeVar("Result")
Partial = Finding | Callable[[], Finding] | None
Arrays = Mapping[str, npt.NDArray[Any]]


class Cancelled(Exception):
    """The user pressed Cancel, or a budget of time or queries ran out. Engines let it pass."""


class Step:
    """Serial and silent: what an engine gets when it is called on bare arrays.

    The runtime passes a subclass that shows progress, spreads `map` over workers and raises `Cancelled`.

    Attributes
    ----------
    earlier : Finding or None
        What an earlier run of the same assessment on the same subject with the same parameters had found when it was
        cancelled. An engine that can goes on from there; its result must be that of a run in one go.
    workers : int
        How many items of a `map` may be under way at once: their working memory is kept to ``memory_limit`` together.
    """

    earlier: Finding | None = None

    @property
    def workers(self) -> int:
        """One, here."""
        return 1

    def __call__(self, done: float, note: str = "", partial: Partial = None) -> None:
        """Report that the fraction ``done`` (0 to 1) is finished.

        Parameters
        ----------
        done : float
            Fraction of the work, growing from 0 to 1.
        note : str
            What is being done, in a few words.
        partial : Finding or callable
            The result so far, or a function that makes it; kept if the run is cancelled.
        """

    def enough(self, items: int, make: Callable[[], Finding]) -> bool:  # noqa: ARG002 - the runtime's step looks
        """Whether the engine may stop: the user asked for an interval, and ``make`` gives one that is narrow enough.

        An engine that asks goes through its items in random order, and says with ``narrowing`` which values narrow.
        """
        return False

    def recall(self, key: str) -> Arrays | None:  # noqa: ARG002 - the runtime's step looks
        """Return what was kept under this key, in this run or an earlier one; None if nothing is.

        Parameters
        ----------
        key : str
            Names all that the arrays depend on: a digest of the training samples, parameters, seed and kind of device.
            The versions of the package and its libraries belong to it by themselves.
        """
        return None

    def keep(self, key: str, arrays: Arrays) -> None:
        """Keep arrays that cost time, such as those of a network in training; they may be gone when they are wanted.

        They are not shown, reported or stored with the outcome: the runtime keeps them in the user's cache.
        """

    def spread(
        self,
        function: Callable[[Item], Result],
        work: Collection[Item],
        at_most: int | None = None,  # noqa: ARG002 - one after the other, here
    ) -> Iterable[Result]:
        """Apply ``function`` to every item, in order and without a word; the runtime does it on workers."""
        return map(function, work)

    def over(self, items: Collection[Item], note: str = "") -> Iterator[Item]:
        """Iterate over ``items`` and report the share of them that is done."""
        for index, item in enumerate(items):
            self(index / len(items), note)
            yield item
        self(1.0, note)

    def map(
        self, function: Callable[[Item], Result], items: Iterable[Item], note: str = "", at_most: int | None = None
    ) -> Iterator[Result]:
        """Yield ``function(item)`` for every item, in order, and report the share that is done.

        ``function`` is importable or can be pickled by cloudpickle, and never touches the step.

        Parameters
        ----------
        at_most : int, optional
            How many items may be under way at once on this machine, where ``memory_limit`` holds no more of them.
        """
        work = list(items)
        self(0.0, note)
        for index, result in enumerate(self.spread(function, work, at_most)):
            yield result
            self((index + 1) / len(work), note)

    def part(self, start: float, stop: float) -> "Step":
        """Return a step whose 0 to 1 is ``start`` to ``stop`` of this one."""
        return _Part(self, start, stop)


class _Part(Step):
    def __init__(self, whole: Step, start: float, stop: float) -> None:
        self._whole, self._start, self._stop = whole, start, stop

    def __call__(self, done: float, note: str = "", partial: Partial = None) -> None:
        self._whole(self._start + done * (self._stop - self._start), note, partial)

    def enough(self, items: int, make: Callable[[], Finding]) -> bool:
        return self._whole.enough(items, make)

    @property
    def workers(self) -> int:
        return self._whole.workers

    def recall(self, key: str) -> Arrays | None:
        return self._whole.recall(key)

    def keep(self, key: str, arrays: Arrays) -> None:
        self._whole.keep(key, arrays)

    def spread(
        self, function: Callable[[Item], Result], work: Collection[Item], at_most: int | None = None
    ) -> Iterable[Result]:
        return self._whole.spread(function, work, at_most)


quiet = Step()
