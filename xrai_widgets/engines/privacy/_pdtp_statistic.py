"""How different two answers are, and whose turn it is to be left out."""

from collections.abc import Callable

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines.privacy._pdtp_finding import Leakage
from xrai_widgets.engines.privacy._refits import Arms

Compare = Callable[[Array, Array], float]


def log_ratio(a: Array, b: Array, *, floor: float, binned: bool) -> float:
    """Return max |log a − log b| over rows and classes."""
    a, b = (_centres(x) if binned else np.maximum(x, floor) for x in (a, b))
    return float(np.abs(np.log(a) - np.log(b)).max())


def shift(a: Array, b: Array) -> float:
    """Return max |a − b|."""
    return float(np.abs(a - b).max())


def _centres(p: Array) -> Array:
    """Return the centres of the hundredths that hold the probabilities."""
    edges = np.round(np.arange(0.0, 1.01, 0.01), 2)
    centres: Array = (np.clip(np.searchsorted(edges, p, side="right"), 1, 100) - 0.5) / 100
    return centres


def choose(samples: str, n_samples: int, ids: Array | None, n: int, seed: int) -> Array:
    """Return the rows to leave out: those with the given ids, else a draw without replacement in random order."""
    rng = np.random.default_rng((seed, 0))
    if not samples.strip():
        return rng.permutation(n)[:n_samples]
    names = [str(name) for name in (range(n) if ids is None else ids.tolist())]
    place = {name: index for index, name in enumerate(names)}
    wanted = list(dict.fromkeys(part.strip() for part in samples.split(",") if part.strip()))
    unknown = [name for name in wanted if name not in place]
    if unknown:
        raise ValueError(
            f"samples must name training samples by id, such as {', '.join(names[:3])}, got {', '.join(unknown[:5])}"
        )
    return rng.permutation([place[name] for name in wanted])


def add(
    leak: Leakage,
    arms: Arms,
    compare: Compare,
    place: int,
    without: Array | None,
    y: Array,
    rng: np.random.Generator,
) -> None:
    """Note what leaving out the sample at ``place`` changed."""
    draw = rng.random()
    if without is None:
        leak.skip(len(arms.null))
        return
    everywhere = len(without) > 1
    rows = slice(None) if everywhere else slice(place, place + 1)
    reference = arms.reference[rows]
    raw = compare(reference, without)
    null = np.array([compare(reference, other[rows]) for other in arms.null])
    leak.raw.append(raw)
    leak.null.append(null)
    above, equal = int((null > raw).sum()), int((null == raw).sum())
    leak.p.append((above + draw * (equal + 1)) / (len(null) + 1) if len(null) else float("nan"))
    row = int(leak.chosen[place])
    leak.residuals.append(float(y[row] - without[row if everywhere else 0, 0]))
