"""The scales and the width of a kernel, as the training samples have them."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from scipy.spatial import distance

from xrai_widgets.core import Array, Constraint
from xrai_widgets.engines._missing import there
from xrai_widgets.engines.explanations._prototype_kernel import Kernel, Kind

_PAIRS = 1000  # samples whose distances the median heuristic looks at


def make_kernel(
    kind: Kind,
    sigma: float | None,
    scaled: bool,
    samples: Array,
    constraints: Sequence[Constraint],
    seed: int,
    others: Array | None = None,
) -> Kernel:
    """Return the kernel whose scales, and whose width if none is given, are those of ``samples``.

    Scaled numbers are divided by their standard deviation for the Gaussian kernel, and brought to [0, 1] for the linear
    one, which must not be centred. Members of one-hot groups are taken as they are. Without a sigma it is the median
    distance between two samples. Where numbers are missing in ``samples`` or ``others``, scales are those of the rest.

    Raises
    ------
    ValueError
        for an unknown kind, or a width that is not positive.
    """
    if kind not in ("gaussian", "linear"):
        raise ValueError(f"kernel must be 'gaussian' or 'linear', got {kind!r}")
    if sigma is not None and not 0 < sigma < float("inf"):
        raise ValueError(f"sigma must be a positive number, or None for the median distance, got {sigma!r}")
    flat = samples.reshape(len(samples), -1)
    columns = range(flat.shape[1])
    kinds = list(constraints) or [Constraint()] * len(columns)
    categories = tuple((c, len(kinds[c].categories)) for c in columns if kinds[c].kind == "category")
    numeric = np.array([c for c in columns if kinds[c].kind != "category"], dtype=np.intp)
    numbers = flat if len(numeric) == flat.shape[1] else flat[:, numeric]
    holes = _holes(numeric, samples, samples if others is None else others)
    low, high = (numbers.min(axis=0), numbers.max(axis=0)) if not len(holes) else _ends(numbers)
    scale = np.ones(len(numeric))
    if scaled:
        # column by column: the deviations of a whole table would take as much memory as the table
        unit = np.array([there(column).std() for column in numbers.T]) if kind == "gaussian" else high - low
        member = np.array([bool(kinds[c].group) for c in numeric], dtype=bool)
        varies = high > low
        scale = np.where(varies, 1.0 / np.where(varies, unit, 1.0), 0.0)
        scale[member] = 1.0
        low = np.where(member, 0.0, low)
    centre = numbers.mean(axis=0) if kind == "gaussian" else low if scaled else np.zeros(len(numeric))
    for place in holes if kind == "gaussian" else ():
        centre[place] = there(numbers[:, place]).mean()
    kernel = Kernel(kind, numeric, centre, scale, categories, holes=holes)
    if kind == "linear":
        return kernel
    return replace(kernel, sigma=_median_distance(kernel, samples, seed) if sigma is None else float(sigma))


def _holes(numeric: Array, *parts: Array) -> Array:
    """Return the places among the numeric columns in which a number is missing."""
    gone = np.any([np.isnan(part.reshape(len(part), -1)).any(axis=0) for part in parts], axis=0)
    return np.flatnonzero(gone[numeric])


def _ends(numbers: Array) -> tuple[Array, Array]:
    ends = np.array([(known.min(), known.max()) for known in map(there, numbers.T)]).reshape(-1, 2)
    return ends[:, 0], ends[:, 1]


def _median_distance(kernel: Kernel, samples: Array, seed: int) -> float:
    rows = np.random.default_rng((seed, 0)).permutation(len(samples))[:_PAIRS]
    apart = distance.pdist(kernel.embed(samples[np.sort(rows)]))
    positive = apart[apart > 0]
    if not len(positive):
        return 1.0  # all samples are alike: every width says the same
    middle = float(np.median(apart))
    return middle if middle > 0 else float(np.median(positive))
