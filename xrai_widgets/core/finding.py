"""What an engine says: numbers with intervals, tables, and charts as data."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

import numpy.typing as npt
import pandas as pd

Bound = Literal["upper", "lower", "exact"]
# a kind is a module of that name in `xrai_widgets.results.charts`
ChartKind = Literal["bounds", "heat", "histogram", "images", "line", "points", "scatter", "time"]
ROWS = "rows"  # the table that holds samples' own contents
FOR_PAIRS = ("contributions", "medians")  # tables for the comparison of models, not for the eye
CHART_KINDS: tuple[ChartKind, ...] = get_args(ChartKind)

# fields that a kind cannot do without, beside ``x``
_NEEDED = {"bounds": ("y", "low", "high"), "heat": ("y", "value"), "images": ("array",)}
_NEEDED |= dict.fromkeys(("line", "points", "scatter", "time"), ("y",))


@dataclass(frozen=True)
class Chart:
    """A picture as data: columns of one of the finding's tables, drawn only when it is looked at.

    Parameters
    ----------
    table : str
        Name of the table that holds the columns.
    kind : str
        ``histogram`` of ``x``; ``line``: step function ``y`` of ``x``; ``points``: one row of ``x`` per category ``y``;
        ``bounds``: one row per category ``y`` between ``low`` and ``high``, ``x`` where it is exact; ``scatter``: ``y``
        against ``x``; ``heat``: ``value`` in column ``x`` and row ``y``; ``time``: ``y`` at the moment ``x``;
        ``images``: the pictures of ``array`` with ``x`` as caption.
    x, y, by, low, high : str
        Column names; ``by`` splits into coloured groups, ``low`` and ``high`` bound an interval.
    label, value : str
        Column names: of a point's name (scatter), of what is mapped (heat).
    array : str
        Name of an array of the finding: pictures (n, c, h, w) or (n, h, w), one for each row of the table (images).
    band : (low, high)
        What the line is held against (time).
    only : str
        Draw the one group of this name.
    title : str
        One line, also the start of the text alternative.
    log : bool
        Both axes logarithmic (lines and scatter).
    cut : float
        Histograms only: where the draggable per-sample cut starts. The share of samples beyond it is shown.
    beyond : {"above", "below"}
        Histograms only: on which side of the cut a sample stands out and is counted.
    part : {"", "X", "X_train", "X_new"}
        Histograms only: whose samples are listed as those that stand out; by default the training samples, if any.
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
    label: str = ""
    value: str = ""
    array: str = ""
    band: tuple[float, float] | None = None
    part: Literal["", "X", "X_train", "X_new"] = ""

    def __post_init__(self) -> None:
        if self.kind not in CHART_KINDS:
            raise ValueError(f"the chart {self.title!r} must be one of {', '.join(CHART_KINDS)}, got {self.kind!r}")
        object.__setattr__(self, "band", None if self.band is None else tuple(map(float, self.band)))
        missing = [name for name in _NEEDED.get(self.kind, ()) if not getattr(self, name)]
        if missing:
            raise ValueError(f"the chart {self.title!r} of kind {self.kind!r} needs {', '.join(missing)}")
        if self.beyond not in ("above", "below"):
            raise ValueError(f"beyond of the chart {self.title!r} must be above or below, got {self.beyond!r}")
        if self.part not in ("", "X", "X_train", "X_new"):
            raise ValueError(
                f"part of the chart {self.title!r} must be one of X, X_train, X_new or empty, got {self.part!r}"
            )

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are drawn."""
        return tuple(name for name in (self.x, self.y, self.by, self.low, self.high, self.label, self.value) if name)


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
    shareable : tuple of str
        Names of the arrays that hold nothing of what is in the samples (places, weights, flags). Every other array
        counts as samples' contents, which reports leave out unless asked.
    notes : tuple of str
        Sentences the reader must know to read the numbers rightly.
    bounds : mapping of str to {"upper", "lower", "exact"}
        What a value of this run is of the quantity that it names, where that is not what its `Measure` says: an attack
        finds an upper bound of the robust accuracy, on a single tree the exact one.
    unjudged : mapping of str to str
        Values that stand but must not be judged, with the reason.
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
    shareable: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", {key: float(value) for key, value in self.values.items()})
        object.__setattr__(self, "intervals", {key: (float(a), float(b)) for key, (a, b) in self.intervals.items()})
        object.__setattr__(self, "counts", {key: int(count) for key, count in self.counts.items()})
        object.__setattr__(self, "charts", tuple(self.charts))
        object.__setattr__(self, "notes", tuple(self.notes))
        object.__setattr__(self, "shareable", tuple(self.shareable))
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
        for name in self.shareable:
            if name not in self.arrays:
                raise ValueError(f"shareable names the array {name!r}; the arrays are {_list(self.arrays)}")
        for chart in self.charts:
            _check_chart(chart, self.tables, self.arrays)
        if "samples" in self.tables and list(self.tables["samples"].columns[:2]) != ["part", "id"]:
            got = list(self.tables["samples"].columns[:2])
            raise ValueError(f"the table 'samples' must start with the columns 'part' and 'id', got {got}")

    def without_contents(self) -> "Finding":
        """Return the finding without what is in the samples: the table ``rows``, its charts, arrays not `shareable`."""
        return replace(
            self,
            tables={name: table for name, table in self.tables.items() if name != ROWS},
            charts=tuple(
                chart
                for chart in self.charts
                if chart.table != ROWS and (not chart.array or chart.array in self.shareable)
            ),
            arrays={name: array for name, array in self.arrays.items() if name in self.shareable},
        )


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


def _check_chart(chart: Chart, tables: Mapping[str, pd.DataFrame], arrays: Mapping[str, npt.NDArray[Any]]) -> None:
    if chart.table not in tables:
        raise ValueError(f"chart {chart.title!r} names the table {chart.table!r}; the tables are {_list(tables)}")
    missing = [name for name in chart.columns if name not in tables[chart.table].columns]
    if missing:
        allowed = ", ".join(map(str, tables[chart.table].columns))
        raise ValueError(f"chart {chart.title!r} names columns {missing}; the table {chart.table!r} has {allowed}")
    if chart.array and chart.array not in arrays:
        raise ValueError(f"chart {chart.title!r} names the array {chart.array!r}; the arrays are {_list(arrays)}")
    if chart.array and len(arrays[chart.array]) != len(tables[chart.table]):
        got = f"{len(arrays[chart.array])} pictures for {len(tables[chart.table])} rows"
        raise ValueError(f"the array {chart.array!r} must have a picture for each row of {chart.table!r}, got {got}")


def _list(names: Iterable[str]) -> str:
    return ", ".join(names) or "none"
