"""Models for cells, in a module that imports next to nothing: what they do, a stranger's model may do."""

import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np


def halves(X: Any) -> Any:
    """Answer with P(class 1) = 1/2."""
    return np.full((len(X), 2), 0.5)


def hangs(X: Any) -> Any:
    """Hang where it is asked for fewer than 20 rows."""
    if len(X) < 20:
        time.sleep(120)
    return halves(X)


def spins(X: Any) -> Any:
    """Compute for ever where it is asked for fewer than 20 rows."""
    while len(X) < 20:
        pass
    return halves(X)


def grows(X: Any) -> Any:
    """Take more and more memory where it is asked for fewer than 20 rows."""
    held = []
    while len(X) < 20:
        held.append(np.ones(2**24))
    return halves(X)


def grows_at_once(X: Any) -> Any:
    """Ask for 64 GB."""
    return np.ones((len(X) if len(X) >= 20 else 2**33, 2)) / 2


def dies(X: Any) -> Any:
    """Die as a segmentation fault would where it is asked for fewer than 20 rows."""
    if len(X) < 20:
        os.kill(os.getpid(), 11)
    return halves(X)


def raises(X: Any) -> Any:
    """Raise."""
    raise LookupError("no such thing")


def shouts(X: Any) -> Any:
    """Print where the messages go."""
    print("hello", flush=True)
    os.write(1, b"garbage")
    sys.stderr.write("more\n")
    return halves(X)


def names(X: Any) -> Any:
    """Answer with words."""
    return np.array(["a", "b"], dtype=object)[np.arange(len(X)) % 2]


def trains(X: Any, y: Any, *, seed: int, sample_weight: Any = None) -> Any:
    """Return a constant of the seed."""
    return Constant(seed / 10, None if sample_weight is None else float(sample_weight.sum()))


class Constant:
    """Always the same answer."""

    def __init__(self, share: float, weight: float | None = None) -> None:
        self.share, self.weight = share, weight

    def __call__(self, X: Any) -> Any:
        return np.column_stack([np.full(len(X), self.share), np.full(len(X), 1 - self.share)])


def surroundings(*_: Any) -> Any:
    """Tell the environment, the working directory and what stands in it."""
    return [sorted(os.environ), os.getcwd(), sorted(os.listdir()), os.environ.get("OMP_NUM_THREADS"), os.getpid()]


class Trap:
    """Leaves a mark where it is unpickled."""

    def __init__(self, mark: str) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return os.mkdir, (self.mark,)


def sets_a_trap(mark: Path, _: object) -> Any:
    """Return a trap from a cell."""
    return Trap(str(mark))
