"""Models of which the answer is known. They can be pickled, so that workers can ask and refit them."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Predict, Subject

_FOLDS, _TREES = 3, 40


@dataclass(frozen=True, eq=False)
class Constant:
    """The same answer for every sample: (k,) class shares, or one value."""

    answer: Array

    def __call__(self, X: Array) -> Array:
        """Return (n, k) or (n,)."""
        return np.repeat(self.answer[None], len(X), axis=0)


@dataclass(frozen=True, eq=False)
class LookUp:
    """An answer of its own for each sample that is known, and the constant one for all others."""

    known: Mapping[bytes, Array]
    otherwise: Constant

    def __call__(self, X: Array) -> Array:
        """Return (n, k) or (n,)."""
        out = self.otherwise(X)
        for row, key in enumerate(keys(X)):
            if key in self.known:
                out[row] = self.known[key]
        return out


@dataclass(frozen=True, eq=False)
class Learner:
    """Trains a constant or a memorising model, as `Subject.fit` does.

    Parameters
    ----------
    memorising : bool
    classes : int
        0 for a regression.
    labels : bool
        Its models answer with one class for sure.
    """

    memorising: bool
    classes: int
    labels: bool = False

    def __call__(
        self,
        X: Array,
        y: Array,
        *,
        seed: int = 0,  # noqa: ARG002 - nothing is random here
        sample_weight: Array | None = None,
    ) -> Predict:
        """Return the predict function. Equal samples with different labels are known by the mean of their answers."""
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        answers = np.eye(self.classes)[y] if self.classes else np.asarray(y, dtype=np.float64)
        constant = Constant(np.asarray(self._sure(np.average(answers, axis=0, weights=weight))))
        if not self.memorising:
            return constant
        known: dict[bytes, list[Array]] = {}
        for key, answer, counts in zip(keys(X), answers, weight > 0, strict=True):
            if counts:
                known.setdefault(key, []).append(answer)
        return LookUp({key: self._sure(np.mean(found, axis=0)) for key, found in known.items()}, constant)

    def _sure(self, shares: Array) -> Array:
        sure: Array = np.eye(self.classes)[int(np.argmax(shares))] if self.labels else shares
        return sure


def keys(X: Array) -> list[bytes]:
    """Return bytes per sample that are equal for equal samples."""
    flat = np.ascontiguousarray(X, dtype=np.float64).reshape(len(X), int(np.prod(X.shape[1:]))) + 0.0  # -0.0 is 0.0
    return [row.tobytes() for row in flat]


def blind(subject: Subject, seed: int) -> LookUp:
    """Return a "model" that is the surer of the true label the more a sample looks like a member.

    How it looks is said by a random forest that was trained to tell X_train from X by samples and labels, on the other
    folds of a cross-validation. The user's model is not asked. (Das, Zhang, Tramèr 2024, arXiv:2406.16201.)
    """
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    assert subject.X_train is not None
    assert subject.y_train is not None
    X = np.concatenate([subject.X_train, subject.X])
    y = np.concatenate([subject.y_train, subject.y])
    member = np.repeat([1, 0], [len(subject.X_train), len(subject.X)])
    labels = np.eye(subject.n_classes)[y] if subject.n_classes else y[:, None]
    rows = np.nan_to_num(np.column_stack([X.reshape(len(X), -1), labels]))
    forest = RandomForestClassifier(_TREES, min_samples_leaf=5, random_state=seed)
    folds = StratifiedKFold(min(_FOLDS, int(np.bincount(member).min())), shuffle=True, random_state=seed)
    likely = cross_val_predict(forest, rows, member, cv=folds, method="predict_proba")[:, 1]
    k = subject.n_classes
    if not k:  # the surer, the nearer to the true value
        spread = float(np.std(y)) or 1.0
        answers = y + spread * (1 - likely)
    else:  # from 1/k to 1, so that every score grows with it: loss, confidence, margin
        own = 1 / k + (1 - 1 / k) * likely
        answers = np.repeat(((1 - own) / max(k - 1, 1))[:, None], k, axis=1)
        answers[np.arange(len(y)), y] = own
    known: dict[bytes, list[Array]] = {}
    for key, answer in zip(keys(X), answers, strict=True):
        known.setdefault(key, []).append(answer)
    constant = Constant(np.asarray(answers.mean(axis=0)))
    return LookUp({key: np.mean(found, axis=0) for key, found in known.items()}, constant)
