"""APGD: projected gradient ascent that halves its own step size (Croce and Hein 2020, arXiv:2003.01690)."""

import functools
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.core.step import Partial, Step
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._space import unit
from xrai_widgets.engines.robustness.evasion.auto_attack.climbing import Climbing
from xrai_widgets.engines.robustness.evasion.auto_attack.losses import cross_entropy, logits_ratio, margin
from xrai_widgets.engines.robustness.evasion.auto_attack.room import Room
from xrai_widgets.engines.robustness.evasion.auto_attack.slopes import (
    OVERHEAD,
    Ran,
    Slopes,
    rivals_of,
    standing,
    streams_of,
    turns,
    within,
)

Loss = Literal["ce", "dlr", "targeted"]
STREAM = {"ce": 11, "dlr": 12, "targeted": 13}
_FIRST, _SHORTER, _SHORTEST = 0.22, 0.03, 0.06  # shares of the steps between two checkpoints
_SPARSE = 0.2  # share of the coordinates along which the first steps in l1 go
_FEWEST = 20  # steps below which another rival is not worth it


@dataclass(frozen=True)
class Settings:
    """Budget of the attack.

    Parameters
    ----------
    radius : float
    loss : {"ce", "dlr", "targeted"}
        Cross-entropy, difference-of-logits ratio, or the ratio to each of the likeliest rivals in turn.
    steps, restarts : int
        Gradient steps from each start; starts, all of them random.
    rivals : int
        How many rivals are climbed to, of "targeted".
    """

    radius: float
    loss: Loss = "ce"
    steps: int = 100
    restarts: int = 1
    rivals: int = 9

    @classmethod
    def within(cls, radius: float, loss: Loss, queries: int, n_classes: int) -> "Settings":
        """Return what can be had for so many queries per sample: steps first, then rivals, then starts."""
        goals = max(1, min(9, n_classes - 1)) if loss == "targeted" else 1
        rivals = max(1, min(goals, (queries - OVERHEAD) // (3 * _FEWEST)))
        steps = min(100, max(1, (queries - OVERHEAD) // rivals // 3 - 1))
        return cls(radius, loss, steps, max(1, (queries - OVERHEAD) // (3 * (steps + 1) * rivals)), rivals)


def apgd(
    problem: Problem,
    best: Best,
    slopes: Slopes,
    settings: Settings,
    seed: int,
    step: Step,
    partial: Partial = None,
) -> Ran:
    """Climb inside the ball of one radius, from random starts; samples broken within it already are left alone.

    The step size is halved at checkpoints where the loss no longer rises, and the climb goes on from the best point.
    Norms are l∞, l2 and l1 (the latter by sparse steps: Croce and Hein 2021, arXiv:2103.01208).

    Parameters
    ----------
    best : Best
        Filled in place; what is found is pulled back to the boundary.

    Returns
    -------
    Ran
    """
    before = slopes.spent.copy()
    left = standing(best, settings.radius)
    if not len(left) or settings.radius <= 0:
        return Ran(slopes.spent - before, [])
    rivals = rivals_of(slopes, left, settings.rivals if settings.loss == "targeted" else 1)
    k = slopes.classes
    notes = _notes(settings.loss, k, problem.offsets is not None)
    runs = [(restart, rank) for restart in range(settings.restarts) for rank in range(rivals.shape[1])]
    for (restart, rank), owner, here in turns(problem, runs, lambda: standing(best, settings.radius), step):
        rival = rivals[owner, rank] if settings.loss == "targeted" else None
        streams = streams_of(problem, owner, seed, STREAM[settings.loss], restart, rank)
        _climb(slopes, best, settings, _start(problem, owner, settings.radius, streams), rival, here, partial)
    return Ran(slopes.spent - before, notes)


def _notes(loss: Loss, k: int, band: bool) -> list[str]:
    if loss == "targeted" and not band and 2 < k < 4:
        return ["APGD-T climbed the margin to each rival: the ratio of logits towards a rival needs four classes."]
    if loss == "dlr" and (band or k < 3):
        return ["APGD climbed the margin: the ratio of logits needs three classes."]
    return []


def _start(problem: Problem, owner: Array, radius: float, streams: list[np.random.Generator]) -> Climbing:
    """Begin at random points of the ball's surface."""
    room = Room.of(problem, owner)
    n, width = room.origins.shape
    if room.norm == "linf":
        noise = np.stack([stream.uniform(-1.0, 1.0, width) for stream in streams])
        noise /= np.abs(noise).max(axis=1, keepdims=True)
    else:
        noise = unit(np.stack([stream.standard_normal(width) for stream in streams]))
    points = room.project(room.origins + radius * noise * problem.space.free, radius)
    size = np.full(n, radius if room.norm == "l1" else 2 * radius)
    low = np.full(n, -np.inf)
    nothing = np.zeros_like(points)
    return Climbing(
        *(room, owner, points, points.copy(), size, np.full(n, np.inf), nothing, low, points.copy(), nothing.copy()),
        *(low.copy(), np.zeros(n), np.ones(n, dtype=bool), np.full(n, _SPARSE), np.full(n, float(width))),
    )


def _climb(
    slopes: Slopes, best: Best, settings: Settings, now: Climbing, rival: Array | None, step: Step, partial: Partial
) -> None:
    """Climb from one start each; whatever breaks is settled and climbs no more."""
    problem, steps, radius = slopes.problem, settings.steps, settings.radius
    window, since = max(int(_FIRST * steps), 1), 0
    if now.room.norm == "l1":
        window = max(int(0.04 * steps), 1)
    towards = np.zeros(len(problem.samples), dtype=np.intp)
    if rival is not None:
        towards[now.owner] = rival
    broken: list[tuple[Array, Array]] = []
    plain = settings.loss == "ce" and slopes.logit_gradient is None and problem.offsets is None

    def weigh(scores: Array, owner: Array) -> tuple[Array, Array]:
        loss, weights = _objective(
            settings.loss, scores, problem.labels[owner], None if rival is None else towards[owner]
        )
        largest = np.abs(weights).max(axis=1, keepdims=True)  # only the direction counts: a sure model is not blind
        return loss, weights / np.maximum(largest, 1e-300)

    for t in range(steps + 1):
        done, note = t / (steps + 1), f"APGD at ε = {radius:g}"
        slopes.pause = functools.partial(step, done, note, partial)
        if plain or t == steps:
            scores = slopes.scores(now.points, now.owner)
            loss, _ = weigh(scores, now.owner)
            slope = slopes.loss_slope(now.points, now.owner) if t < steps else now.slope
        else:
            scores, loss, slope = slopes.both(now.points, now.owner, weigh)
        hit = np.flatnonzero(slopes.broken(now.points, now.owner, scores))
        if len(hit):
            hit = hit[within(slopes.keep(best, now.points[hit], now.owner[hit]), radius)]
            broken.append((now.points[hit], now.owner[hit]))
            going = np.ones(len(now.owner), dtype=bool)
            going[hit] = False
            now.keep(going)
            loss, slope = loss[going], slope[going]
        if not len(now.owner) or t == steps:
            break
        now.note(loss, slope)
        since += t > 0
        if since == window:
            now.adapt(window, radius)
            since = 0
            if now.room.norm != "l1":
                window = max(window - max(int(_SHORTER * steps), 1), max(int(_SHORTEST * steps), 1))
        now.move(radius, t == 0)
    if broken:
        slopes.settle(best, *(np.concatenate(part) for part in zip(*broken, strict=True)))


def _objective(loss: Loss, scores: Array, label: Array, rival: Array | None) -> tuple[Array, Array]:
    """Return the loss, or the margin where the loss is not defined for so few classes."""
    k = scores.shape[1]
    if loss == "ce":
        return cross_entropy(scores, label)
    if k < (3 if rival is None else 4):
        return margin(scores, label, rival)
    return logits_ratio(scores, label, rival)
