"""Control of an attack: a random direction of the same length as the change that it found."""

from typing import Literal

import numpy as np

from xrai_widgets.core import Array, Constraint, Control, Finding, Predict, Step
from xrai_widgets.core.subject import Task
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._random_change import RandomChange, finding_of, turned_by_chance
from xrai_widgets.engines._space import Norm, Space


def random_direction(
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
    norm: Norm,
    epsilon: float,
    tolerance: float | None = None,
    scale: Literal["range", "raw"],
    seed: int,
    step: Step,
) -> Finding:
    """Return ``robust_accuracy`` if each found change went in a random direction instead, and ``turned_share``.

    Of a regression it is ``stable_share``, and a prediction changes where it leaves the tolerance. ``turned_share`` is
    the share of random changes that change a prediction, of samples for which the attack did (Wilson). Where a change
    is the nearest one, the ball inside it holds no other label, and a random point of its surface hardly ever has one.
    """
    table = finding.tables["samples"]
    success = (table["status"] == "found").to_numpy()
    right = int((table["status"] != "answered wrongly before").sum())
    X = X if part == "X" or X_train is None else X_train
    samples = X.reshape(len(X), -1)[finding.arrays["index"][success]].astype(np.float64)
    changed = finding.arrays["nearest"][success].reshape(samples.shape).astype(np.float64)
    change = RandomChange(Space(bounds, constraints, scale), norm, sparse=norm == "l0")
    shares = turned_by_chance(predict, X.shape[1:], samples, changed, change, seed, step, decide, tolerance)
    measured = ~np.isnan(shares)
    n = len(table) - int((~measured).sum())
    within = measured & (table["distance"].to_numpy()[success] <= epsilon)
    key = "robust_accuracy" if task == "classification" else "stable_share"
    estimates = {
        key: (statistics.wilson(right - int((~measured).sum()) - float(shares[within].sum()), n), n),
        "turned_share": (statistics.wilson(float(shares[measured].sum()), int(measured.sum())), int(measured.sum())),
    }
    return finding_of(estimates)


CONTROLS = (
    Control(
        "constant",
        {"found_share": (0.0, 0.0)},
        "no change can alter a label: robust accuracy is accuracy (a regression's predictions all stay), and there "
        "is no distance",
        params={"samples": ""},
        at_most={"n_samples": 20, "max_iter": 5, "queries": 5_000, "steps": 10, "restarts": 1},
        wrong="No change alters the prediction of a constant model, so the attack counts what is none.",
    ),
    Control(
        "random direction of the same length",
        {"turned_share": (0.0, 0.25)},
        "each change that was found in a random direction instead: it should alter hardly any prediction",
        about=("robust_accuracy", "stable_share", "median_distance"),
        measured=random_direction,
        wrong="Where a change is the nearest one, hardly any random one of its length alters the label. Too many do: "
        "the attack stopped far from the nearest changes, so the model is less robust than it says. Raise its budget.",
    ),
)
