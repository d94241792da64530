"""Random changes around an instance and around what was found for it: they know nothing of the model's form."""

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.engines._search.contrast import Contrast, Price
from xrai_widgets.engines._search.incumbents import Incumbents
from xrai_widgets.engines._search.levels import Levels
from xrai_widgets.engines._space import Norm, length

_FLAT = 4  # so many columns are filled evenly
_ROUNDS = 3
_TRIES, _LEAST = 16, 0.01  # candidates of a round; relative gain below which refining has ended
_BALLS: dict[Price, Norm] = {"elastic": "l2", "l0": "linf", "l1": "l1", "linf": "linf"}
_SMALL = 1e-3  # width of the steps below which it has ended, too


def probe(
    contrast: Contrast, incumbents: Incumbents, count: int, seed: int, step: Step, levels: Levels | None = None
) -> None:
    """Ask for points that would cost less than what is known, spread over all of them; fill ``incumbents``.

    Few columns are filled evenly (Halton's sequence), in many a few columns move at a time. All instances get the same
    draws, so that a result does not depend on which others are looked at. Where the thresholds are known, each draw
    stands for its cell, and is moved to the nearest point of it.
    """
    columns = np.flatnonzero(contrast.moving)
    if not len(columns) or not count:
        return
    each = max(1, count // _ROUNDS)
    draws = _draws(each * _ROUNDS, len(columns), contrast.price, seed)
    size = max(1, contrast.scorer.rows // each)
    for number in range(_ROUNDS):
        step(number / _ROUNDS, f"{contrast.mode}: near the sample")
        change = draws[number * each : (number + 1) * each]
        for start in range(0, len(incumbents.cost), size):
            owner = np.arange(start, min(start + size, len(incumbents.cost)))
            owner = owner[(incumbents.cost[owner] > 0) & (contrast.low[owner] < contrast.high[owner]).any(axis=1)]
            if len(owner):
                _ask_around(contrast, incumbents, change, columns, owner, levels)


def _ask_around(
    contrast: Contrast, incumbents: Incumbents, change: Array, columns: Array, owner: Array, levels: Levels | None
) -> None:
    origins = np.repeat(contrast.origins[owner], len(change), axis=0)
    whose, room = np.repeat(owner, len(change)), np.tile(change, (len(owner), 1))
    cost, points = incumbents.cost[whose], origins.copy()
    finite = np.isfinite(cost)
    reach = np.where(finite, contrast.stretch(np.eye(1, len(columns)).repeat(len(whose), axis=0), cost), 1.0)
    low, high = contrast.low[whose][:, columns], contrast.high[whose][:, columns]
    moved = origins[:, columns] + room * reach[:, None] * contrast.span[columns]
    anywhere = low + (room + 1) / 2 * (high - low)
    if contrast.price == "l0":
        moved = np.where(room == 0, origins[:, columns], anywhere)
    points[:, columns] = np.where(finite[:, None], np.clip(moved, low, high), anywhere)
    _ask(contrast, incumbents, points, whose, levels)


def _ask(contrast: Contrast, incumbents: Incumbents, points: Array, owner: Array, levels: Levels | None) -> None:
    """Ask for what would be nearer; of each cell once, unless a rule tells samples apart that the trees do not."""
    if levels is None or contrast.scorer.decide is not None:
        incumbents.ask_nearer(contrast, contrast.allowed(points, owner), owner)
        return
    points = contrast.allowed(levels.snap(contrast.allowed(points, owner), contrast.origins[owner]), owner)
    once = {(number, point.tobytes()): row for row, (number, point) in enumerate(zip(owner, points, strict=True))}
    rows = np.array([*once.values()])
    incumbents.ask_nearer(contrast, points[rows], owner[rows])


def _draws(count: int, width: int, price: Price, seed: int) -> Array:
    """Return changes (count, width) in the cube from −1 to 1, for few columns without those that lie in its corners."""
    rng = np.random.default_rng([seed, 4])
    if width <= _FLAT:
        from scipy.stats import qmc

        cube: Array = 2 * qmc.Halton(width, seed=np.random.default_rng([seed, 5])).random(3 * count) - 1
        inside = length(cube, _BALLS[price]) <= 1
        kept: Array = cube[inside]
        return np.resize(kept, (count, width)) if len(kept) < count else kept[:count]
    few = np.minimum(2 ** rng.integers(0, int(np.log2(width)) + 1, count), width)
    rank = rng.random((count, width)).argsort(axis=1)
    cubic = price in ("linf", "l0")
    noise = rng.uniform(-1, 1, (count, width)) if cubic else rng.standard_normal((count, width))
    noise[rank >= few[:, None]] = 0.0
    if price == "l0":
        return noise
    size = length(noise, _BALLS[price])
    spread: Array = noise / size[:, None] * rng.random((count, 1)) ** (1 / np.minimum(few, 4))[:, None]
    return spread


def refine(
    contrast: Contrast,
    incumbents: Incumbents,
    rounds: int,
    seed: int,
    step: Step,
    tries: int = _TRIES,
    levels: Levels | None = None,
) -> None:
    """Change what is found a little, always to what would cost less, until the gain falls below a hundredth.

    The steps grow after a success and shrink after a failure.
    """
    columns = np.flatnonzero(contrast.moving)
    if not len(columns):
        return
    n = len(incumbents.cost)
    width, idle = np.full(n, 0.3), np.zeros(n, dtype=int)
    for number in range(rounds):
        owner = np.flatnonzero(incumbents.done & (incumbents.cost > 0) & (idle < 3) & (width > _SMALL))
        if not len(owner):
            return
        step(number / rounds, f"{contrast.mode}: around the nearest change")
        rng = np.random.default_rng([seed, 6, number])
        noise = rng.standard_normal((tries, len(columns)))
        noise[::2] *= rng.random((len(noise[::2]), len(columns))) < 3 / len(columns)
        shrink = 1 - 10 ** rng.uniform(-3, -0.5, tries)
        shrink[0] = 0.5  # and straight back to the origin
        noise[0] = 0.0
        before = incumbents.cost[owner].copy()
        size = max(1, contrast.scorer.rows // tries)
        for start in range(0, len(owner), size):
            _around(contrast, incumbents, columns, owner[start : start + size], noise, shrink, width, levels)
        gain = 1 - incumbents.cost[owner] / before
        width[owner] *= np.where(gain > 0, 1.3, 0.5)
        idle[owner] = np.where(gain < _LEAST, idle[owner] + (gain > 0), 0)


def _around(
    contrast: Contrast,
    incumbents: Incumbents,
    columns: Array,
    owner: Array,
    noise: Array,
    shrink: Array,
    width: Array,
    levels: Levels | None,
) -> None:
    tries, whose = len(noise), np.repeat(owner, len(noise))
    origins, points = contrast.origins[whose], incumbents.points[whose]
    change = (points - origins)[:, columns] / contrast.span[columns]
    length = np.sqrt((change**2).mean(axis=1, keepdims=True)) * width[whose, None]
    change = change + np.tile(noise, (len(owner), 1)) * length
    rest = points.copy()
    rest[:, columns] = origins[:, columns]  # what categories and groups cost stays
    free = incumbents.cost[whose] * np.tile(shrink, len(owner)) - contrast.cost(rest, whose)
    free = (
        np.where(free > 0, free, 0.0)
        if contrast.price in ("elastic", "l1")
        else incumbents.cost[whose] * np.tile(shrink, len(owner))
    )
    factor = contrast.stretch(change, free)
    points[:, columns] = origins[:, columns] + np.minimum(factor, 1e6)[:, None] * change * contrast.span[columns]
    assert len(points) == tries * len(owner)
    _ask(contrast, incumbents, points, whose, levels)
