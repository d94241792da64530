"""A search by scores alone for the most trusted change inside ε that gets another label."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines.robustness.confidence_detection.guarded import Guarded

_STREAM = 62  # of the seed
_CHAINS, _MOVES = 4, 8  # places that are searched from at once for each sample, and tries from each per round
_SHRINK = 0.9  # of the length of a step, where nothing better was there


@dataclass(frozen=True)
class Settings:
    """Budget of the search: rounds of 32 queries per sample."""

    rounds: int = 40
    seed: int = 0


def scan(
    guarded: Guarded,
    starts: list[tuple[Array, Array]],
    thresholds: Sequence[Array] | None,
    settings: Settings,
    step: Step,
    made: Partial,
) -> None:
    """Search from several places at once, and fill ``guarded``.

    Tries set some coordinates to the ends of the ball, to beyond a split of the trees or anywhere, step at random, or
    add the difference of two other places (Storn and Price 1997). A place is left for one that is no worse.

    Parameters
    ----------
    starts : list of (points (r, D), int array (r,))
        Where searches begin beside the sample itself and random places, and whose changes these are.
    thresholds : sequence of arrays, optional
        Where a model made of trees splits each column.
    """
    problem, n = guarded.problem, len(guarded.problem.samples)
    owner = np.arange(n)
    streams = [np.random.default_rng([settings.seed, _STREAM, int(number)]) for number in problem.numbers]
    chains = np.stack([problem.origins.copy(), *(guarded.anywhere(owner, streams) for _ in range(_CHAINS - 1))], axis=1)
    for place, (points, whose) in enumerate(starts[: _CHAINS - 1], 1):
        chains[whose, place] = points
    width = chains.shape[2]
    free = np.flatnonzero(problem.space.free)
    if not len(free):
        return
    flat = guarded.held(chains.reshape(-1, width), np.repeat(owner, _CHAINS))
    worth = guarded.look(flat, np.repeat(owner, _CHAINS)).fitness.reshape(n, _CHAINS)
    chains, length = flat.reshape(n, _CHAINS, width), np.full((n, _CHAINS), 0.5 * guarded.epsilon)
    cuts = _cuts(guarded, thresholds)
    group = max(1, problem.rows // (_CHAINS * _MOVES))
    for number in range(settings.rounds):
        for first in range(0, n, group):
            step((number + first / n) / settings.rounds, "searching where the detector trusts another label", made)
            part = slice(first, first + group)
            tried = np.stack([_tries(guarded, chains[i], i, length[i], streams[i], free, cuts) for i in range(n)[part]])
            whose = np.repeat(owner[part], _CHAINS * _MOVES)
            held = guarded.held(tried.reshape(-1, width), whose)
            fitness = guarded.look(held, whose).fitness.reshape(-1, _CHAINS, _MOVES)
            best, row, chain = fitness.argmax(axis=2), *np.ogrid[: len(fitness), :_CHAINS]
            better = fitness[row, chain, best]
            held = held.reshape(*tried.shape)[row, chain, best]
            length[part] = np.where(better > worth[part], length[part], _SHRINK * length[part])
            take = better >= worth[part]
            chains[part], worth[part] = np.where(take[..., None], held, chains[part]), np.maximum(better, worth[part])


def _cuts(guarded: Guarded, thresholds: Sequence[Array] | None) -> list[Array]:
    """Return for each coordinate the middles between the splits of the trees, and beyond the outer ones."""
    space = guarded.problem.space
    width = guarded.problem.origins.shape[1]
    cuts = [np.empty(0)] * width
    if thresholds is None or space.blanks is not None:
        return cuts
    numeric = [column for column, kind in enumerate(space.constraints) if kind.kind != "category"]
    for place, column in enumerate(numeric):
        values = (np.unique(thresholds[column]) - space.bounds[0, column]) / space.span[column]
        if len(values):
            inner = (values[1:] + values[:-1]) / 2
            cuts[place] = np.r_[values[0] - 1e-3, inner, values[-1] + 1e-3]
    return cuts


def _tries(
    guarded: Guarded,
    chains: Array,
    number: int,
    length: Array,
    stream: np.random.Generator,
    free: Array,
    cuts: list[Array],
) -> Array:
    """Return what is tried next (chains, moves, D) for one sample."""
    origin, size = guarded.problem.origins[number], guarded.epsilon
    tried = np.repeat(chains[:, None], _MOVES, axis=1)
    kinds = stream.integers(0, 4, (_CHAINS, _MOVES))
    for chain, move in np.ndindex(_CHAINS, _MOVES):
        point, kind = tried[chain, move], kinds[chain, move]
        some = stream.choice(free, min(len(free), 1 + stream.geometric(0.5)), replace=False)
        if kind == 0:
            point[some] = origin[some] + size * stream.choice([-1.0, 1.0], len(some))
        elif kind == 1:
            for coordinate in some:
                point[coordinate] = _level(origin[coordinate], size, cuts[coordinate], stream)
        elif kind == 2:
            point[free] += length[chain] * stream.standard_normal(len(free))
        else:
            one, other = stream.choice(_CHAINS, 2, replace=False)
            point += stream.uniform(0.3, 1.0) * (chains[one] - chains[other])
    return tried


def _level(origin: float, size: float, cuts: Array, stream: np.random.Generator) -> float:
    """Return a value within the size: a cell of the trees if there are any, else any."""
    near = cuts[np.abs(cuts - origin) <= size]
    return float(stream.choice(near)) if len(near) else float(origin + size * stream.uniform(-1, 1))
