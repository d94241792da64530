"""Control of contrastive explanations: a random change of as many features, of the same size."""

from typing import Literal

import numpy as np

from xrai_widgets.core import Array, Constraint, Control, Finding, Predict, Step
from xrai_widgets.core.subject import Task
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._random_change import RandomChange, finding_of, turned_by_chance
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.explanations.cem.zones import zones_of


def random_explanation(
    finding: Finding,
    predict: Predict,
    X: Array,
    bounds: Array,
    constraints: tuple[Constraint, ...] = (),
    X_train: Array | None = None,
    decide: Predict | None = None,
    task: Task = "classification",
    *,
    part: str = "X",
    above: float | None = None,
    below: float | None = None,
    scale: Literal["range", "raw"],
    seed: int,
    step: Step,
) -> Finding:
    """Return ``pn_share`` if each pertinent negative were a random change instead, and ``turned_share``.

    ``turned_share`` is the share of random changes that change a prediction, of instances with a pertinent negative
    (Wilson).
    """
    X = X if part == "X" or X_train is None else X_train
    zones = zones_of(task, above, below, predict, X)
    predict = predict if zones is None else zones.asking(predict)
    done = finding.arrays["pn_found"]
    index = finding.arrays["index"]
    samples = X.reshape(len(X), -1)[index[done]].astype(np.float64)
    changed = finding.arrays["pn"][done].reshape(samples.shape).astype(np.float64)
    change = RandomChange(Space(bounds, constraints, scale), "l2", sparse=True)
    shares = turned_by_chance(predict, X.shape[1:], samples, changed, change, seed, step, decide)
    measured = shares[~np.isnan(shares)]
    n = len(index) - len(shares) + len(measured)
    counts = {"pn_share": n, "turned_share": len(measured)}
    return finding_of({key: (statistics.wilson(float(measured.sum()), count), count) for key, count in counts.items()})


CONTROLS = (
    Control(
        "constant",
        {"pn_share": (0.0, 0.0)},
        "no change can alter its predictions: no pertinent negative, and no distance",
        params={"instances": "", "autoencoder": False, "noise": 0.0},
        at_most={"n_samples": 5, "max_iter": 50, "binary_steps": 2},
        about=("pn_share", "median_pn_distance"),
        wrong="No change alters the prediction of a constant model, so the search counts what is none.",
    ),
    Control(
        "random explanation of the same size",
        {"turned_share": (0.0, 0.25)},
        "as many features changed at random by as much: it should alter hardly any prediction",
        about=("pn_share", "median_pn_distance"),
        measured=random_explanation,
        wrong="Random changes of as many features by as much alter the prediction, too: these explanations say little "
        "about what it hangs on, and smaller ones may exist. Raise the budget of the search.",
    ),
)
