"""The smallest change that crosses a plane: the closed form for linear models."""

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines._search.contrast import Contrast, Price
from xrai_widgets.engines._search.incumbents import Incumbents

_SLACK = (1e-9, 1e-6, 1e-4)  # beyond the plane, for the rounding of float64 and of float32 models
_PROBES, _ALIKE = 12, 1e-6
_DULL = -20.0  # log-probabilities below are rounded


def smallest_change(normal: Array, need: Array, low: Array, high: Array, beta: float) -> tuple[Array, Array]:
    """Return argmin β‖δ‖₁ + ‖δ‖₂² under ``normal · δ ≥ need`` and ``low ≤ δ ≤ high``, row by row.

    With multiplier c of the plane δ_i = clip(soft(c a_i, β) / 2, low_i, high_i); what δ gains, a · δ, rises with c and
    is linear between 2d known values of c, so that c is found by sorting them.

    Parameters
    ----------
    normal, low, high : array (m, d)
        ``low ≤ 0 ≤ high``.
    need : array (m,)
    beta : float

    Returns
    -------
    change : array (m, d)
        Where the box does not reach the plane, its corner nearest to it.
    reached : bool array (m,)
    """
    weight, cap = np.abs(normal), np.where(normal > 0, high, -low)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        begin, end = beta / weight, (beta + 2 * cap) / weight
    moves = np.isfinite(end) & (cap > 0)
    events = np.hstack([np.where(moves, begin, np.inf), np.where(moves, end, np.inf)])
    bend = np.where(moves, weight**2 / 2, 0.0)
    order = np.argsort(events, axis=1, kind="stable")
    at = np.take_along_axis(events, order, axis=1)
    slope = np.cumsum(np.take_along_axis(np.hstack([bend, -bend]), order, axis=1), axis=1)
    step = np.diff(np.where(np.isfinite(at), at, np.nanmax(np.where(np.isfinite(at), at, 0.0), initial=0.0)), axis=1)
    gain = np.hstack([np.zeros((len(at), 1)), np.cumsum(slope[:, :-1] * np.maximum(step, 0.0), axis=1)])
    reached = need <= np.where(moves, weight * cap, 0.0).sum(axis=1)
    place = np.maximum((gain < need[:, None]).sum(axis=1) - 1, 0)
    row = np.arange(len(at))
    rate = slope[row, place]
    ahead = np.divide(need - gain[row, place], rate, out=np.zeros(len(at)), where=rate > 0)
    multiplier = np.where(np.isfinite(at[row, place]), at[row, place], 0.0) + ahead
    size = np.where(moves, np.clip((multiplier[:, None] * weight - beta) / 2, 0.0, cap), 0.0)
    size = np.where(reached[:, None], np.where(need[:, None] > 0, size, 0.0), np.where(moves, cap, 0.0))
    change: Array = np.sign(normal) * size
    return change, reached


def smallest_cube(normal: Array, need: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Return argmin ‖δ‖∞ under ``normal · δ ≥ need`` and ``low ≤ δ ≤ high``, row by row, as `smallest_change` does.

    With radius r, δ_i = sign(a_i) · min(r, room_i); what δ gains is linear in r between the rooms, sorted.
    """
    weight, room = np.abs(normal), np.where(normal > 0, high, -low)
    room = np.where(weight > 0, room, 0.0)
    order = np.argsort(room, axis=1, kind="stable")
    at, heavy = np.take_along_axis(room, order, axis=1), np.take_along_axis(weight, order, axis=1)
    done = np.cumsum(heavy * at, axis=1)  # what the columns gain that are at their end at radius ``at``
    left = np.cumsum(heavy[:, ::-1], axis=1)[:, ::-1] - heavy
    gain = done + left * at
    reached = need <= gain[:, -1]
    place = np.minimum((gain < need[:, None]).sum(axis=1), at.shape[1] - 1)
    row = np.arange(len(at))
    before = done[row, place] - heavy[row, place] * at[row, place]
    rate = left[row, place] + heavy[row, place]
    radius = np.divide(need - before, rate, out=np.zeros(len(at)), where=rate > 0)
    radius = np.where(reached, np.maximum(radius, 0.0), np.inf)
    change: Array = np.sign(normal) * np.minimum(radius[:, None], room)
    return change, reached


def cheapest_columns(normal: Array, need: Array, low: Array, high: Array, by: str) -> tuple[Array, Array]:
    """Return argmin ‖δ‖₁ or ‖δ‖₀ under ``normal · δ ≥ need`` and ``low ≤ δ ≤ high``, row by row, as `smallest_change`.

    In l1 the steepest columns go to their ends, one after the other, in l0 those that gain most there; of the last one
    only as much as is needed, in l0 of all of them.
    """
    weight, room = np.abs(normal), np.where(normal > 0, high, -low)
    room = np.where(weight > 0, room, 0.0)
    gain = weight * room
    order = np.argsort(-(weight if by == "l1" else gain), axis=1, kind="stable")
    total = np.cumsum(np.take_along_axis(gain, order, axis=1), axis=1)
    reached = need <= total[:, -1]
    row = np.arange(len(total))
    last = np.minimum((total < need[:, None]).sum(axis=1), total.shape[1] - 1)
    rank = np.empty(order.shape, dtype=np.intp)
    np.put_along_axis(rank, order, np.broadcast_to(np.arange(order.shape[1]), order.shape), axis=1)
    size = np.where(rank <= last[:, None], room, 0.0)
    size = np.where(reached[:, None], np.where(need[:, None] > 0, size, 0.0), room)
    if by == "l0":
        share = np.divide(need, total[row, last], out=np.ones(len(total)), where=reached & (total[row, last] > 0))
        size = size * np.clip(share, 0.0, 1.0)[:, None]
    else:
        column = order[row, last]
        before = total[row, last] - gain[row, column]
        part = np.divide(need - before, weight[row, column], out=np.zeros(len(total)), where=weight[row, column] > 0)
        size[row, column] = np.where(reached & (need > 0), np.clip(part, 0.0, room[row, column]), size[row, column])
    change: Array = np.sign(normal) * size
    return change, reached


def nearest_crossing(
    price: Price, normal: Array, need: Array, low: Array, high: Array, beta: float = 0.0
) -> tuple[Array, Array]:
    """Return the cheapest change that crosses a plane, row by row, and whether the box reaches it."""
    if price == "linf":
        return smallest_cube(normal, need, low, high)
    if price == "elastic":
        return smallest_change(normal, need, low, high, beta)
    return cheapest_columns(normal, need, low, high, price)


def cross_linear(contrast: Contrast, incumbents: Incumbents, weights: Array, bias: Array) -> Array:
    """Fill ``incumbents`` with the nearest crossings of a linear model whose largest score decides the label.

    Parameters
    ----------
    weights, bias : array (k, d), array (k,) or (n, k)
        As `Subject.linear`; or intercepts for each instance.

    Returns
    -------
    bool array (n,)
        For which instances the model confirmed the optimum, or can decide for no other label inside the box.
    """
    n = len(contrast.samples)
    if not contrast.smooth:
        return np.zeros(n, dtype=bool)
    bias, holds = with_gaps(contrast, weights.T, bias)
    scores, owner = contrast.samples @ weights.T + bias, np.arange(n)
    least = np.full(n, np.inf)
    low, high = box(contrast, owner)
    for rival in range(len(weights)):
        normal = (weights[rival] - weights[contrast.labels]) * contrast.span
        lead = scores[owner, contrast.labels] - scores[:, rival]
        waiting = np.flatnonzero(contrast.labels != rival)
        for slack in (0.0, *_SLACK):
            if not len(waiting):
                break
            need = lead + slack * (np.abs(normal).max(axis=1) + np.abs(lead))
            corners = (normal[waiting], need[waiting], low[waiting], high[waiting])
            change, reached = nearest_crossing(contrast.price, *corners, contrast.beta)
            points = contrast.allowed(contrast.origins[waiting] + change * contrast.span, waiting)
            if slack == 0.0:  # what no point can beat
                cost = contrast.cost(contrast.origins[waiting] + change * contrast.span, waiting)
                least[waiting] = np.minimum(least[waiting], np.where(reached, cost, np.inf))
            if not reached.any():
                break
            _, _, success = incumbents.ask(contrast, points[reached], waiting[reached])
            waiting = waiting[reached][~success]
    close = incumbents.cost <= least * (1 + 1e-3) + 1e-15
    settled: Array = holds & (scores.argmax(axis=1) == contrast.labels) & (close | ~np.isfinite(least))
    return settled


def with_gaps(contrast: Contrast, weights: Array, bias: Array) -> tuple[Array, Array]:
    """Return intercepts (n, k) of the instances, and for which of them the weights (d, k) are known to hold.

    A model that puts constants in place of missing numbers is linear in the others. By how much that moves the scores
    is read off the model's own, on changes of the others at random: if it is the same for all of them, it holds. Where
    a gap may be filled it does not.

    Parameters
    ----------
    bias : array (k,) or (n, k)
        As they are where no number is missing.
    """
    n, space = len(contrast.samples), contrast.space
    every = np.broadcast_to(bias, (n, weights.shape[1])).copy()
    lacking = space.missing(contrast.samples).any(axis=1)
    holds: Array = np.logical_not(lacking)
    rng = np.random.default_rng(len(space.span))
    shares = rng.random((_PROBES, len(space.span))) * rng.random((_PROBES, 1))
    offsets = np.zeros((n, 1)) if contrast.offsets is None else contrast.offsets
    for number in np.flatnonzero(lacking & ~contrast.fillable.any(axis=1)):
        sample, (low, high) = contrast.samples[number], space.bounds
        probes = np.where(space.missing(sample[None]), sample, sample + shares * (low + (high - low) * shares - sample))
        outputs = contrast.scorer.scores(np.vstack([sample, probes]))
        clear = (outputs > _DULL).all(axis=1) | (contrast.scorer.logits is not None)
        if clear.sum() < _PROBES // 2:
            continue
        expected = _centred(np.vstack([sample, probes]) @ weights + every[number] - offsets[number])
        shift = (_centred(outputs) - expected)[clear]
        if np.abs(shift - shift[0]).max() <= _ALIKE * (1.0 + np.abs(outputs[clear]).max()):
            every[number] += shift[0]
            holds[number] = True
    return every, holds


def planes(contrast: Contrast, seed: int) -> tuple[Array, Array] | None:
    """Return (W, b) with scores(x) − mean = x W + b if that holds for the model, else None."""
    space, (low, high) = contrast.space, contrast.space.bounds
    if not contrast.smooth:
        return None
    rng = np.random.default_rng([seed, 2])
    probes = low + rng.random((64, len(low))) * (high - low)
    corner = np.vstack([low, low + np.diag(np.where(high > low, high - low, 1.0))])
    whole = contrast.samples[~space.missing(contrast.samples).any(axis=1)]
    scores = _centred(contrast.scorer.scores(np.vstack([corner, probes, whole])))
    base, steps = scores[0], scores[1 : len(corner)] - scores[0]
    weights = steps / np.diag(corner[1:] - low)[:, None]
    bias = base - low @ weights
    tried = np.vstack([probes, whole])
    targets = scores[len(corner) :]
    size = float(np.abs(targets).max()) or 1.0
    agrees = np.allclose(tried @ weights + bias, targets, rtol=0, atol=1e-5 * size)
    return (weights, bias) if agrees and space is not None else None


def cross_planes(contrast: Contrast, incumbents: Incumbents, weights: Array, bias: Array) -> Array:
    """Fill ``incumbents`` with the closed form for a linear model: per rival class, then the cheapest of them.

    A PN needs to beat one rival; a PP must beat all of them, which is one plane for two classes only. Return for which
    instances (n,) the form is known to hold.
    """
    bias, holds = with_gaps(contrast, weights, bias)
    scores = contrast.origins @ weights + bias
    for rival in range(weights.shape[1]):
        for slack in _SLACK:
            owner = np.flatnonzero((contrast.labels != rival) & ~_settled(incumbents, rival, slack))
            if not len(owner):
                break
            label = contrast.labels[owner]
            toward = weights[:, [rival]] - weights[:, label]
            lead = scores[owner, rival] - scores[owner, label]
            sign = 1.0 if contrast.mode == "PN" else -1.0
            normal = sign * toward.T * contrast.span
            need = contrast.kappa - sign * lead
            need = need + slack * (np.abs(normal).max(axis=1) + np.abs(lead) + 1.0)
            low, high = box(contrast, owner)
            change, _ = smallest_change(normal, need, low, high, contrast.beta)
            points = contrast.allowed(contrast.origins[owner] + change * contrast.span, owner)
            _, _, success = incumbents.ask(contrast, points, owner)
            if success.all():
                break
    return holds


def _settled(incumbents: Incumbents, rival: int, slack: float) -> Array:
    """Mask of the instances that need no larger slack."""
    return np.zeros(len(incumbents.cost), bool) if slack == _SLACK[0] else incumbents.done & (incumbents.label == rival)


def box(contrast: Contrast, owner: Array) -> tuple[Array, Array]:
    """Return how far the instances may change, (n, d) each way, in spans."""
    origins = contrast.origins[owner]
    return (contrast.low[owner] - origins) / contrast.span, (contrast.high[owner] - origins) / contrast.span


def _centred(scores: Array) -> Array:
    centred: Array = scores - scores.mean(axis=1, keepdims=True)
    return centred
