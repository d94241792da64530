"""The samples whose outputs show what kind of outputs a model has: many, of all the data, and changed ones."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from xrai_widgets.core.subject import Array
from xrai_widgets.models.bounds import ranges
from xrai_widgets.models.inputs import Inputs

FIRST = 256  # samples of X that are asked, at least
_MOST = 4096  # samples of each part of the data
_CELLS = 2_000_000  # numbers of each part of the data
_CHANGED = 256


def telling_rows(arrays: Mapping[str, Array], inputs: Inputs, bounds: Array | None = None) -> tuple[Array, ...]:
    """Return samples of each part of the data, then samples such as an attack makes.

    A sigmoid on a narrow table looks like a logit, and the other way round: what a few samples show, other ones refute.
    Of a large part, samples are taken at equal distances. In the changed samples each cell is one of some other
    sample; in every second one, columns of numbers are drawn evenly between their bounds.

    Parameters
    ----------
    arrays : mapping
        Encoded samples by role; ``X`` first.
    inputs : Inputs
    bounds : array (2, d), optional
        By default the ranges of the data.
    """
    parts = [_few(part) for part in arrays.values()]
    pool = np.concatenate(parts)
    flat = pool.reshape(len(pool), -1).astype(np.float64)
    rng = np.random.default_rng(0)
    count = min(_CHANGED, max(len(parts[0]), 2))
    changed = flat[rng.integers(len(flat), size=(count, flat.shape[1])), np.arange(flat.shape[1])]
    free = [column for column, kind in enumerate(inputs.constraints) if kind.kind == "continuous" and not kind.group]
    if free:
        low, high = ranges(flat) if bounds is None else bounds
        drawn = rng.uniform(low[free], high[free], size=(len(changed[::2]), len(free)))
        changed[np.ix_(np.arange(0, count, 2), np.array(free))] = drawn
    return (*parts, changed.reshape(count, *pool.shape[1:]).astype(pool.dtype))


def _few(part: Array) -> Array:
    most = max(FIRST, min(_MOST, _CELLS // max(1, part[0].size)))
    if len(part) <= most:
        return part
    taken: Array = part[np.unique(np.r_[np.arange(FIRST), np.linspace(0, len(part) - 1, most - FIRST).astype(int)])]
    return taken


def outputs_of(ask: Callable[[Array], Array], parts: Sequence[Array]) -> Array:
    """Return the outputs for all parts, one below the other.

    For changed samples, the last part, a model may have no output: a category that its encoder does not know. Then
    they are left out. An error on the data themselves is raised.
    """
    first = ask(parts[0])
    if first.ndim < 1 or len(first) != len(parts[0]) or not first.size:
        return first  # whoever reads it reports what is wrong with the shape
    outputs = [first, *(ask(part) for part in parts[1:-1])]
    try:
        last = ask(parts[-1])
    except Exception:  # noqa: BLE001 - the user's model: it may raise anything
        last = first[:0]
    if last.ndim < 1 or len(last) != len(parts[-1]) or (last.dtype.kind in "fc" and not np.isfinite(last).all()):
        last = first[:0]
    same = [part for part in (*outputs, last) if part.shape[1:] == first.shape[1:]]
    return np.concatenate(same)
