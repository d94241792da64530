"""Plain noise of size ε, tried on what every search has left standing."""

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._problem import Best, Problem, settle
from xrai_widgets.engines._space import length
from xrai_widgets.engines.robustness.evasion.parts import Attacked

_FINAL = 1e-5


def near_hits(problem: Problem, best: Best, epsilon: float, draws: int, seed: int) -> Array:
    """Try plain noise of size ε on samples that stand at ε; put its hits into ``best`` and return whose they are."""
    held = np.flatnonzero(best.distance > epsilon)
    broken = np.zeros(len(problem.samples), dtype=bool)
    if not len(held) or epsilon == 0:
        return broken
    width = problem.origins.shape[1]
    noise = np.random.default_rng([seed, 1]).standard_normal((draws, width))  # the same for every sample
    group = max(1, problem.rows // draws)
    for first in range(0, len(held), group):  # all draws of a sample at once: what it costs depends on no other one
        owner = np.repeat(held[first : first + group], draws)
        points = _noisy(problem, owner, epsilon, np.tile(noise, (len(owner) // draws, 1)))
        hit = problem.adversarial(points, owner) & (problem.distances(points, owner) <= epsilon * (1 + 1e-9))
        if hit.any():
            settle(problem, best, points[hit], owner[hit], _FINAL)
            broken[owner[hit]] = True
    return broken


def _noisy(problem: Problem, owner: Array, epsilon: float, noise: Array) -> Array:
    """Return a change of size ε of each sample in the direction of the noise, cut at the ranges."""
    noise = noise * problem.space.free
    if problem.norm == "l0":  # so many columns, each across its range
        rank = np.abs(noise).argsort(axis=1).argsort(axis=1)
        noise = np.where(rank >= noise.shape[1] - int(epsilon), noise, 0.0)
        epsilon = float(np.abs(noise).max(initial=0.0))
    size = length(noise, "linf" if problem.norm == "l0" else problem.norm)
    low, high = problem.space.box_around(problem.origins[owner])
    moved: Array = np.clip(problem.origins[owner] + epsilon * noise / np.maximum(size[:, None], 1e-12), low, high)
    return moved


def noise_note(attacked: Attacked, broken: Array) -> list[str]:
    """Say how many samples nothing but plain noise of size ε has broken."""
    count = int(broken.sum())
    if not count:
        return []
    if attacked.search is not None:
        attacked.search.method[broken] = "plain noise"
    return [
        f"Plain noise of size {attacked.epsilon:g} broke {count} samples that every search had left standing; they "
        "count as broken. Raise the budget: there are more."
    ]
