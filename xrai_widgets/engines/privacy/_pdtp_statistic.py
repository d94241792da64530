"""How different two answers are, and whose turn it is to be left out."""

from collections.abc import Callable

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines.privacy._pdtp_finding import Leakage
from xrai_widgets.engines.privacy._refits import Arms

Scale = Callable[[Array], Array]
_NONE = np.empty(0)


def scale(p: Array, *, floor: float, binned: bool) -> Array:
    """Return the logarithms of probabilities, told apart from 0 by the floor or by the centres of hundredths."""
    # a probability on the edge of two hundredths belongs to the upper one
    seen = (np.clip(np.floor(p * 100 + 1e-9), 0, 99) + 0.5) / 100 if binned else np.maximum(p, floor)
    logs: Array = np.log(seen)
    return logs


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
    logs: Scale | None,
    place: int,
    without: Array | None,
    y: Array,
    rng: np.random.Generator,
) -> None:
    """Note what leaving out the sample at ``place`` changed; ``arms`` are on the scale ``logs`` already."""
    draw = rng.random()
    if without is None:
        leak.skip(len(arms.null))
        return
    everywhere = len(without) > 1
    rows = slice(None) if everywhere else slice(place, place + 1)
    reference = arms.reference[rows]
    raw = float(np.abs(reference - (without if logs is None else logs(without))).max())
    null = np.abs(reference - arms.null[:, rows]).max(axis=(1, 2)) if len(arms.null) else _NONE
    leak.raw.append(raw)
    leak.null.append(null)
    above, equal = int((null > raw).sum()), int((null == raw).sum())
    leak.p.append((above + draw * (equal + 1)) / (len(null) + 1) if len(null) else float("nan"))
    row = int(leak.chosen[place])
    leak.residuals.append(float(y[row] - without[row if everywhere else 0, 0]))
