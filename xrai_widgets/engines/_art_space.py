"""A problem in search coordinates as a classifier of the Adversarial Robustness Toolbox."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Gradient
from xrai_widgets.core.decision import shown
from xrai_widgets.engines._problem import Problem


def classifier(problem: Problem, number: int, n_classes: int, gradient: Gradient | None) -> Any:
    """Return an ART classifier of coordinates: it predicts for the allowed sample nearest to a point."""
    from xrai_widgets.models.art import black_box, white_box

    space, origin = problem.space, problem.samples[[number]]
    width, model = problem.origins.shape[1], shown(problem.predict, problem.decide, n_classes)

    def predict(points: Array) -> Array:
        flat = np.asarray(points, dtype=np.float64).reshape(len(points), -1)
        samples = space.to_samples(flat, np.repeat(origin, len(points), axis=0))
        return model(samples.reshape(-1, *problem.shape))

    if gradient is None:
        return black_box(predict, (width,), n_classes, clip(problem, number))

    def slope(points: Array, labels: Array) -> Array:
        samples = np.asarray(points, dtype=np.float64) * space.slopes + space.bounds[0]
        return gradient(samples.reshape(-1, *problem.shape), labels).reshape(len(points), -1) * space.slopes

    return white_box(predict, slope, (width,), n_classes, clip(problem, number))


def clip(problem: Problem, number: int) -> tuple[Array, Array]:
    """Return a sample's box; ART wants room in every coordinate, and `to_samples` holds the fixed ones."""
    low, high = (side.astype(np.float32) for side in problem.space.box_around(problem.origins[number]))
    return low, np.where(high > low, high, low + 1.0).astype(np.float32)


@contextmanager
def global_seed(seed: int) -> Iterator[None]:
    """ART draws from NumPy's global generator: seed it for the call and put it back."""
    state = np.random.get_state()  # noqa: NPY002
    np.random.seed(seed)  # noqa: NPY002
    try:
        yield
    finally:
        np.random.set_state(state)  # noqa: NPY002
