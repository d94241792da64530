"""What a model predicts while it is assessed: every prediction is looked at, not the first ones only."""

import math
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array

_DOT = 10_000  # numbers; a longer dot product would be spread over threads, whose start costs more
_SUM, _BELOW = 1.1e-4, 1e-6  # what rounding in single precision may do to a sum, and to a zero


@dataclass(frozen=True)
class OutputCheck:
    """Raise where outputs are not what the model gave at the start.

    Parameters
    ----------
    what : str
        What they are called in the message.
    probabilities : bool
        Rows must be at least 0 and sum to 1; else they must be finite.
    classes : int
        If any: each row must be the number of one of them.
    """

    what: str = "the model's outputs"
    probabilities: bool = False
    classes: int = 0

    def __call__(self, out: Array, asked: int, start: int, total: int) -> None:
        """Check the outputs for ``asked`` rows, which begin at ``start`` of ``total``.

        Raises
        ------
        ValueError
            naming the first bad row and what was given for it.
        """
        if len(out) != asked:
            raise ValueError(f"{self.what} must be one row for each of the {asked} that were asked, got {len(out)}")
        if not asked or not out.size:
            return
        if self.classes:
            self._check_classes(np.asarray(out))
            return
        if self.probabilities:
            sums = out @ np.ones(out.shape[1])  # a tenth of the time of out.sum(axis=1)
            if sums.min() >= 1 - _SUM and sums.max() <= 1 + _SUM and out.min() >= -_BELOW:  # NaN is neither
                return
            bad = ~(np.abs(sums - 1.0) <= _SUM) | ~(out.min(axis=1) >= -_BELOW)
            wanted = "must be ≥ 0 and sum to 1"
        else:
            if _surely_finite(out):
                return
            bad = ~np.isfinite(out).reshape(len(out), -1).all(axis=1)
            if not bad.any():
                return
            wanted = "must be finite"
        first = int(bad.argmax())
        given = ", ".join(f"{value:.4g}" for value in out[first].ravel()[:8])
        more = f"; so are {int(bad.sum()) - 1} more of these {asked}" if bad.sum() > 1 else ""
        raise ValueError(
            f"{self.what} {wanted}, got [{given}] for row {start + first} of the {total} asked at once{more}; "
            "a number made from such predictions would be wrong"
        )

    def _check_classes(self, out: Array) -> None:
        wanted = f"{self.what} must be one whole number from 0 to {self.classes - 1} per row"
        if out.ndim != 1 or out.dtype.kind not in "iu":
            raise ValueError(f"{wanted}, got {out.dtype} of shape {out.shape}")
        if out.min() < 0 or out.max() >= self.classes:
            raise ValueError(f"{wanted}, got {out[(out < 0) | (out >= self.classes)][0]}")


def _surely_finite(out: Array) -> bool:
    """Whether all are finite, in one pass; the sum of large numbers may overflow where each of them is finite."""
    if out.size <= _DOT and out.dtype.char in "fd":
        return math.isfinite(np.vdot(out, out))  # a quarter of the time of the sum
    return math.isfinite(np.add.reduce(out, axis=None))
