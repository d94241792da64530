"""Timing, and tables that ``pytest -s`` prints."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from xrai_widgets.core import Outcome, Subject, find
from xrai_widgets.runtime import run

Result = TypeVar("Result")


class Seconds(NamedTuple):
    """Wall time, and CPU time of all threads of this process."""

    wall: float
    cpu: float


def timed(function: Callable[[], Result], repeats: int = 1) -> tuple[Result, Seconds]:
    """Return the last result and the fastest of several runs."""
    runs = []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        result = function()
        runs.append(Seconds(time.perf_counter() - wall, time.process_time() - cpu))
    return result, min(runs, key=lambda run: run.cpu)


def show(title: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Print a table, one mapping per row; numbers with three significant digits."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    cells = [columns, *([_text(row.get(column, "")) for column in columns] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    cells.insert(1, ["-" * width for width in widths])
    print(f"\n\n{title}")
    for line in cells:
        print("  " + "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)))


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:.3g}" if abs(cell) < 1000 else f"{cell:,.0f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def alone(subject: Subject, name: str, **params: Any) -> Outcome:
    """Run an assessment without its controls: the reference implementations have none."""
    return run(subject, replace(find(name), controls=()), params, strict=True)
