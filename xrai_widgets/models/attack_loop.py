"""Attacks in the loop of a training: what each batch becomes before a model learns from it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from xrai_widgets.core import Constraint, Gradient, Predict, Step, Subject, quiet
from xrai_widgets.core.subject import Array

Norm = Literal["linf", "l2"]
_REACH = 2.5  # all steps of an attack together, in sizes of the change


@dataclass(frozen=True, eq=False)
class Reach:
    """What an attack may make of samples: changes by a share of the ranges, inside the constraints.

    Parameters
    ----------
    low, high, size : array (d,)
        Ends of each feature, and its largest change: 0 where nothing may change.
    norm : {"linf", "l2"}
        Whether each feature may change by its size, or all together: squares of changes in sizes add up to 1 at most.
    """

    low: Array
    high: Array
    size: Array
    constraints: tuple[Constraint, ...]
    norm: Norm = "linf"

    @classmethod
    def of(cls, subject: Subject, epsilon: float, norm: Norm = "linf") -> "Reach":
        """Return the reach of changes of size ε, as shares of the ranges: the largest one, or all together (l2)."""
        assert subject.bounds is not None
        low, high = subject.bounds
        kinds = subject.constraints if subject.image_shape is None else ()
        held = np.array([kind.immutable or bool(kind.group) or kind.kind == "category" for kind in kinds], dtype=bool)
        size = (high - low) * epsilon
        return cls(low, high, np.where(held, 0.0, size) if len(kinds) else size, tuple(kinds), norm)

    def box(self, flat: Array) -> tuple[Array, Array]:
        """Return the lowest and highest values (n, d) of changes of samples (n, d)."""
        low = np.maximum(flat - self.size, np.minimum(self.low, flat))
        high = np.minimum(flat + self.size, np.maximum(self.high, flat))
        for column, kind in enumerate(self.constraints):
            if kind.monotone > 0:
                low[:, column] = flat[:, column]
            if kind.monotone < 0:
                high[:, column] = flat[:, column]
        return low, high

    def attacked(self, gradient: Gradient, X: Array, y: Array, steps: int, draws: np.random.Generator) -> Array:
        """Return the samples at which the loss is largest, as far as steps along the sign of its gradient find them."""
        flat = X.reshape(len(X), -1).astype(np.float64)
        low, high = self.box(flat)
        points = np.clip(flat + self._anywhere(flat.shape, draws), low, high)
        for _ in range(steps):
            slope = gradient(points.reshape(X.shape).astype(X.dtype), y).reshape(len(X), -1)
            moved = points + _REACH / steps * self._way(slope)
            # the box holds the sample, so what is cut off there brings nothing out of the ball
            points = np.clip(flat + self._inside(moved - flat), low, high)
        made: Array = points.reshape(X.shape).astype(X.dtype)
        return made

    def _anywhere(self, shape: tuple[int, ...], draws: np.random.Generator) -> Array:
        """Return random changes (n, d), uniform in the cube or the ball."""
        if self.norm == "linf":
            return draws.uniform(-1, 1, shape) * self.size
        far = draws.uniform(0, 1, (shape[0], 1)) ** (1 / max(int((self.size > 0).sum()), 1))
        noise: Array = far * _unit(draws.normal(size=shape) * (self.size > 0)) * self.size
        return noise

    def _way(self, slope: Array) -> Array:
        """Return the steepest change (n, d) of full size."""
        way = np.sign(slope) if self.norm == "linf" else _unit(slope * self.size)
        full: Array = way * self.size
        return full

    def _inside(self, change: Array) -> Array:
        """Return changes (n, d), those that are too long cut down to the ball; the cube is cut by the box."""
        if self.norm == "linf":
            return change
        long = np.linalg.norm(change / np.where(self.size > 0, self.size, 1.0), axis=1, keepdims=True)
        cut: Array = change / np.maximum(long, 1.0)
        return cut


def _unit(rows: Array) -> Array:
    """Return rows (n, d) of length 1; zeros stay."""
    made: Array = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-300)
    return made


@dataclass(frozen=True, eq=False)
class AttackFit(ABC):
    """Train a model anew on what attacks make of the samples, batch by batch: the ``fit`` of such a subject."""

    reach: Reach
    params: Mapping[str, Any]

    def __call__(
        self,
        X: Array,
        y: Array,
        *,
        seed: int | None,
        sample_weight: Array | None = None,
        rows: Array | None = None,  # noqa: ARG002 - a model learns the same from a sample wherever it stands
    ) -> Predict:
        """Return the predict function of the trained model."""
        if sample_weight is not None:
            raise ValueError("adversarial training takes no sample weights")
        return self.predicting(self.train(X, y, self.params["seed"] if seed is None else seed, quiet))

    @abstractmethod
    def train(self, X: Array, y: Array, seed: int, step: Step) -> Any:
        """Return the trained model."""

    @abstractmethod
    def predicting(self, trained: Any) -> Predict:
        """Return the predict function of a trained model."""


def batches(n: int, size: int, epochs: int, draws: np.random.Generator, step: Step) -> Iterator[Array]:
    """Yield the rows of each batch, in random order in each epoch, and report progress.

    A last batch of a single sample joins the one before.
    """
    cuts = [cut for cut in range(size, n, size) if n - cut > 1]
    for epoch in range(epochs):
        for number, batch in enumerate(np.split(draws.permutation(n), cuts)):
            step((epoch + number / (len(cuts) + 1)) / epochs, f"training on attacks, epoch {epoch + 1}")
            yield batch
