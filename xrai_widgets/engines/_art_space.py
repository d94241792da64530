"""A problem in search coordinates as a classifier of the Adversarial Robustness Toolbox."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Gradient
from xrai_widgets.core.decision import shown
from xrai_widgets.engines._problem import Problem

_TINY = 1e-30


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


def class_classifier(
    problem: Problem, number: int, n_classes: int, gradient: Gradient | None, *, cube: bool, least: int
) -> Any:
    """Return an ART classifier of coordinates by log-probabilities; with gradients it has those of each class.

    Parameters
    ----------
    cube : bool
        Tell ART one range for all coordinates, where it knows no other; predictions are those within each one's own.
    least : int
        How many classes there are to be; those that there are not are never predicted.
    """
    from xrai_widgets.models.art import class_box

    space, origin = problem.space, problem.samples[[number]]
    width, model = problem.origins.shape[1], shown(problem.predict, problem.decide, n_classes)

    def scores(points: Array) -> Array:
        flat = np.asarray(points, dtype=np.float64).reshape(len(points), -1)
        samples = space.to_samples(flat, np.repeat(origin, len(points), axis=0))
        known = np.log(np.maximum(model(samples.reshape(-1, *problem.shape)), _TINY))
        return np.pad(known, ((0, 0), (0, max(0, least - n_classes))), constant_values=2 * np.log(_TINY))

    def slope(points: Array, classes: Array) -> Array:
        assert gradient is not None
        samples = np.asarray(points, dtype=np.float64).reshape(len(points), -1) * space.slopes + space.bounds[0]
        flow = gradient(samples.reshape(-1, *problem.shape), classes).reshape(len(points), -1)
        along: Array = -flow * space.slopes * space.free  # of the cross-entropy, which is minus the log-probability
        return along

    low, high = clip(problem, number)
    ends = (float(low.min()), float(high.max())) if cube else (low, high)
    return class_box(scores, None if gradient is None else slope, (width,), max(n_classes, least), ends)


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
