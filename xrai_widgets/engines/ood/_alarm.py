"""A detector with the rows that calibrate it: an alarm that rings at a rate that was asked for."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.core.step import quiet
from xrai_widgets.engines.ood import _conformal as conformal
from xrai_widgets.engines.ood._scoring import foreignness_of

FOLDS, ENOUGH = 10, 500  # of cross-conformal calibration, which serves where there are fewer rows


@dataclass(frozen=True, eq=False)
class Alarm:
    """Fitted detectors, and for each the foreignness of rows that it was not fitted on.

    Parameters
    ----------
    detectors : tuple of Detector
        One, or one for each fold.
    calibrations : tuple of arrays (n_k,)
        Rising.
    """

    detectors: tuple[Any, ...]
    calibrations: tuple[Array, ...]

    @property
    def n(self) -> int:
        """Number of rows that calibrate."""
        return sum(map(len, self.calibrations))

    @property
    def smallest_alpha(self) -> float:
        """The smallest share of false alarms at which it can ring."""
        return 1.0 / (self.n + 1)

    @property
    def factor(self) -> int:
        """How many times α the guarantee is: 1 for one detector, 2 for one per fold (Barber et al. 2021)."""
        return 1 if len(self.detectors) == 1 else 2

    def ask(self, X: Array) -> tuple[Array, Array]:
        """Return foreignness and p-value of each row; of several detectors the mean, and each fold by its own."""
        return self._counted([foreignness_of(detector, X) for detector in self.detectors])

    def ask_members(self, X: Array) -> tuple[Array, Array, dict[str, Array]]:
        """Return foreignness and p-value of each row, and the p-values of each member of an ensemble, folds averaged.

        Of a single detector there are none.
        """
        if not hasattr(self.detectors[0], "member_p_values"):
            return *self.ask(X), {}
        p = [detector.member_p_values(X) for detector in self.detectors]
        scores = [-detector.joined(one) for detector, one in zip(self.detectors, p, strict=True)]
        names = [name for name, *_ in self.detectors[0].members_]
        return *self._counted(scores), dict(zip(names, np.mean(p, axis=0), strict=True))

    def _counted(self, scores: list[Array]) -> tuple[Array, Array]:
        count = sum(conformal.as_foreign(part, rows) for part, rows in zip(scores, self.calibrations, strict=True))
        return np.mean(scores, axis=0), (1 + np.asarray(count)) / (self.n + 1)

    def mute(self, alpha: float) -> bool:
        """Whether it cannot ring at α, or so many calibrating rows tie for the most foreign one that none rings."""
        steps = conformal.rank(alpha, self.n)
        if steps < 2:
            return steps < 1
        return not any((rows > self.threshold(alpha)).any() for rows in self.calibrations)

    def threshold(self, alpha: float) -> float:
        """Return the foreignness above which it rings at α; of several detectors roughly."""
        return conformal.threshold(np.sort(np.concatenate(self.calibrations)), alpha)


def calibrated(detector: Any, rows: Array) -> Alarm:
    """Return the alarm of a fitted detector, calibrated on rows that it was not fitted on."""
    return Alarm((detector,), (np.sort(foreignness_of(detector, rows)),))


def cross_calibrated(detector: Any, X: Array, y: Array | None, seed: int, step: Step = quiet) -> Alarm:
    """Return an alarm that needs no rows beside: each fold is scored by a detector fitted on the others.

    Cross-conformal (Vovk 2015): p = (1 + Σ over the folds of those as foreign to the fold's detector) / (n + 1).
    """
    from sklearn.base import clone
    from sklearn.utils import _safe_indexing as taken

    folds = np.array_split(np.random.default_rng(seed).permutation(len(X)), min(FOLDS, len(X)))
    fitted, scores = [], []
    for fold in step.over(folds, "fitting the detector without each fold"):
        others = np.ones(len(X), dtype=bool)
        others[fold] = False
        fitted.append(clone(detector).fit(taken(X, np.flatnonzero(others)), None if y is None else y[others]))
        scores.append(np.sort(foreignness_of(fitted[-1], taken(X, fold))))
    return Alarm(tuple(fitted), tuple(scores))


def split_calibrated(detector: Any, X: Array, y: Array | None, share: float, seed: int) -> Alarm:
    """Return an alarm that is calibrated on a share of the rows, drawn, and fitted on the others."""
    from sklearn.base import clone
    from sklearn.utils import _safe_indexing as taken

    order = np.random.default_rng(seed).permutation(len(X))
    count = max(1, round(share * len(X)))
    kept, rest = order[:count], np.sort(order[count:])
    return calibrated(clone(detector).fit(taken(X, rest), None if y is None else y[rest]), taken(X, kept))
