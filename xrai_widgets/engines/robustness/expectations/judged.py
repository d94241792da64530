"""Ask the model about the trials, and see which expectations are violated."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from xrai_widgets.core import Array, Predict, Step
from xrai_widgets.engines.robustness._refusals import Outputs, Refusal, outputs_or_refusal
from xrai_widgets.engines.robustness.expectations.trials import Trial

MOST_CASES = 50  # that are kept of a trial, and shown


@dataclass(eq=False)
class Judged:
    """For each expectation which samples violate it, in any of its trials, and the worst case of each sample.

    Parameters
    ----------
    violated, asked : mapping of str to bool array (n + 1,)
        The last place is that of the row of zeros, which is no sample.
    worst : list of tuple
        Expectation, sample (−1: none), column (−1: none), from, to, before, after, size of the
        violation, why; the largest of each trial.
    """

    violated: dict[str, Array] = field(default_factory=dict)
    asked: dict[str, Array] = field(default_factory=dict)
    worst: list[tuple[str, int, int, float, float, float, float, float, str]] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class Judge:
    """The model, its predictions for the samples as they are, and what counts as a move.

    Parameters
    ----------
    X, y : array (n, d), array (n,)
    before : Outputs
    target : int
        The class whose probability is the score.
    tolerance : float
        By how much a score may move.
    """

    predict: Predict
    decide: Predict | None
    X: Array
    y: Array
    before: Outputs
    target: int
    tolerance: float

    def score(self, outputs: Outputs) -> Array:
        """Return the score that directions speak of: the probability of the class, or the prediction."""
        return outputs.scores if outputs.scores.ndim == 1 else outputs.scores[:, self.target]

    def all(self, trials: Iterable[Trial], step: Step) -> Judged:
        """Return what holds and what does not."""
        judged = Judged()
        work = list(trials)
        for trial in step.over(work, "expectations"):
            self._one(trial, judged)
        return judged

    def _one(self, trial: Trial, judged: Judged) -> None:
        outputs = outputs_or_refusal(self.predict, self.decide, trial.samples(self.X))
        before = np.append(self.score(self.before), np.nan)[trial.rows]  # of no sample: the last one
        if isinstance(outputs, Refusal):
            size, after, why = self._one_by_one(trial, before)
        else:
            after, why = self.score(outputs), ""
            size = self._size(trial, outputs, before, after)
        for mapping, mask in ((judged.violated, size > 0), (judged.asked, np.ones(len(size), dtype=bool))):
            mapping.setdefault(trial.expectation, np.zeros(len(self.X) + 1, dtype=bool))[trial.rows] |= mask
        for place in np.argsort(-size, kind="stable")[: min(MOST_CASES, int((size > 0).sum()))].tolist():
            row, column, old, new = int(trial.rows[place]), trial.column, np.nan, np.nan
            if column >= 0:
                old, new = (
                    float(self.X[row, column]),
                    float(trial.part(slice(place, place + 1)).samples(self.X)[0, column]),
                )
            numbers = (old, new, float(before[place]), float(after[place]), float(size[place]))
            judged.worst.append((trial.expectation, row, column, *numbers, why if size[place] == np.inf else ""))

    def _one_by_one(self, trial: Trial, before: Array) -> tuple[Array, Array, str]:
        """Ask about each sample alone, so that one that is refused does not stand for all."""
        n, why = len(trial.rows), ""
        size, after = np.zeros(n), np.full(n, np.nan)
        for place in range(n):
            here = slice(place, place + 1)
            alone = trial.part(here)
            outputs = outputs_or_refusal(self.predict, self.decide, alone.samples(self.X))
            if isinstance(outputs, Refusal):
                size[place], why = np.inf, outputs.reason
                continue
            after[here] = self.score(outputs)
            size[here] = self._size(alone, outputs, before[here], after[here])
        return size, after, why

    def _size(self, trial: Trial, outputs: Outputs, before: Array, after: Array) -> Array:
        """Return by how much an expectation is violated; 0 where it holds."""
        if trial.must == "predict":
            return np.zeros(len(after))
        if trial.must == "be right":
            if outputs.scores.ndim == 1:
                off = np.abs(outputs.scores - self.y[trial.rows])
                return np.where(off > self.tolerance, off, 0.0)
            return np.asarray(outputs.labels != self.y[trial.rows], dtype=np.float64)
        if trial.must == "stay":
            flat = outputs.scores.reshape(len(after), -1)
            moved = np.abs(flat - self.before.scores.reshape(len(self.X), -1)[trial.rows]).max(axis=1)
            turned = (outputs.labels != self.before.labels[trial.rows]) & (outputs.scores.ndim == 2)
            return np.where(turned | (moved > self.tolerance), np.maximum(moved, 1e-12), 0.0)
        wrong_way = before - after if trial.must == "not fall" else after - before
        return np.where(wrong_way > self.tolerance, wrong_way, 0.0)
