"""Which certificate a model's form allows, and what it gives for each sample."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np

from xrai_widgets.core import Array, NotApplicable, Step
from xrai_widgets.core.inside import Layers, Trees
from xrai_widgets.engines._leaves import Leaves, nearest_other_leaf
from xrai_widgets.engines._reach import Reach
from xrai_widgets.engines._space import Norm
from xrai_widgets.engines.robustness.certified.crown import certified_radius
from xrai_widgets.engines.robustness.certified.nearest import nearest_combination
from xrai_widgets.engines.robustness.certified.planes import distance_to_planes
from xrai_widgets.engines.robustness.certified.solver import Solver

_READ = (
    "read are linear models; single trees, random forests and extra trees, gradient boosting of scikit-learn (with or "
    "without histograms), XGBoost and LightGBM, without categories of their own; and networks of linear layers with "
    "ReLU: MLPClassifier, and torch.nn.Sequential of Linear, BatchNorm1d, ReLU, Flatten, Dropout and Identity, with a "
    "softmax or sigmoid at most at the end. Any other layer makes a network unreadable. Functions, tables, ONNX and "
    "boosters' files show nothing of their inside"
)
# by how much sums may differ from exact ones, relative to the sizes that are added
_SINGLE, _DOUBLE = 1e-5, 1e-12
_PAIRS_A_STEP = 15  # pairs of boxes that take about as long as one step of the solver
_INSTEAD = "robustness.evasion, whose attack gives an upper bound for every model"


@dataclass(frozen=True, eq=False)
class Form:
    """What is known of the model from inside."""

    linear: tuple[Array, Array] | None
    trees: Trees | None
    layers: Layers | None

    def method(self, norm: Norm) -> str:
        """Return which certificate serves.

        Raises
        ------
        NotApplicable
            naming the kind of model, layer or norm that none serves, and what does.
        """
        if self.linear is not None:
            return "linear"
        if self.trees is not None:
            if len(self.trees.roots) == 1:
                return "single tree"
            name = "sum of trees"
        elif self.layers is not None:
            if self.layers.activation != "relu":
                raise NotApplicable(
                    f"the network's layers have the activation {self.layers.activation!r}: CROWN serves 'relu'",
                    _INSTEAD,
                )
            name = "network"
        else:
            raise NotApplicable(f"no certificate reads this model: {_READ}", _INSTEAD)
        if norm == "l2":
            raise NotApplicable(
                f"distances of a {name} are certified in the largest change of a feature", "norm='linf'"
            )
        return name


@dataclass(eq=False)
class Certified:
    """Distances of samples (n,): no other label below ``low``, one at ``high`` where that is proved."""

    low: Array
    high: Array
    exact: Array
    settled: Array = field(init=False)
    native: bool = field(default=False, init=False)  # no exact solver was there that might have done better

    def __post_init__(self) -> None:
        self.settled = np.zeros(len(self.low), dtype=bool)


def certify(
    form: Form,
    method: str,
    reach: Reach,
    labels: Array,
    seen: Array,
    changed: Callable[[int, Array], float],
    limits: tuple[int, float],
    single: bool,
    step: Step,
    result: Certified,
) -> None:
    """Fill in the bounds, in place, so that what is done is kept.

    Parameters
    ----------
    seen : array (n,)
        Distances at which an attack has changed the label; else infinite.
    changed : callable
        (i, sample (d,)) → the distance of a sample that may exist and has another label, else infinite.
    limits : (int, float)
        Most pairs of boxes in one step; GB of memory.
    single : bool
        The model gets float32, and may compute in it.
    """
    n = len(labels)
    if method == "linear":
        assert form.linear is not None
        result.low[:] = distance_to_planes(*form.linear, reach, labels, _SINGLE if single else _DOUBLE)
        free = ~reach.still
        plain = not (reach.whole & free).any() if reach.norm == "l2" else True
        result.exact[:], result.settled[:] = plain and not reach.grouped, True
        return
    if method == "network":
        assert form.layers is not None
        layers = replace(form.layers, rounding=max(form.layers.rounding, _SINGLE if single else 0.0))
        at_once = max(1, int(limits[1] * 1e9 / 8 / 8 / max(w.size for w in layers.weights)))
        for start in step.over(range(0, n, at_once), "bounds of the network"):
            part = np.arange(start, min(start + at_once, n))
            result.low[part] = certified_radius(layers, reach.rows(part), labels[part])
            result.settled[part] = True
        return
    assert form.trees is not None
    leaves = Leaves.of(form.trees, reach, limits[1])
    if method == "single tree":
        result.low[:] = nearest_other_leaf(leaves, reach, labels, step)
        result.exact[:], result.settled[:] = not reach.grouped, True
        return
    solver = Solver.of(form.trees, leaves, max(1, limits[0] // _PAIRS_A_STEP), limits[1])
    result.native = solver is None
    for i in step.over(range(n), "combinations of leaves"):
        one = reach.rows(np.array([i]))
        check = partial(step, i / n, "combinations of leaves")
        nearest = nearest_combination(leaves, one, int(labels[i]), float(seen[i]), limits[0], solver, check)
        result.low[i], result.settled[i] = nearest.low, True
        if nearest.witness is not None:
            result.high[i] = min(result.high[i], changed(i, nearest.witness))
