"""Gradient ascent on the detector's trust, among the changes inside ε that get another label."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.core.subject import Gradient
from xrai_widgets.engines._confidence import SCORES
from xrai_widgets.engines._space import unit
from xrai_widgets.engines.robustness.confidence_detection.guarded import Guarded, Look

_RIVALS = 3  # classes that are led to by themselves
_CAUTIOUS = 0.3  # of a step
_STREAM = 61  # of the seed


@dataclass(frozen=True)
class Settings:
    """Budget of the attack: steps of each climb, and random starts beside the sample itself and what was found."""

    steps: int = 40
    restarts: int = 2
    seed: int = 0


def climb(
    guarded: Guarded, slope: Gradient, starts: list[tuple[Array, Array]], settings: Settings, step: Step, made: Partial
) -> None:
    """Climb from the samples, from what is found already and from random places, and fill ``guarded``.

    A point that still gets its old label is led to the largest rival, or to one of the likeliest three; one that gets
    another label to where the detector trusts it more. The step shrinks along half a cosine.

    Parameters
    ----------
    slope : callable
        (X, V) → derivative with respect to X of Σ V · logits.
    starts : list of (points (r, D), int array (r,))
        Where else climbs begin, and whose changes these are.
    """
    problem = guarded.problem
    owner = np.arange(len(problem.samples))
    runs = [_Run(problem.origins, owner, rival) for rival in _rivals(guarded, owner)]
    if SCORES[guarded.detector.name].of_logits:
        runs.append(_Run(problem.origins, owner, trusted_first=True))
    runs += [_Run(points, whose) for points, whose in starts]
    for restart in range(settings.restarts):
        streams = [np.random.default_rng([settings.seed, _STREAM, restart, int(n)]) for n in problem.numbers]
        runs.append(_Run(guarded.anywhere(owner, streams), owner))
    for number, one in enumerate(runs):
        _ascend(guarded, slope, one, settings.steps, step.part(number / len(runs), (number + 1) / len(runs)), made)


@dataclass(frozen=True, eq=False)
class _Run:
    """One climb of each of some samples.

    Parameters
    ----------
    points : array (r, D)
    owner : int array (r,)
    rival : int array (r,), optional
        Class to which each is led; none: to the largest one.
    trusted_first : bool
        The first half of the steps climbs the score whatever the label: a score that grows with the size of the logits
        may be largest where two classes are level.
    """

    points: Array
    owner: Array
    rival: Array | None = None
    trusted_first: bool = False


def _rivals(guarded: Guarded, owner: Array) -> list[Array | None]:
    """Return what the climbs from the samples themselves are led to: of two classes the other, else any, and some."""
    look = guarded.look(guarded.problem.origins, owner)
    k = look.outputs.shape[1]
    if k <= 2:
        return [None]
    others = look.outputs.copy()
    others[owner, guarded.problem.labels] = -1.0
    order = np.argsort(-others, axis=1, kind="stable")
    return [None, *(order[:, place] for place in range(min(_RIVALS, k - 1)))]


def _ascend(guarded: Guarded, slope: Gradient, run: _Run, steps: int, step: Step, made: Partial) -> None:
    owner = run.owner
    points = guarded.held(run.points, owner)
    for t in range(steps + 1):
        step(t / (steps + 1), "climbing to where the detector trusts another label", made)
        look = guarded.look(points, owner)
        if t == steps:
            break
        whatever = run.trusted_first and 2 * t < steps
        size = guarded.epsilon * 0.5 * (1 + np.cos(np.pi * t / steps))
        if run.trusted_first and not whatever:  # small enough to stop just behind the boundary
            size *= _CAUTIOUS
        flow = guarded.problem.along(slope, points, _weights(guarded, look, points, run, whatever))
        points = guarded.held(points + size * guarded.problem.way(flow), owner)


def _weights(guarded: Guarded, look: Look, points: Array, run: _Run, whatever: bool) -> Array:
    """Return what is climbed, as weights of the logits (r, k), each row of length 1: trust ``whatever`` the label."""
    row, here = np.arange(len(run.owner)), guarded.problem.labels[run.owner]
    others = look.outputs.copy()
    others[row, here] = -1.0
    leader = others.argmax(axis=1)
    to = leader if run.rival is None else run.rival
    towards = np.zeros_like(look.outputs)
    towards[row, to] += 1.0
    # away from its label, and once that is gone from whatever stands before the rival
    towards[row, np.where(look.turned & (to != leader), leader, here)] -= 1.0
    trust = _trust(guarded, look, points, run.owner)
    weights = np.where(((look.turned & (to == leader)) | whatever)[:, None], trust, towards)
    return unit(weights)


def _trust(guarded: Guarded, look: Look, points: Array, owner: Array) -> Array:
    """Return the derivative of the detector's score with respect to the logits."""
    problem = guarded.problem
    samples = problem.space.to_samples(points, problem.samples[owner]).reshape(-1, *problem.shape)
    parts = [slice(a, a + problem.rows) for a in range(0, len(samples), problem.rows)]
    return np.concatenate([guarded.detector.slope(samples[part], look.outputs[part]) for part in parts])
