"""From a subject's fields to a problem: what is asked of the model, of which samples, and from inside."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Constraint, Gradient, Names, Predict
from xrai_widgets.core.inside import Trees
from xrai_widgets.engines._meter import Meter
from xrai_widgets.engines._missing import Blanks
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._rows import drawn_rows, rows_at_once
from xrai_widgets.engines._space import Norm, Space
from xrai_widgets.engines.robustness.evasion.asked import Asked, asked_of_classes, asked_of_values
from xrai_widgets.engines.robustness.evasion.ground import GRADIENT, Counter
from xrai_widgets.engines.robustness.evasion.knowledge import Knowledge
from xrai_widgets.engines.robustness.evasion.parts import Attacked
from xrai_widgets.engines.robustness.evasion.target import Aim

_POOL = 1000  # real samples among which starting points are looked for
_NAMED = 5  # columns


@dataclass(frozen=True, eq=False)
class Model:
    """What a subject knows of its model, as in `Subject`; ``labels_only``: it gives no scores."""

    predict: Predict
    decide: Predict | None = None
    gradient: Gradient | None = None
    logits: Predict | None = None
    logit_gradient: Gradient | None = None
    linear: tuple[Array, Array] | None = None
    regions: Array | None = None
    thresholds: tuple[Array, ...] | None = None
    trees: Trees | None = None
    labels_only: bool = False

    def filled(self, blanks: Blanks | None) -> "Model":
        """Return the model as one of samples with marks where numbers are missing."""
        if blanks is None:
            return self
        return Model(
            blanks.asking(self.predict),
            blanks.ruling(self.decide),
            blanks.slopes(self.gradient),
            blanks.ruling(self.logits),
            blanks.slopes(self.logit_gradient),
            *(self.linear, self.regions, self.thresholds, self.trees, self.labels_only),
        )

    def aimed(self, aim: Aim | None) -> "Model":
        """Return the model as one of two classes: the one that is aimed at, and all others."""
        if aim is None:
            return self
        return Model(
            aim.scores,
            aim.ruling(self.decide),
            aim.slopes(self.gradient),
            aim.of_logits(self.logits),
            aim.logit_slopes(self.logit_gradient),
            aim.linear(self.linear),
            *(self.regions, self.thresholds, None, self.labels_only),
        )


@dataclass(frozen=True, eq=False)
class Data:
    """The samples, their labels and names, and what columns may hold."""

    X: Array
    y: Array
    ids: Array
    others: Array
    bounds: Array
    constraints: tuple[Constraint, ...]
    naming: Names
    part: str
    named: str
    n_samples: int


@dataclass(frozen=True)
class Wanted:
    """What is asked: in which norm, at which size, towards which class, or by how much."""

    norm: Norm
    epsilon: float
    scale: str
    target: int | None
    tolerance: float | None
    memory_limit: float


@dataclass(frozen=True, eq=False)
class Prepared:
    """The samples under attack, what is known of the model, and what the reader must know beforehand."""

    attacked: Attacked
    knowledge: Knowledge
    counter: Counter
    n_classes: int
    notes: list[str]


def prepared(model: Model, data: Data, wanted: Wanted, rng: np.random.Generator) -> Prepared:
    """Draw the samples, and say what an attack asks of the model for each of them."""
    flat, others = (part.reshape(len(part), -1).astype(np.float64) for part in (data.X, data.others))
    blanks = Blanks.of(data.bounds, flat, others)
    if blanks is not None:
        flat, others = blanks.fill(flat), blanks.fill(others)
    model, target = model.filled(blanks), wanted.target
    space = Space(data.bounds, data.constraints, "raw" if wanted.scale == "raw" else "range", blanks)
    eligible = np.arange(len(flat)) if target is None else np.flatnonzero(data.y != target)
    index = eligible[drawn_rows(data.named, data.ids[eligible], data.n_samples, rng)]
    asked = _asked(model, data, flat, index, wanted)
    aim = None if target is None else Aim(model.predict, target)
    model, counter, right = model.aimed(aim), Counter(), asked.right
    by_values = asked.band is not None
    predict, gradient, linear = (
        (asked.predict, asked.gradient, asked.linear) if by_values else (model.predict, model.gradient, model.linear)
    )
    problem = Problem(
        predict=counter.of(predict),
        space=space,
        samples=flat[index[right]],
        labels=asked.labels[right] if target is None else np.zeros(int(right.sum()), dtype=np.intp),
        numbers=index[right],
        shape=data.X.shape[1:],
        norm=wanted.norm,
        rows=rows_at_once(wanted.memory_limit, 12, flat.shape[1], data.constraints),
        decide=counter.of(model.decide),
        offsets=None if asked.band is None else asked.band.offsets,
        meter=Meter.of(int(right.sum()), asked.n_classes if target is None else 2),
    )
    names = data.naming.of_classes(asked.n_classes)
    attacked = Attacked(
        problem=problem,
        best=Best.nothing(problem),
        index=index,
        right=right,
        y=data.y,
        epsilon=wanted.epsilon,
        feature_names=data.naming.feature_names,
        ids=data.ids,
        classes=names,
        decode=data.naming.decode,
        band=asked.band,
        part=data.part,
        named=data.named,
        target=target,
    )
    knowledge = Knowledge(
        counter.of(gradient, GRADIENT),
        linear,
        model.regions,
        model.thresholds,
        others[rng.permutation(len(others))[:_POOL]],
        logits=None if by_values else counter.of(model.logits),
        logit_gradient=None if by_values else counter.of(model.logit_gradient, GRADIENT),
        trees=None if by_values else model.trees,
    )
    notes = [*space.notes(flat[index]), *_outside(space, flat[index], data.naming, len(data.X.shape))]
    if target is not None:
        notes.append(_aim_note(names[target], len(flat) - len(eligible)))
    return Prepared(attacked, knowledge, counter, asked.n_classes if target is None else 2, notes)


def _aim_note(name: str, count: int) -> str:
    return (
        f"Every change aims at the class {name}: {count} samples of that class were left out of the draw, and another "
        "class than that is no success."
    )


def _asked(model: Model, data: Data, flat: Array, index: Array, wanted: Wanted) -> Asked:
    if wanted.tolerance is None:
        chosen = flat[index].reshape(-1, *data.X.shape[1:])
        return asked_of_classes(model.predict, model.decide, model.gradient, model.linear, chosen, data.y[index])
    shaped = flat.reshape(data.X.shape)
    return asked_of_values(model.predict, model.gradient, model.linear, shaped, index, wanted.tolerance)


def _outside(space: Space, samples: Array, naming: Names, dimensions: int) -> list[str]:
    """Name the columns in which samples lie outside of the range that changes may reach."""
    beyond = ((samples < space.bounds[0]) | (samples > space.bounds[1])) & ~space.missing(samples)
    columns = np.flatnonzero(beyond.any(axis=0))
    if not len(columns):
        return []
    several = int(beyond.any(axis=1).sum())
    if dimensions > 2:
        low, high = samples.min(), samples.max()
        return [
            f"{several} of {len(samples)} images have values outside of the range that changes may reach (they lie "
            f"between {low:g} and {high:g}): such a value may stay or come nearer. Check how images are scaled, or "
            "pass bounds= to Subject.of."
        ]
    names = list(naming.feature_names) or [f"x{column}" for column in range(samples.shape[1])]
    few = ", ".join(
        f"{names[c]} (changes reach {space.bounds[0, c]:g} to {space.bounds[1, c]:g}, samples "
        f"{samples[:, c].min():g} to {samples[:, c].max():g})"
        for c in columns[:_NAMED]
    )
    more = f" and {len(columns) - _NAMED} more" if len(columns) > _NAMED else ""
    return [
        f"{several} of {len(samples)} samples lie outside of the range that changes may reach, in {few}{more}: such a "
        "value may stay or come nearer. Is the range narrower than it should be?"
    ]
