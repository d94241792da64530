"""Segments as numbers with intervals, tables and charts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Constraint, Finding, Names
from xrai_widgets.core.subject import Task
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate
from xrai_widgets.engines.robustness.weak_segments.measured import HALVES, Segment, halves_of


@dataclass(frozen=True, eq=False)
class Written:
    """The samples, their errors, and the words in which segments are written."""

    X: Array
    errors: Array
    ids: Array
    task: Task
    names: list[str]
    categories: list[tuple[str, ...]]
    gaps: Array

    @classmethod
    def of(
        cls, X: Array, errors: Array, ids: Array, task: Task, constraints: tuple[Constraint, ...], naming: Names
    ) -> "Written":
        """Return them with the names of columns and words."""
        d = X.shape[1]
        names = list(naming.feature_names) or [f"x{place}" for place in range(d)]
        categories = [kind.categories for kind in constraints or (Constraint(),) * d]
        return cls(X, errors, ids, task, names, categories, np.asarray(np.isnan(X).any(axis=0)))

    def text(self, segment: Segment) -> str:
        """Return the segment's rule in words."""
        return segment.rule.text(self.names, self.categories, self.gaps)


def segment_excess(segments: list[Segment]) -> Estimate:
    """Return the largest excess, whose interval holds as those of all segments hold together."""
    return Estimate(*(max(numbers) for numbers in zip(*(one.excess for one in segments), strict=True)))


def segments_finding(written: Written, segments: list[Segment], alpha: float, seed: int) -> Finding:
    """Return the finding."""
    n, weak = len(written.X), [one for one in segments if one.adjusted <= alpha]
    texts = [written.text(one) for one in segments]
    samples = _samples(written, segments, weak, seed)
    shares = written.task == "classification"
    estimates = {
        "mean_error": statistics.wilson(int(written.errors.sum()), n) if shares else statistics.mean(written.errors),
        "weak_share": statistics.wilson(int((samples["weak_segment"] != "").sum()), n),
    }
    if segments:
        estimates["segment_excess"] = segment_excess(segments)
    rows = [
        {
            "segment": text,
            "grown_on": HALVES[one.grown],
            "measured_on": HALVES[1 - one.grown],
            "n": one.n,
            "error": one.error,
            "rest": one.rest,
            "excess": one.excess.value,
            "low": one.excess.low,
            "high": one.excess.high,
            "same_rows": one.same,
            "p_value": one.adjusted,
            "weak": one.adjusted <= alpha,
        }
        for one, text in zip(segments, texts, strict=True)
    ]
    tables = {"samples": samples}
    charts = [Chart("samples", "histogram", "error", by="half", title="Errors of the samples")]
    if rows:
        tables["segments"] = pd.DataFrame(rows)
        title = "Segments beside the rest, on the half that did not choose them"
        charts.insert(0, Chart("segments", "points", "excess", y="segment", low="low", high="high", title=title))
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=dict.fromkeys(estimates, n),
        tables=tables,
        charts=tuple(charts),
        notes=tuple(_notes(written, segments, weak, alpha)),
    )


def _samples(written: Written, segments: list[Segment], weak: list[Segment], seed: int) -> pd.DataFrame:
    """Return for each sample the segment that was measured on it, and the weak one that it is in."""
    n, halves = len(written.X), halves_of(len(written.X), seed)
    texts, excess, in_weak = np.full(n, "", dtype=object), np.full(n, np.nan), np.full(n, "", dtype=object)
    for one in segments:
        rows = one.rule.holds(written.X) & (halves != one.grown)
        texts[rows], excess[rows] = written.text(one), one.excess.value
    for one in weak:  # the surest first
        in_weak[one.rule.holds(written.X) & (in_weak == "")] = written.text(one)
    columns = {"half": np.array(HALVES)[halves], "segment": texts, "error": written.errors, "excess": excess}
    return pd.DataFrame({"part": "X", "id": written.ids, **columns, "weak_segment": in_weak})


def _notes(written: Written, segments: list[Segment], weak: list[Segment], alpha: float) -> list[str]:
    notes = []
    if written.gaps.any():
        columns = ", ".join(name for name, gap in zip(written.names, written.gaps, strict=True) if gap)
        notes.append(f"A missing number counts as a value of its own, before all others (in {columns}).")
    if not segments:
        notes.append(
            "Neither half could be split: there are too few samples, or no errors that differ. This does not show that "
            "there are no weak segments."
        )
    elif not weak:
        notes.append(
            f"None of {len(segments)} segments is worse than the rest at α = {alpha:g} (Holm): none was found, which "
            "does not show that there is none."
        )
    else:
        notes.append(
            "Subject.with_groups(outcome) makes subgroups of the weak segments, in which any other assessment measures."
        )
    return notes
