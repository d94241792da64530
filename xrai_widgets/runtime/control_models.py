"""Models of which the predictions are known. They can be pickled, so that workers can ask and refit them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Predict, Subject
from xrai_widgets.core.inside import Layers, Trees
from xrai_widgets.core.missing import one_nan

_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Constant:
    """The same prediction for every sample: (k,) class shares, or one value."""

    output: Array

    def __call__(self, X: Array) -> Array:
        """Return (n, k) or (n,)."""
        return np.repeat(self.output[None], len(X), axis=0)

    def inside(self, like: Subject) -> dict[str, Any]:
        """Return what sees inside this model, field by field as ``like`` has it, so that engines take the same path."""
        columns = int(np.prod(like.X.shape[1:]))
        scores = np.log(np.maximum(self.output, _TINY)) if like.n_classes else np.atleast_1d(self.output)
        everything = np.repeat([[-np.inf], [np.inf]], columns, axis=1)
        fields = {
            "gradient": Flat(),
            "logit_gradient": Flat(),
            "logits": Constant(scores),
            "regions": everything[:, None],
            "linear": (np.zeros((len(scores), columns)), scores),
            "thresholds": tuple(np.zeros(0) for _ in range(columns)),
            "trees": stump(scores),
            "layers": Layers((np.zeros((columns, len(scores))),), (scores,), "relu"),
        }
        return {name: value for name, value in fields.items() if getattr(like, name) is not None}


def stump(scores: Array) -> Trees:
    """Return one tree that is a leaf."""
    none, here = np.array([-1]), np.zeros(1, dtype=np.intp)
    return Trees(here, none, np.zeros(1), here, here, np.zeros((1, len(scores))), scores, none, np.zeros((0, 1), bool))


@dataclass(frozen=True, eq=False)
class Flat:
    """The gradient of a constant model."""

    def __call__(self, X: Array, y: Array) -> Array:  # noqa: ARG002 - no label is likelier anywhere
        """Return zeros in the shape of X."""
        return np.zeros(X.shape)


@dataclass(frozen=True, eq=False)
class LookUp:
    """A prediction for each stored sample, and the constant one for all others."""

    outputs: Mapping[bytes, Array]
    otherwise: Constant

    def __call__(self, X: Array) -> Array:
        """Return (n, k) or (n,)."""
        out = self.otherwise(X)
        for row, key in enumerate(keys(X)):
            if key in self.outputs:
                out[row] = self.outputs[key]
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
        Its models predict one class with certainty.
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
        """Return the predict function. Equal samples with different labels get the mean of their targets."""
        weight = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        targets = np.eye(self.classes)[y] if self.classes else np.asarray(y, dtype=np.float64)
        constant = Constant(np.asarray(self._sure(np.average(targets, axis=0, weights=weight))))
        if not self.memorising:
            return constant
        by_key: dict[bytes, list[Array]] = {}
        for key, target, counts in zip(keys(X), targets, weight > 0, strict=True):
            if counts:
                by_key.setdefault(key, []).append(target)
        return LookUp({key: self._sure(np.mean(same, axis=0)) for key, same in by_key.items()}, constant)

    def _sure(self, shares: Array) -> Array:
        sure: Array = np.eye(self.classes)[int(np.argmax(shares))] if self.labels else shares
        return sure


def keys(X: Array) -> list[bytes]:
    """Return bytes per sample that are equal for equal samples."""
    flat = np.ascontiguousarray(X, dtype=np.float64).reshape(len(X), int(np.prod(X.shape[1:]))) + 0.0  # -0.0 is 0.0
    return [row.tobytes() for row in one_nan(flat)]
