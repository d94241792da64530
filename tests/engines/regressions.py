"""What the tests of regressions have in common: a bent function in the unit cube, and a subject of its samples."""

from typing import Any

import numpy as np

from xrai_widgets.core import Array, Subject


def table(n: int, d: int, noise: float, seed: int = 0) -> tuple[Array, Array]:
    """Return samples in the unit cube, and a bent function of them with noise."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(size=(n, d))
    return X, 10 * np.sin(3 * X[:, 0]) + 5 * X[:, 1] ** 2 + rng.normal(0, noise, n)


def subject_of(model: Any, X: Array, y: Array, **others: Any) -> Subject:
    """Return the model, trained on the first half and judged on the second one."""
    half = len(X) // 2
    model.fit(X[:half], y[:half])
    given = {"X_train": X[:half], "y_train": y[:half], "bounds": (0.0, 1.0), **others}
    return Subject.of(model, X[half:], y[half:], **given)
