"""Attacks in the loop of a training: what each batch becomes before a model learns from it."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core import Constraint, Gradient, Predict, Step, Subject, quiet
from xrai_widgets.core.subject import Array

_REACH = 2.5  # all steps of an attack together, in sizes of the change


@dataclass(frozen=True, eq=False)
class Reach:
    """What an attack may make of samples: changes of each feature by a share of its range, inside the constraints."""

    low: Array
    high: Array
    size: Array
    constraints: tuple[Constraint, ...]

    @classmethod
    def of(cls, subject: Subject, epsilon: float) -> "Reach":
        """Return the reach of changes of size ε in the largest feature."""
        assert subject.bounds is not None
        low, high = subject.bounds
        kinds = subject.constraints if subject.image_shape is None else ()
        held = np.array([kind.immutable or bool(kind.group) or kind.kind == "category" for kind in kinds], dtype=bool)
        size = (high - low) * epsilon
        return cls(low, high, np.where(held, 0.0, size) if len(kinds) else size, tuple(kinds))

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
        points = np.clip(flat + draws.uniform(-1, 1, flat.shape) * self.size, low, high)
        for _ in range(steps):
            slope = gradient(points.reshape(X.shape).astype(X.dtype), y).reshape(len(X), -1)
            points = np.clip(points + _REACH / steps * self.size * np.sign(slope), low, high)
        made: Array = points.reshape(X.shape).astype(X.dtype)
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
