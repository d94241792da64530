"""What attackers who know the defence find on the model before and after it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Constraint, Finding, Names, Step
from xrai_widgets.core.undefended import Side
from xrai_widgets.engines._missing import Blanks
from xrai_widgets.engines._problem import Best, Problem, settle
from xrai_widgets.engines._space import Norm, Space
from xrai_widgets.engines.robustness.evasion import evasion

LABELS, SLOPES, EVERY, TRANSFER = "labels only", "gradients", "strongest", "transfer"
_ATTACKS = {SLOPES: "pgd", LABELS: "hop_skip_jump", EVERY: "strongest"}
_FURTHER = (1.0, 1.01, 1.03, 1.1, 1.25, 1.5, 2.0, 3.0)  # times the other model's change: it may just miss on this one
_FINAL = 1e-5


@dataclass(frozen=True, eq=False)
class Setting:
    """The samples, what may become of them, and what an attacker may spend; the same for both models."""

    X: Array
    y: Array
    bounds: Array
    constraints: tuple[Constraint, ...]
    X_train: Array | None
    naming: Names
    norm: Norm
    epsilon: float
    scale: Any
    n_samples: int
    queries: int
    max_iter: int | None
    steps: int
    restarts: int
    seed: int
    memory_limit: float
    rows: int


@dataclass(eq=False)
class Tried:
    """What was found on one model, for each drawn sample.

    Parameters
    ----------
    index : int array (n,)
        The drawn rows of X.
    right : bool array (n,)
        Those that the model predicts rightly: the others are not attacked.
    distance : mapping of attack to array (n,)
        Infinite where the attack has found nothing.
    nearest : mapping of attack to array (n, d)
        What the sample became.
    exact : bool
        No allowed change is nearer.
    """

    index: Array
    right: Array
    distance: dict[str, Array]
    nearest: dict[str, Array]
    exact: bool = False

    @property
    def least(self) -> Array:
        """The smallest distance of all attacks."""
        least: Array = np.min(list(self.distance.values()), axis=0)
        return least

    @property
    def best(self) -> Array:
        """What each sample became by the nearest attack (n, d)."""
        names = list(self.distance)
        place = np.argmin([self.distance[name] for name in names], axis=0)
        best: Array = np.array([self.nearest[name] for name in names])[place, np.arange(len(place))]
        return best

    @property
    def winner(self) -> Array:
        """Which attack came nearest; empty where none found anything."""
        names = np.array(list(self.distance), dtype=object)
        place = np.argmin(list(self.distance.values()), axis=0)
        return np.where(np.isfinite(self.least), names[place], "")

    def standing(self, epsilon: float, attack: str = "") -> Array:
        """Mask of the samples that are right and stay so at ε, against one attack or all of them."""
        distance = self.distance[attack] if attack else self.least
        mask: Array = self.right & (distance > epsilon)
        return mask


def attacked(side: Side, setting: Setting, step: Step) -> Tried:
    """Attack one model along its gradients, if it has some, by its labels alone, and by all that fits a budget."""
    attacks = [SLOPES, LABELS, EVERY] if side.gradient is not None else [LABELS, EVERY]
    tried: Tried | None = None
    for number, attack in enumerate(attacks):
        here = step.part(number / len(attacks), (number + 1) / len(attacks))
        finding = _evasion(side, setting, attack, here)
        if attack == EVERY and "samples" not in finding.tables:  # the budget is too small for any of them
            continue
        table = finding.tables["samples"]
        distance = table["distance"].fillna(np.inf).to_numpy(dtype=float)
        if tried is None:
            right = (table["status"] != "answered wrongly before").to_numpy()
            tried = Tried(finding.arrays["index"], right, {}, {})
        tried.distance[attack], tried.nearest[attack] = distance, finding.arrays["nearest"]
        if "exact" in finding.bounds.values():
            tried.exact = True
            break
    assert tried is not None
    return tried


def _evasion(side: Side, setting: Setting, attack: str, step: Step) -> Finding:
    return evasion(
        side.predict,
        setting.X,
        setting.y,
        setting.bounds,
        setting.constraints,
        X_train=setting.X_train,
        gradient=side.gradient,
        linear=side.linear,
        regions=side.regions,
        thresholds=side.thresholds,
        logits=side.logits,
        logit_gradient=side.logit_gradient,
        trees=side.trees,
        outputs="probabilities" if side.scored else "labels",
        naming=setting.naming,
        decide=side.decide,
        attack=_ATTACKS[attack],  # type: ignore[arg-type]  # one of its names
        queries=setting.queries,
        norm=setting.norm,
        epsilon=setting.epsilon,
        scale=setting.scale,
        n_samples=setting.n_samples,
        max_iter=setting.max_iter,
        steps=setting.steps,
        restarts=setting.restarts,
        seed=setting.seed,
        memory_limit=setting.memory_limit,
        step=step,
    )


def transfer(side: Side, setting: Setting, tried: Tried, other: Array) -> None:
    """Try on a model what changes the other one's predictions, and go on in the same direction where it just misses.

    Parameters
    ----------
    tried : Tried
        Of this model; what is found is added.
    other : array (n, d)
        What each drawn sample became on the other model; NaN throughout where nothing was found.
    """
    problem = _problem(side, setting, tried)
    best = Best.nothing(problem)
    targets = other[tried.right]
    waiting = np.flatnonzero(~np.isnan(targets).all(axis=1))
    space, origins = problem.space, problem.origins
    filled = targets if space.blanks is None else space.blanks.fill(targets)
    points = origins.copy()
    if len(waiting):
        points[waiting] = space.held(space.to_coordinates(filled[waiting]), origins[waiting])
    for further in _FURTHER:
        moved = origins[waiting] + further * (points[waiting] - origins[waiting])
        hit = problem.adversarial(moved, waiting)
        if hit.any():
            settle(problem, best, moved[hit], waiting[hit], _FINAL)
        waiting = waiting[~hit]
    distance, nearest = np.full(len(tried.right), np.inf), np.full((len(tried.right), setting.bounds.shape[1]), np.nan)
    distance[tried.right] = best.distance
    place, changed = best.reached(problem, tried.right)
    nearest[place] = space.empty(changed)
    tried.distance[TRANSFER], tried.nearest[TRANSFER] = distance, nearest


def _problem(side: Side, setting: Setting, tried: Tried) -> Problem:
    flat = setting.X.reshape(len(setting.X), -1).astype(np.float64)
    predict, decide = side.predict, side.decide
    if (blanks := Blanks.of(setting.bounds, flat)) is not None:
        flat, predict, decide = blanks.fill(flat), blanks.asking(predict), blanks.ruling(decide)
    rows = tried.index[tried.right]
    return Problem(
        predict=predict,
        space=Space(setting.bounds, setting.constraints, setting.scale, blanks),
        samples=flat[rows],
        labels=setting.y[rows].astype(np.intp),  # they are predicted rightly
        numbers=rows,
        shape=setting.X.shape[1:],
        norm=setting.norm,
        rows=setting.rows,
        decide=decide,
    )
