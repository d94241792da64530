"""Reference models: trained like the model itself, each on a random half of all samples."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, NotApplicable, Predict
from xrai_widgets.core.refit import refit
from xrai_widgets.engines.privacy._lost import Endless, Lost, tried

Fit = Callable[..., Predict]


@dataclass(frozen=True, eq=False)
class Pool:
    """Members and non-members together, who take part in the reference models.

    Parameters
    ----------
    X, y : array (n, …), array (n,)
    classes : int
        0 for a regression.
    seed : int
    members : int
        How many of the first samples are those of X_train.
    """

    X: Array
    y: Array
    classes: int
    seed: int
    members: int = 0

    @property
    def alone(self) -> Array:
        """Which samples are the only ones of their class: every reference model gets them, so that none lacks it."""
        if not self.classes:
            return np.zeros(len(self.y), dtype=bool)
        alone: Array = np.bincount(self.y, minlength=self.classes)[self.y] == 1
        return alone

    def half(self, number: int) -> Array:
        """Return the mask of the samples that reference model ``number`` is trained on.

        Models 2 i and 2 i + 1 share the samples out between them, each class as evenly as its size allows.
        """
        rng = np.random.default_rng((self.seed, 1, number // 2))
        groups = self.y if self.classes else np.zeros(len(self.y), dtype=int)
        mask = np.zeros(len(self.y), dtype=bool)
        mask[np.lexsort((rng.random(len(self.y)), groups))[rng.integers(2) :: 2]] = True
        return (mask if number % 2 == 0 else ~mask) | self.alone

    def places(self, rows: Array) -> Array | None:
        """Return the places of samples in X_train, −1 for others; None where that is not known."""
        return np.where(rows < self.members, rows, -1) if self.members else None

    def at_truth(self, outputs: Array) -> Array:
        """Return the probability of each sample's true class, or the predicted value, (n,)."""
        return outputs[np.arange(len(self.y)), self.y] if self.classes else outputs.reshape(len(self.y))


@dataclass(frozen=True, eq=False)
class Train:
    """Train one reference model on its half and ask it about all samples; runs on a worker."""

    fit: Fit
    pool: Pool

    def __call__(self, number: int) -> Array | Lost:
        """Return (n,): the probability of the true class, or the predicted value; or why it could not be trained."""
        outputs = tried(lambda: self._train_and_predict(number))
        if not isinstance(outputs, Lost):
            return outputs
        size = f"{np.count_nonzero(self.pool.half(number))} of {len(self.pool.y)} samples"
        return outputs._replace(
            message=f"reference model {number + 1} could not be trained on {size}: {outputs.message}"
        )

    def _train_and_predict(self, number: int) -> Array:
        pool = self.pool
        rng = np.random.default_rng((pool.seed, 2, number))
        rows = rng.permutation(np.flatnonzero(pool.half(number)))
        seed = int(rng.integers(2**31 - 1))
        try:
            model = refit(self.fit, pool.X[rows], pool.y[rows], seed=seed, rows=pool.places(rows))
        except TypeError as error:  # scikit-learn's clone
            raise NotApplicable(
                f"the estimator cannot be trained anew: {error}", "privacy.membership_inference"
            ) from None
        outputs = np.asarray(model(pool.X), dtype=np.float64)
        return finite(pool.at_truth(outputs), "it")


def finite(outputs: Array, who: str) -> Array:
    """Return the outputs, or say whose are not finite."""
    if not np.isfinite(outputs).all():
        raise Endless(f"{who} must give finite outputs, got NaN or infinite ones")
    return outputs
