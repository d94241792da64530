"""What every kind of model becomes before it is a subject."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from xrai_widgets.core.inside import Layers, Trees
from xrai_widgets.core.subject import Array, Gradient, Outputs, Predict, Task

# what a user may say that a model's outputs are
Declared = Literal["probabilities", "logits", "one-vs-rest", "labels", "values"]
_SLACK = 1e-3


class Refused(ValueError):
    """The model or its outputs are of a kind that is not supported; the message says which are."""


@dataclass(frozen=True, eq=False)
class Adapted:
    """A model's abilities on encoded samples.

    ``predict`` returns (n, k) probabilities, (n,) values in regression, or for ``outputs="labels"`` the (n,) labels
    themselves, in the user's own words; so does ``decide``, the labels that stand beside probabilities.
    """

    task: Task
    outputs: Outputs
    predict: Callable[[Array], Any]
    classes: tuple[Any, ...] | None = None
    logits: Predict | None = None
    gradient: Gradient | None = None
    logit_gradient: Gradient | None = None
    embed: Predict | None = None
    regions: Array | None = None
    linear: tuple[Array, Array] | None = None
    thresholds: tuple[Array, ...] | None = None
    trees: Trees | None = None
    layers: Layers | None = None
    decide: Callable[[Array], Any] | None = None
    fit: Callable[..., Predict] | None = None
    state: str | None = None
    queryable: bool = True
    notes: tuple[str, ...] = ()


def softmax(logits: Array) -> Array:
    """Row-wise softmax in float64."""
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities: Array = shifted / shifted.sum(axis=1, keepdims=True)
    return probabilities


def are_probabilities(rows: Array) -> bool:
    """Whether each row of (n, k), k ≥ 2, is non-negative and sums to 1."""
    return bool(
        rows.ndim == 2
        and rows.shape[1] > 1
        and rows.dtype.kind in "iufb"
        and np.isfinite(rows).all()
        and (rows >= 0).all()
        and np.allclose(rows.sum(axis=1), 1.0, atol=1e-4)
    )


def are_shares(values: Array) -> bool:
    """Whether all values lie in [0, 1] and not all of them at its ends."""
    if values.dtype.kind != "f":
        return False
    return bool(((values >= 0) & (values <= 1)).all() and not np.isin(values, (0.0, 1.0)).all())


def both_logits(scores: Array) -> Array:
    """Return (n, k) logits: one column is that of class 1 and class 0 has 0; s of a pair (−s, s) is the log-odds."""
    scores = np.asarray(scores, dtype=np.float64).reshape(len(scores), -1)
    if scores.shape[1] == 1:
        return np.hstack([np.zeros_like(scores), scores])
    return scores / 2 if are_opposites(scores) else scores


def are_opposites(scores: Array) -> bool:
    """Whether the two columns are −s and s: one score of two classes, written twice."""
    largest = max(1.0, float(np.abs(scores).max())) if scores.size else 1.0
    return scores.ndim == 2 and scores.shape[1] == 2 and bool(np.abs(scores.sum(axis=1)).max() <= 1e-5 * largest)


def normalised(scores: Array) -> Array:
    """Return one-vs-rest shares, each in [0, 1], divided by the sum of their row; without any all are equal."""
    shares = np.asarray(scores, dtype=np.float64)
    if shares.size and (shares.min() < -_SLACK or shares.max() > 1 + _SLACK):
        raise ValueError(
            f"one-vs-rest outputs must lie in [0, 1], got values in [{shares.min():.3g}, {shares.max():.3g}]"
        )
    shares = np.clip(shares, 0.0, 1.0)
    total = shares.sum(axis=1, keepdims=True)
    even: Array = np.where(total > 0, shares / np.where(total > 0, total, 1.0), 1 / shares.shape[1])
    return even


def still_shares(shares: Array) -> Array:
    """Return what was taken for probabilities; refuse it where an output shows that it is none after all.

    Parameters
    ----------
    shares : array (n,), (n, 1) or (n, k)
        Each in [0, 1]. Rows of several columns are left to the runtime, which looks at every one of them and names it.
    """
    wide = shares.ndim == 2 and shares.shape[1] > 1
    if wide or not shares.size or not np.isfinite(shares).all():
        return shares
    if shares.min() < -_SLACK or shares.max() > 1 + _SLACK:
        raise ValueError(
            "the model's outputs looked like probabilities on the data, but for a changed sample it gives "
            f"values in [{shares.min():.3g}, {shares.max():.3g}]: pass outputs='logits' to Subject.of if they are "
            "scores before a softmax or sigmoid"
        )
    return shares


def require_finite(out: Array, what: str = "the model's outputs") -> None:
    """Refuse outputs that are no numbers, or not finite ones."""
    if out.dtype.kind not in "iufb":
        raise Refused(f"{what} must be numbers, got {out.dtype} such as {out.ravel()[:1].tolist()}")
    bad = int((~np.isfinite(out)).sum())
    if bad:
        raise Refused(f"{what} must be finite, got {bad} NaN or infinite in {out.shape[0]} rows")


def require_probabilities(out: Array, what: str = "class probabilities") -> None:
    """Refuse rows that are no distribution over at least two classes."""
    require_finite(out, what)
    if not are_probabilities(out):
        total = out.sum(axis=1)
        raise Refused(
            f"{what} must be ≥ 0 and sum to 1 in each row, got values in [{out.min():.3g}, {out.max():.3g}] "
            f"with row sums in [{total.min():.3g}, {total.max():.3g}]"
        )
