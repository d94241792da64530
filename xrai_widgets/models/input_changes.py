"""What a defence makes of samples before a model gets them: fewer values, smoother pictures, noise."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np

from xrai_widgets.core import Label, Predict, Range, Subject, When
from xrai_widgets.core.subject import Array

_BITS, _MEDIAN = When("squeezer", "bit depth"), When("squeezer", "median filter")


@dataclass(frozen=True, eq=False)
class Columns:
    """What a change of samples knows of their columns, flattened.

    Parameters
    ----------
    low, span : array (d,)
        Lowest allowed value, and how far the highest lies above it.
    free : bool array (d,)
        Columns of numbers; categories and members of one-hot groups stay as they are.
    whole : bool array (d,)
        Those of whole numbers.
    shape : tuple of int
        Shape of one sample.
    """

    low: Array
    span: Array
    free: Array
    whole: Array
    shape: tuple[int, ...]

    @classmethod
    def of(cls, subject: Subject) -> "Columns":
        """Return the columns of a subject that can be asked about changed samples."""
        assert subject.bounds is not None
        low, high = subject.bounds
        free, whole = np.ones(len(low), dtype=bool), np.zeros(len(low), dtype=bool)
        for column, kind in enumerate(subject.constraints if subject.image_shape is None else ()):
            free[column] = kind.kind != "category" and not kind.group
            whole[column] = kind.kind == "integer"
        return cls(low, high - low, free & (high > low), whole & free, subject.X.shape[1:])

    def put(self, X: Array, flat: Array) -> Array:
        """Return samples in the shape and type of X whose free columns are those of ``flat``, whole ones rounded."""
        given = X.reshape(len(X), -1)
        changed = np.where(self.whole, np.rint(flat), flat)
        made: Array = np.where(self.free, changed, given).astype(X.dtype).reshape(X.shape)
        return made


def feature_squeezing(
    X: Array,
    columns: Columns,
    *,
    squeezer: Annotated[
        Literal["bit depth", "median filter"], "bit depth: fewer values per feature; median filter: for images"
    ] = "bit depth",
    bits: Annotated[
        int, Range(1, 16), _BITS, Label("bits per feature"), "each feature keeps 2 to this power values in its range"
    ] = 4,
    size: Annotated[
        int, Range(2, 15), _MEDIAN, Label("window (pixels)"), "side of the square whose median a pixel becomes"
    ] = 3,
) -> Array:
    """Round every feature to a few values, or take the median around every pixel, before the model gets it.

    Xu, Evans and Qi 2018, arXiv:1704.01155.
    """
    if squeezer == "median filter":
        from scipy.ndimage import median_filter

        return np.asarray(median_filter(X, size=(1, 1, size, size), mode="reflect"), dtype=X.dtype)
    flat, steps = X.reshape(len(X), -1).astype(np.float64), 2**bits - 1
    span = np.where(columns.span > 0, columns.span, 1.0)
    return columns.put(X, np.rint((flat - columns.low) / span * steps) / steps * span + columns.low)


def smoothing(
    X: Array,
    predict: Predict,
    columns: Columns,
    *,
    sigma: Annotated[
        float,
        Range(0.001, 10),
        Label("σ (size of the noise)"),
        "standard deviation, as a share of each feature's range",
    ] = 0.1,
    draws: Annotated[int, Range(2, 1000), Label("draws of the noise"), "so often the model is asked per sample"] = 32,
    combine: Annotated[
        Literal["mean", "majority"], "mean of the probabilities, or the shares of the draws that vote for each class"
    ] = "mean",
    seed: Annotated[
        int, Range(0, 2**31 - 1), Label("random seed"), "of the noise, which is the same for every sample and query"
    ] = 0,
) -> Array:
    """Ask the model about many noisy copies of a sample and combine what it says.

    Cohen, Rosenfeld and Kolter 2019, arXiv:1902.02918, with draws that are fixed by the seed, so that the same sample
    always gets the same prediction.
    """
    total: Any = 0.0
    for draw in range(draws):
        outputs = np.asarray(predict(noisy(X, columns, draw, sigma, seed)), dtype=np.float64)
        total = total + (np.eye(outputs.shape[1])[outputs.argmax(axis=1)] if combine == "majority" else outputs)
    mean: Array = total / draws
    return mean


def noisy(X: Array, columns: Columns, draw: int, sigma: float, seed: int) -> Array:
    """Return the samples with the noise of one draw, the same for each of them."""
    noise = np.random.default_rng([seed, draw]).standard_normal(len(columns.span)) * columns.span * sigma
    return columns.put(X, X.reshape(len(X), -1).astype(np.float64) + noise)
