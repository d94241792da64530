"""What an engine says: numbers with intervals, tables, and charts as data."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy.typing as npt
import pandas as pd

Bound = Literal["upper", "lower", "exact"]
ChartKind = Literal["histogram", "line", "points"]
FOR_PAIRS = ("contributions", "medians")  # tables for the comparison of models, not for the eye
CHART_KINDS: tuple[ChartKind, ...] = ("histogram", "line", "points")


@dataclass(frozen=True)
class Chart:
    """A picture as data: columns of one of the finding's tables, drawn only when somebody looks.

    Parameters
    ----------
    table : str
        Name of the table that holds the columns.
    kind : {"histogram", "line", "points"}
        ``histogram`` of ``x``; ``line``: step function ``y`` of ``x``; ``points``: one row of ``x`` per category ``y``.
    x, y, by, low, high : str
        Column names; ``by`` splits into coloured groups, ``low`` and ``high`` bound an interval.
    only : str
        Draw the one group of this name.
    title : str
        One line, also the start of the text alternative.
    log : bool
        Both axes logarithmic (lines only).
    cut : float
        Histograms only: where the draggable per-sample cut starts. The share of samples beyond it is shown.
    beyond : {"above", "below"}
        Histograms only: on which side of the cut a sample stands out and is flagged.
    """

    table: str
    kind: ChartKind
    x: str
    y: str = ""
    by: str = ""
    low: str = ""
    high: str = ""
    title: str = ""
    log: bool = False
    cut: float | None = None
    beyond: Literal["above", "below"] = "above"
    only: str = ""

    def __post_init__(self) -> None:
        if self.kind not in CHART_KINDS:
            raise ValueError(f"the chart {self.title!r} must be one of {', '.join(CHART_KINDS)}, got {self.kind!r}")
        if self.beyond not in ("above", "below"):
            raise ValueError(f"beyond of the chart {self.title!r} must be above or below, got {self.beyond!r}")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are drawn."""
        return tuple(name for name in (self.x, self.y, self.by, self.low, self.high) if name)


@dataclass(frozen=True, eq=False)
class Finding:
    """The result of one engine.

    Parameters
    ----------
    values : mapping of str to float
        Headline numbers by name.
    intervals : mapping of str to (low, high)
        An interval over samples for each of the values; the engine's docstring says which kind and level.
    counts : mapping of str to int
        How many samples each value rests on.
    tables : mapping of str to DataFrame
        ``samples`` is reserved: columns ``part`` (X, X_train or X_new) and ``id``, then scores per sample.
        ``rows`` is reserved for the samples' own contents, which reports leave out unless asked. ``subgroups`` is
        filled by the runtime. ``contributions`` (columns ``part``, ``id``, then one per value) holds what each sample
        adds: a value is the sum over the parts of the mean of its column, so that two models can be compared in pairs.
        ``medians`` (likewise) holds the numbers whose median a value is, infinite where they are beyond measure.
    charts : tuple of Chart
    arrays : mapping of str to array
        Images, indices, weights.
    notes : tuple of str
        Sentences the reader must know to read the numbers rightly.
    bounds : mapping of str to {"upper", "lower", "exact"}
        What a value of this run is of the quantity that it names, where that is not what its `Measure` says: an attack
        finds an upper bound of the robust accuracy, on a single tree the exact one.
    unjudged : mapping of str to str
        Values that stand but that nobody may judge, with the reason.
    """

    values: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    charts: tuple[Chart, ...] = ()
    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    bounds: Mapping[str, Bound] = field(default_factory=dict)
    unjudged: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", {key: float(value) for key, value in self.values.items()})
        object.__setattr__(self, "intervals", {key: (float(a), float(b)) for key, (a, b) in self.intervals.items()})
        object.__setattr__(self, "counts", {key: int(count) for key, count in self.counts.items()})
        object.__setattr__(self, "charts", tuple(self.charts))
        object.__setattr__(self, "notes", tuple(self.notes))
        for key, (low, high) in self.intervals.items():
            _check_interval(key, self.values, low, high)
        for key in self.counts:
            if key not in self.values:
                raise ValueError(f"count {key!r} has no value; the values are {_list(self.values)}")
        for name, marks in (("bound", self.bounds), ("reason not to judge", self.unjudged)):
            for key in marks:
                if key not in self.values:
                    raise ValueError(f"{name} {key!r} has no value; the values are {_list(self.values)}")
        check_bounds(self.bounds)
        for chart in self.charts:
            _check_chart(chart, self.tables)
        if "samples" in self.tables and list(self.tables["samples"].columns[:2]) != ["part", "id"]:
            got = list(self.tables["samples"].columns[:2])
            raise ValueError(f"the table 'samples' must start with the columns 'part' and 'id', got {got}")


def check_bounds(bounds: Mapping[str, str | None]) -> None:
    """Raise `ValueError` for a word that is no kind of bound."""
    for key, bound in bounds.items():
        if bound not in get_args(Bound):
            raise ValueError(f"the bound of {key!r} must be one of {', '.join(get_args(Bound))}, got {bound!r}")


def _check_interval(key: str, values: Mapping[str, float], low: float, high: float) -> None:
    if key not in values:
        raise ValueError(f"interval {key!r} has no value; the values are {_list(values)}")
    value = values[key]
    slack = 1e-9 * max(1.0, abs(value)) if math.isfinite(value) else 0.0
    if low > high or (not math.isnan(value) and not low - slack <= value <= high + slack):
        raise ValueError(f"{key} = {value:g} must lie in its interval, got [{low:g}, {high:g}]")


def _check_chart(chart: Chart, tables: Mapping[str, pd.DataFrame]) -> None:
    if chart.table not in tables:
        raise ValueError(f"chart {chart.title!r} names the table {chart.table!r}; the tables are {_list(tables)}")
    missing = [name for name in chart.columns if name not in tables[chart.table].columns]
    if missing:
        allowed = ", ".join(map(str, tables[chart.table].columns))
        raise ValueError(f"chart {chart.title!r} names columns {missing}; the table {chart.table!r} has {allowed}")


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
