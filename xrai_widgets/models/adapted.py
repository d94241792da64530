"""What every kind of model becomes before it is a subject."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array, Gradient, Outputs, Predict, Task


class Refused(ValueError):
    """The model or its outputs are of a kind that is not supported; the message says which are."""


@dataclass(frozen=True, eq=False)
class Adapted:
    """A model's abilities on encoded samples.

    ``predict`` returns (n, k) probabilities, (n,) values in regression, or for ``outputs="labels"`` the (n,) labels
    themselves, in the user's own words.
    """

    task: Task
    outputs: Outputs
    predict: Callable[[Array], Any]
    classes: tuple[Any, ...] | None = None
    logits: Predict | None = None
    gradient: Gradient | None = None
    embed: Predict | None = None
    regions: Array | None = None
    linear: tuple[Array, Array] | None = None
    thresholds: tuple[Array, ...] | None = None
    fit: Callable[..., Predict] | None = None
    state: str | None = None
    queryable: bool = True


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
