"""Sparse search for models without gradients: change feature after feature, then take back what was not needed."""

from dataclasses import dataclass

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._search.contrast import Contrast
from xrai_widgets.engines._search.incumbents import Incumbents
from xrai_widgets.engines._search.levels import Levels
from xrai_widgets.engines._search.trimming import Units, trim

_FRACTIONS = (0.25, 0.5, 0.75, 1.0)  # of the way from the baseline to the instance
_STARTS, _NEIGHBOURS = 4, 60  # real samples to start from, and among how many they are looked for


@dataclass(frozen=True)
class Budget:
    """How much is tried.

    Parameters
    ----------
    levels : int
        Values per number.
    max_changes : int
        Features changed one after the other.
    rows : int
        Candidates held at once.
    thresholds : Levels, optional
        Where the model splits: the values that are tried, instead of those of known samples.
    """

    levels: int
    max_changes: int
    rows: int
    thresholds: Levels | None = None


def coordinate_search(
    contrast: Contrast,
    incumbents: Incumbents,
    pool: Array,
    budget: Budget,
    step: Step,
    partial: Partial = None,
    outputs: Array | None = None,
) -> None:
    """Fill ``incumbents`` by asking the model for candidates only; ``outputs`` are its for the pool.

    Two starts: features are changed one after the other, each time the one that raises the margin most for what it
    costs; and real samples that are labelled as wanted (PN), or the whole instance (PP). Both are then made cheaper.
    """
    units, moves = Units.read(contrast), _moves(contrast, pool, budget)
    _forward(contrast, incumbents, moves, budget, step.part(0.0, 0.35), partial)
    n = len(contrast.samples)
    starts = np.repeat(np.arange(n), _STARTS if contrast.mode == "PN" else 1)
    wide, second = contrast.part(starts), incumbents.part(starts)
    _start_from_samples(wide, second, pool, budget.rows, step.part(0.35, 0.45), outputs)
    _forward(wide, second, _moves(wide, pool, budget), budget, step.part(0.45, 0.65), partial)
    whose, both = np.r_[np.arange(n), starts], incumbents.beside(second)
    cuts = budget.thresholds
    trim(contrast.part(whose), both, step.part(0.65, 1.0), partial, units=units, rows=budget.rows, levels=cuts)
    incumbents.better(contrast, whose, both)


def _moves(contrast: Contrast, pool: Array, budget: Budget) -> list[tuple[Array, Array]]:
    """Return (columns, values) per move: values (n, columns), NaN where an instance cannot make it."""
    moves: list[tuple[Array, Array]] = []
    constraints, n = contrast.space.constraints, len(contrast.samples)
    groups: dict[str, list[int]] = {}
    for column, kind in enumerate(constraints):
        if kind.group:
            groups.setdefault(kind.group, []).append(column)
            continue
        low, high, origin = contrast.low[:, column], contrast.high[:, column], contrast.origins[:, column]
        if contrast.mode == "PP":
            way = contrast.samples[:, column] - origin
            steps = (1.0,) if kind.kind == "category" else _FRACTIONS
            values = [origin + share * way for share in steps]
        elif kind.kind == "category":
            values = [np.full(n, float(code)) for code in range(len(kind.categories))]
        else:
            values = values_of(contrast, column, pool, budget)
        for value in values:
            value = np.rint(value) if kind.kind == "integer" else value
            can = (value >= low) & (value <= high) & (value != origin)
            if can.any():
                moves.append((np.array([column]), np.where(can, value, np.nan)[:, None]))
    for columns in (np.array(group) for group in groups.values()):
        for member in range(len(columns)):
            target = np.tile(np.eye(len(columns))[member], (n, 1))
            if contrast.mode == "PP":
                target = np.where(contrast.samples[:, columns[[member]]] == 1, target, np.nan)
            now = contrast.origins.copy()
            now[:, columns] = np.where(np.isnan(target), now[:, columns], target)
            reached = contrast.allowed(now, np.arange(n))[:, columns]
            can = (reached == target).all(axis=1) & (target != contrast.origins[:, columns]).any(axis=1)
            if can.any():
                moves.append((columns, np.where(can[:, None], target, np.nan)))
    return moves


def values_of(contrast: Contrast, column: int, pool: Array, budget: Budget) -> list[Array]:
    """Return the values (n,) that a number may be changed to: those of known samples, or just beyond a threshold.

    Where a gap may be filled, the lowest one, too: there is no threshold below it.
    """
    n, origin = len(contrast.samples), contrast.origins[:, column]
    cuts = None if budget.thresholds is None else budget.thresholds.values[column]
    numbers = pool[~contrast.space.missing(pool)[:, column], column] if cuts is None else cuts
    gaps, least = contrast.fillable[:, column], contrast.space.bounds[0, column]
    lowest = [np.where(gaps, least, np.nan)] if gaps.any() else []
    if not len(numbers):
        return lowest
    marks = np.quantile(numbers, np.linspace(0, 1, budget.levels), method="nearest")
    if budget.thresholds is not None:
        return [*lowest, *(budget.thresholds.after(column, np.full(n, mark), origin) for mark in np.unique(marks))]
    return [np.full(n, mark) for mark in np.unique(np.r_[marks, contrast.space.bounds[:, column]])]


def _forward(
    contrast: Contrast,
    incumbents: Incumbents,
    moves: list[tuple[Array, Array]],
    budget: Budget,
    step: Step,
    partial: Partial,
) -> None:
    owner = np.flatnonzero(~incumbents.done)
    current = incumbents.points[owner].copy()  # the origins, or what came nearest so far
    margin = contrast.judge(current, owner)[0] if len(owner) else np.empty(0)
    for number in range(budget.max_changes):
        step(number / budget.max_changes, f"{contrast.mode}: {number + 1} features changed", partial)
        if not len(owner) or not moves:
            return
        best = np.full(len(owner), -np.inf)
        chosen, reached = current.copy(), margin.copy()
        size = max(1, budget.rows // len(moves))
        for start in range(0, len(owner), size):
            rows = np.arange(start, min(start + size, len(owner)))
            tried, whose = _apply(moves, current[rows], owner[rows])
            if not len(tried):
                continue
            place = rows[whose]
            cost = contrast.cost(tried, owner[place])
            nearer = np.flatnonzero(cost < incumbents.cost[owner[place]])  # the others could be of no use
            if not len(nearer):
                continue
            tried, place, cost = tried[nearer], place[nearer], cost[nearer]
            got, _, success = incumbents.ask(contrast, tried, owner[place])
            paid = cost - contrast.cost(current[place], owner[place])
            worth = (got - margin[place]) / np.maximum(paid, 1e-3)
            # beyond a success several small changes may still be cheaper than one large one
            worth[success | (cost >= incumbents.cost[owner[place]])] = -np.inf
            order = np.lexsort((-worth, place))
            first = order[np.diff(place[order], prepend=-1) > 0]
            first = first[worth[first] > 0]
            best[place[first]], chosen[place[first]], reached[place[first]] = worth[first], tried[first], got[first]
        goes = best > 0
        owner, current, margin = owner[goes], chosen[goes], reached[goes]


def _apply(moves: list[tuple[Array, Array]], current: Array, owner: Array) -> tuple[Array, Array]:
    """Return all candidates (r, d) one move away, and the row of ``current`` that each comes from."""
    tried, whose = [], []
    for columns, values in moves:
        wanted = values[owner]
        can = np.flatnonzero(~np.isnan(wanted).any(axis=1) & (wanted != current[:, columns]).any(axis=1))
        changed = current[can].copy()
        changed[:, columns] = wanted[can]
        tried.append(changed)
        whose.append(can)
    return np.vstack(tried), np.concatenate(whose)


def _start_from_samples(
    contrast: Contrast, second: Incumbents, pool: Array, rows: int, step: Step, outputs: Array | None = None
) -> None:
    """Put allowed real samples into ``second``: the nearest that are labelled as wanted, or the instances.

    The instances come ``_STARTS`` times one after the other; each copy gets other samples.
    """
    n = len(contrast.samples)
    second.cost[second.cost > 0] = np.inf
    if contrast.mode == "PP":
        second.ask(contrast, contrast.samples, np.arange(n))
        return
    outputs = contrast.outputs(pool) if outputs is None else outputs
    taken, owners = [], []
    for number in range(0, n, _STARTS):
        others = pool[contrast.seen(outputs, number) != contrast.labels[number]]
        if not len(others) or second.done[number]:
            continue
        owner = np.full(len(others), number)
        near = contrast.allowed_from(others, owner)
        first = np.argsort(contrast.cost(near, owner), kind="stable")[:_NEIGHBOURS]
        taken.append(near[first])
        owners.append(number + np.arange(len(first)) % _STARTS)
        if len(owners) * _NEIGHBOURS >= rows:
            step(number / n, f"{contrast.mode}: real samples with another label")
            second.ask(contrast, np.vstack(taken), np.concatenate(owners))
            taken, owners = [], []
    if taken:
        second.ask(contrast, np.vstack(taken), np.concatenate(owners))
