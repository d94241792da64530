"""A search by scores alone for the most trusted change inside ε that gets another label."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines.robustness.confidence_detection.guarded import Guarded

_STREAM = 62  # of the seed
_CHAINS, _MOVES, _DRAWS = 4, 8, 128  # places that are searched from at once, tries from each per round, draws at first
_SHRINK = 0.9  # of the length of a step, where nothing better was there
_BEYOND = 1e-6  # of a split, in coordinates: models compare in float32
_NOTE = "searching where the detector trusts another label"


@dataclass(frozen=True)
class Settings:
    """Budget of the search: 128 queries per sample, then rounds of 32."""

    rounds: int = 60
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

    Tries set some coordinates to the ends of the ball, to between two splits of the trees or anywhere, step at random,
    add the difference of two other places (Storn and Price 1997) or begin anew. A place is left for one that is no
    worse.

    Parameters
    ----------
    starts : list of (points (r, D), int array (r,))
        Where searches begin beside random places, and whose changes these are.
    thresholds : sequence of arrays, optional
        Where a model made of trees splits each column.
    """
    problem, n = guarded.problem, len(guarded.problem.samples)
    if not problem.space.free.any():
        return
    moves = _Moves.of(guarded, thresholds)
    streams = [np.random.default_rng([settings.seed, _STREAM, int(number)]) for number in problem.numbers]
    group = max(1, problem.rows // _DRAWS)
    for first in range(0, n, group):
        owner = np.arange(first, min(first + group, n))
        here = step.part(first / n, (owner[-1] + 1) / n)
        here(0.0, _NOTE, made)
        mine = [streams[number] for number in owner]
        chains, worth = _begin(guarded, starts, owner, mine)
        length = np.full(worth.shape, 0.5 * guarded.epsilon)
        for number in range(settings.rounds):
            here(number / settings.rounds, _NOTE, made)
            tried = moves.tries(chains, owner, length, mine)
            whose = np.repeat(owner, _CHAINS * _MOVES)
            held = guarded.held(tried.reshape(len(whose), -1), whose)
            fitness = guarded.look(held, whose).fitness.reshape(-1, _CHAINS, _MOVES)
            best = fitness.argmax(axis=2)
            row, chain = np.ogrid[: len(owner), :_CHAINS]
            better, held = fitness[row, chain, best], held.reshape(tried.shape)[row, chain, best]
            length = np.where(better > worth, length, _SHRINK * length)
            chains = np.where((better >= worth)[..., None], held, chains)
            worth = np.maximum(better, worth)


def _begin(
    guarded: Guarded, starts: list[tuple[Array, Array]], owner: Array, streams: list[np.random.Generator]
) -> tuple[Array, Array]:
    """Return a few good places (n, chains, D) among random ones in the ball and at its ends, and of the given ones."""
    problem, size = guarded.problem, guarded.epsilon
    width, half = problem.origins.shape[1], _DRAWS // 2
    tried = [np.repeat(problem.origins[owner][:, None], 1, axis=1)]
    inner = [guarded.anywhere(owner, streams) for _ in range(half)]
    signs = np.stack([stream.choice([-1.0, 1.0], (half, width)) for stream in streams])
    tried += [np.stack(inner, axis=1), problem.origins[owner][:, None] + size * signs]
    for points, whose in starts:
        place = np.searchsorted(whose, owner)
        there = (place < len(whose)) & (whose[np.minimum(place, len(whose) - 1)] == owner)
        given = problem.origins[owner]
        given[there] = points[place[there]]
        tried.append(given[:, None])
    every = np.concatenate(tried, axis=1)
    whose = np.repeat(owner, every.shape[1])
    held = guarded.held(every.reshape(len(whose), width), whose)
    fitness = guarded.look(held, whose).fitness.reshape(len(owner), -1)
    # the best of each of several strides: places that lie apart
    part = np.arange(every.shape[1]) % _CHAINS
    order = np.stack([np.where(part == chain, fitness, -np.inf).argmax(axis=1) for chain in range(_CHAINS)], axis=1)
    row = np.arange(len(owner))[:, None]
    return held.reshape(every.shape)[row, order], fitness[row, order]


@dataclass(frozen=True, eq=False)
class _Moves:
    """How the next tries are made.

    Parameters
    ----------
    free : int array (F,)
        Coordinates that may change.
    levels : array (F, L)
        Places beside and between the splits of the trees, rising, infinite beyond the last one.
    first, count : int array (n, F)
        Which of them lie in the ball of each sample.
    """

    guarded: Guarded
    free: Array
    levels: Array
    first: Array
    count: Array

    @classmethod
    def of(cls, guarded: Guarded, thresholds: Sequence[Array] | None) -> "_Moves":
        """Return the moves for the samples under attack."""
        free = np.flatnonzero(guarded.problem.space.free)
        cuts = [_cells(guarded, thresholds, coordinate) for coordinate in free]
        levels = np.full((len(free), max(map(len, cuts)) or 1), np.inf)
        for place, values in enumerate(cuts):
            levels[place, : len(values)] = values
        origins = guarded.problem.origins[:, free].T
        low = _places(levels, origins - guarded.epsilon, "left")
        high = _places(levels, origins + guarded.epsilon, "right")
        return cls(guarded, free, levels, low, high - low)

    def tries(self, chains: Array, owner: Array, length: Array, streams: list[np.random.Generator]) -> Array:
        """Return what is tried next (n, chains, moves, D)."""
        shape, size = (_CHAINS, _MOVES, len(self.free)), self.guarded.epsilon
        kind, some, part, noise = (
            np.stack(drawn) for drawn in zip(*(_drawn(stream, shape) for stream in streams), strict=True)
        )
        origins = self.guarded.problem.origins[owner][:, self.free][:, None, None]
        now = chains[:, :, None, :][..., self.free]
        ends = origins + size * np.where(part < 0.5, -1.0, 1.0)
        first, count = (array[owner][:, None, None] for array in (self.first, self.count))
        place = np.minimum(first + (part * count).astype(np.intp), self.levels.shape[1] - 1)
        level = np.where(count > 0, self.levels[np.arange(len(self.free)), place], origins + size * (2 * part - 1))
        ahead = chains[:, np.r_[1:_CHAINS, 0]] - chains[:, np.r_[2:_CHAINS, 0, 1]]
        along = now + (0.3 + 0.7 * part[..., :1]) * ahead[:, :, None, :][..., self.free]
        options = (
            np.where(some, ends, now),
            np.where(some, level, now),
            now + length[:, :, None, None] * noise,
            np.where(some, now + length[:, :, None, None] * noise, now),
            np.broadcast_to(along, part.shape),
            level,
        )
        tried = np.repeat(chains[:, :, None], _MOVES, axis=2)
        tried[..., self.free] = np.choose(kind[..., None], options)
        return tried


def _places(levels: Array, values: Array, side: Literal["left", "right"]) -> Array:
    """Return where the values (F, n) stand among the levels (F, L), as (n, F)."""
    return np.stack([np.searchsorted(line, at, side) for line, at in zip(levels, values, strict=True)], axis=1)


def _drawn(stream: np.random.Generator, shape: tuple[int, int, int]) -> tuple[Array, Array, Array, Array]:
    """Return a kind of move, which coordinates it touches (one at least), numbers in [0, 1) and normal ones."""
    kind = stream.integers(0, 6, shape[:2])
    rate = stream.geometric(0.4, shape[:2]) / shape[2]
    some = stream.random(shape) < rate[..., None]
    np.put_along_axis(some, stream.integers(0, shape[2], (*shape[:2], 1)), True, axis=2)
    return kind, some, stream.random(shape), stream.standard_normal(shape)


def _cells(guarded: Guarded, thresholds: Sequence[Array] | None, coordinate: int) -> Array:
    """Return coordinates in the middle between two splits of the trees, and just beyond each."""
    space = guarded.problem.space
    numeric = [column for column, kind in enumerate(space.constraints) if kind.kind != "category"]
    if thresholds is None or coordinate >= len(numeric):
        return np.empty(0)
    column = numeric[coordinate]
    values = (np.unique(thresholds[column]) - space.bounds[0, column]) / space.span[column]
    if not len(values):
        return np.empty(0)
    return np.sort(np.r_[values - _BEYOND, (values[1:] + values[:-1]) / 2, values + _BEYOND])
