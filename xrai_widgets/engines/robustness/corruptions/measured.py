"""Ask the model about corrupted samples: labels and confidence for each kind and severity, and column by column."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from xrai_widgets.core import Array, Predict, Step
from xrai_widgets.engines.robustness._refusals import Outputs, Refusal, outputs_or_refusal
from xrai_widgets.engines.robustness.corruptions.columns import Columns
from xrai_widgets.engines.robustness.corruptions.kinds import KINDS, Draws, corrupted, draws_of, touched

_PROBED = 3  # samples that show whether the model takes an empty cell, or a new word
_PLACES = {kind: place for place, kind in enumerate(KINDS)}


class Versions(Protocol):
    """A model, and samples that can be had with each corruption."""

    refused: dict[str, str]

    def ask(self, X: Array) -> Outputs | Refusal:
        """Return what the model gives, or why it gives nothing."""

    def version(self, kind: str, severity: int) -> Array:
        """Return the samples with a corruption."""


@dataclass(eq=False)
class Corrupting:
    """The model, the samples that are corrupted, and what their columns can hold.

    Parameters
    ----------
    X, y : array (n, d), int array (n,)
    rows : int array (n,)
        Places of the samples, by which draws are made.
    size : int
        Samples at once.
    """

    predict: Predict
    decide: Predict | None
    X: Array
    y: Array
    rows: Array
    columns: Columns
    seed: int
    size: int
    refused: dict[str, str] = field(default_factory=dict)
    _last: tuple[tuple[str, int, int], Draws] | None = None  # all severities of a kind are made of the same draws

    def ask(self, X: Array) -> Outputs | Refusal:
        """Return what the model gives, or why it gives nothing."""
        return outputs_or_refusal(self.predict, self.decide, X)

    def version(self, kind: str, severity: int, round_: int = 0) -> Array:
        """Return the samples with a corruption."""
        parts = []
        for start in range(0, len(self.X), self.size):
            part = slice(start, start + self.size)
            draws = self._draws(kind, round_, start)
            parts.append(corrupted(kind, severity, self.X[part], draws, self.columns))
        return np.concatenate(parts)

    def _draws(self, kind: str, round_: int, start: int) -> Draws:
        key = (kind, round_, start)
        if self._last is None or self._last[0] != key:
            rows = self.rows[start : start + self.size]
            self._last = key, draws_of(rows, self.X.shape[1], _PLACES[kind], self.seed, round_)
        return self._last[1]

    def probe(self) -> Array:
        """Return the mask of the columns (d,) that may be empty: some sample is, or the model takes it."""
        takes: Array = self.columns.may_miss & ~np.isnan(self.columns.empty)
        for column in np.flatnonzero(self.columns.may_miss & np.isnan(self.columns.empty)):
            rows = self.X[:_PROBED].copy()
            rows[:, column] = np.nan
            takes[column] = np.isnan(self.X[:, column]).any() or isinstance(self.ask(rows), Outputs)
        return takes

    def takes_words(self, codes: dict[int, float]) -> dict[int, float]:
        """Return those of the new words, by column, that the model takes."""
        accepted = {}
        for column, code in codes.items():
            rows = self.X[:_PROBED].copy()
            rows[:, column] = code
            if isinstance(self.ask(rows), Outputs):
                accepted[column] = code
        return accepted


@dataclass(frozen=True, eq=False)
class Changed:
    """What the model gives for one corruption at one severity: labels (n,) and the probability of each label (n,)."""

    labels: Array
    confidence: Array
    scores: Array


def changed_of(outputs: Outputs) -> Changed:
    """Return labels, the probability of each, and all probabilities."""
    return Changed(outputs.labels, outputs.scores[np.arange(len(outputs.labels)), outputs.labels], outputs.scores)


def all_changes(
    work: Versions, kinds: Iterable[str], severities: Iterable[int], step: Step
) -> dict[tuple[str, int], Changed]:
    """Return what the model gives for each kind and severity; a kind that it refuses is left out and noted."""
    wanted = [(kind, severity) for kind in kinds for severity in severities]
    results: dict[tuple[str, int], Changed] = {}
    for kind, severity in step.over(wanted, "corrupted samples"):
        if kind in work.refused:
            continue
        outputs = work.ask(work.version(kind, severity))
        if isinstance(outputs, Refusal):
            work.refused[kind] = f"{outputs.reason} at severity {severity}"
            results = {key: value for key, value in results.items() if key[0] != kind}
        else:
            results[kind, severity] = changed_of(outputs)
    return results


def falls_by_column(
    work: Corrupting, kinds: list[str], severity: int, clean: Array, places: Array, round_: int, step: Step
) -> Array:
    """Return how much rightness each sample loses (n, columns) when one column alone is corrupted.

    The mean over the kinds that change the column. Samples that a kind leaves as they are need not be asked.
    """
    right = clean == work.y
    falls, times = np.zeros((len(work.X), len(places))), np.zeros(len(places))
    for kind in step.over(kinds, "one column at a time"):
        whole, mask = work.version(kind, severity, round_), touched(kind, work.columns)
        for number, column in enumerate(places.tolist()):
            if not mask[column]:
                continue
            new, old = whole[:, column], work.X[:, column]
            hit = np.flatnonzero((new != old) & ~(np.isnan(new) & np.isnan(old)))
            rows = work.X[hit].copy()
            rows[:, column] = new[hit]
            outputs = work.ask(rows) if len(hit) else None
            if isinstance(outputs, Refusal):
                continue
            times[number] += 1
            if outputs is not None:
                falls[hit, number] += right[hit].astype(float) - (outputs.labels == work.y[hit])
    mean: Array = falls / np.maximum(times, 1)
    return mean


def kinds_of(asked: str, columns: Columns) -> tuple[list[str], dict[str, str]]:
    """Return the kinds of corruption that are asked for and change some column, and why the others do not apply."""
    wanted = list(KINDS) if asked == "all" else [asked]
    fits = {kind: bool(touched(kind, columns).any()) for kind in wanted}
    return [kind for kind in wanted if fits[kind]], {kind: _WHY.get(kind, _NONE) for kind in wanted if not fits[kind]}


_NONE = "there is no column of numbers"
_WHY = {
    "missing": "the model takes no empty cell, in no column",
    "swapped columns": "there are fewer than two columns of numbers",
    "category typos": "there is no column with two words or more",
}
