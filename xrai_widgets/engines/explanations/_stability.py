"""Does a little noise on an instance change what its explanation says?"""

import numpy as np
import pandas as pd

from xrai_widgets.core import Array
from xrai_widgets.engines._search.contrast import Contrast
from xrai_widgets.engines._search.found import Found
from xrai_widgets.engines.explanations._cem_finding import Explained, changed


def noisy(contrast: Contrast, noise: float, rng: np.random.Generator) -> Array:
    """Return allowed copies of the instances with uniform noise on their numbers."""
    points = contrast.space.to_coordinates(contrast.samples)
    numbers = points.shape[1] - sum(len(k.categories) for k in contrast.space.constraints if k.kind == "category")
    points[:, :numbers] += noise * rng.uniform(-1, 1, (len(points), numbers))
    return contrast.space.to_samples(points, contrast.samples)


def stability_table(
    explained: Explained, contrast: Contrast, found: Found, again: Contrast, other: Found
) -> pd.DataFrame:
    both = found.done & other.done & (contrast.labels == again.labels)
    first, second = changed(contrast, found), changed(again, other)
    shared, either = (first & second).sum(axis=1), (first | second).sum(axis=1)
    status = np.where(
        both, "compared", np.where(contrast.labels == again.labels, "not found", "the noise alone changes the answer")
    )
    overlap = np.where(both, shared / np.maximum(either, 1), np.nan)
    ids = explained.ids[explained.index]
    return pd.DataFrame({"id": ids, "status": status, "overlap": overlap, "same": overlap == 1.0})
