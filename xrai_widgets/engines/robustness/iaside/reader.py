"""What a model makes of images some of whose bands come from elsewhere."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xrai_widgets.core import Array, Predict
from xrai_widgets.engines.robustness._bands import band_images
from xrai_widgets.engines.robustness._refusals import Outputs, outputs_or_refusal

Worth = Literal["log-likelihood", "probability", "accuracy"]
_SIZES = (16, 64, 128)  # images at once that the pilot tries
_PILOT = 0.3  # seconds after which a size is not tried again, nor any larger
_TIMES = 2  # the first answer of a model may be slow, and another process may come between
_OURS = 5e-4  # seconds that a call costs beside the model's own


@dataclass(eq=False)
class Reader:
    """The model, and what a coalition of bands is worth to it.

    Parameters
    ----------
    place : int array (h, w // 2 + 1)
        The band of each frequency.
    bands : int
    floor : float
        Of a probability, before its logarithm is taken.
    most : int
        Images at once that memory allows.
    """

    predict: Predict
    decide: Predict | None
    place: Array
    bands: int
    worth: Worth
    floor: float
    most: int
    look: Callable[[], None]
    size: int = 0
    asked: int = 0

    def pilot(self, images: Array) -> None:
        """Find how many images at once the model answers fastest."""
        best = np.inf
        for size in _SIZES:
            if size > self.most:
                break
            rows, took = images[np.arange(size) % len(images)], np.inf
            for _ in range(_TIMES):
                begun = time.perf_counter()
                self.predict(rows)
                took = min(took, time.perf_counter() - begun)
                if took > _PILOT:
                    break
            if (took + _OURS) / size < best:
                best, self.size = (took + _OURS) / size, size
            if took > _PILOT:
                break
        self.size = self.size or max(1, self.most)

    def worths(self, images: Array, references: Array, y: Array, codes: Sequence[Array]) -> list[Array]:
        """Return what coalitions of the bands of each image are worth, NaN where the model gives nothing.

        Parameters
        ----------
        images, references : array (n, c, h, w)
            The bands that are not in the coalition are those of the reference.
        codes : sequence of int arrays
            For each image its coalitions; band i is in a coalition where bit i is set.
        """
        apart = band_images(images - references, self.place, self.bands).reshape(len(images), self.bands, -1)
        flat = np.ascontiguousarray(references, dtype=np.float32).reshape(len(images), -1)
        whole = images.astype(np.float32).reshape(len(images), -1)
        full, owner = (1 << self.bands) - 1, np.repeat(np.arange(len(images)), [len(part) for part in codes])
        code = np.concatenate(codes) if len(codes) else np.empty(0, dtype=np.intp)
        member = ((code[:, None] >> np.arange(self.bands)) & 1).astype(np.float32)
        made = np.empty(len(code))
        buffer = np.empty((min(self.size, len(code)), flat.shape[1]), dtype=np.float32)
        for start in range(0, len(code), self.size):
            self.look()
            stop = min(start + self.size, len(code))
            for row, first, last in _runs(owner, start, stop):
                out = buffer[first - start : last - start]
                np.matmul(member[first:last], apart[row], out=out)
                out += flat[row]
                out[code[first:last] == full] = whole[row]  # without the rounding of the transform
            rows = buffer[: stop - start].reshape(stop - start, *images.shape[1:])
            made[start:stop] = self._worth(rows, y[owner[start:stop]])
        self.asked += len(code)
        return np.split(made, np.cumsum([len(part) for part in codes])[:-1])

    def probabilities(self, rows: Array) -> Array:
        """Return the model's probabilities (n, k), NaN where it gives none."""
        given = outputs_or_refusal(self.predict, None, rows)
        if isinstance(given, Outputs):
            return given.scores
        if len(rows) == 1:
            return np.full((1, 1), np.nan)
        half = len(rows) // 2
        first, second = self.probabilities(rows[:half]), self.probabilities(rows[half:])
        k = max(first.shape[1], second.shape[1])
        return np.concatenate(
            [part if part.shape[1] == k else np.full((len(part), k), np.nan) for part in (first, second)]
        )

    def _worth(self, rows: Array, y: Array) -> Array:
        scores = self.probabilities(rows)
        there = np.isfinite(scores).all(axis=1)
        made = np.full(len(rows), np.nan)
        if not there.any():
            return made
        if self.worth == "accuracy":
            labels = scores[there].argmax(axis=1) if self.decide is None else np.asarray(self.decide(rows[there]))
            made[there] = labels == y[there]
        else:
            chance = scores[there, y[there]]
            made[there] = chance if self.worth == "probability" else np.log(np.maximum(chance, self.floor))
        return made


def _runs(owner: Array, start: int, stop: int) -> Iterator[tuple[int, int, int]]:
    """Yield each image that has coalitions between two places, and from where to where."""
    first = start
    while first < stop:
        row = int(owner[first])
        last = min(stop, int(np.searchsorted(owner, row, side="right")))
        yield row, first, last
        first = last
