"""How the instances of CEM are explained: one kind of explanation after the other, then noisy copies."""

from dataclasses import replace

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Finding, Step
from xrai_widgets.engines._search.contrast import Contrast
from xrai_widgets.engines._search.differences import Differences
from xrai_widgets.engines._search.incumbents import Incumbents
from xrai_widgets.engines._search.scorer import Scorer, is_smooth
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.explanations.cem.finding import Explained, cem_finding, changed
from xrai_widgets.engines.explanations.cem.instances import exact_bounds
from xrai_widgets.engines.explanations.cem.objective import Objective
from xrai_widgets.engines.explanations.cem.search import Means, explain


def noisy(contrast: Contrast, noise: float, rng: np.random.Generator) -> Array:
    """Return allowed copies of the instances with uniform noise on their numbers."""
    points = contrast.space.to_coordinates(contrast.samples)
    numbers = points.shape[1] - sum(len(k.categories) for k in contrast.space.constraints if k.kind == "category")
    points[:, :numbers] += noise * rng.uniform(-1, 1, (len(points), numbers))
    return contrast.space.to_samples(points, contrast.samples)


def stability_table(
    explained: Explained, contrast: Contrast, incumbents: Incumbents, again: Contrast, other: Incumbents
) -> pd.DataFrame:
    """Compare what changes for each instance with what changes for its noisy copy (Jaccard index of the columns)."""
    both = incumbents.done & other.done & (contrast.labels == again.labels)
    first, second = changed(contrast, incumbents), changed(again, other)
    shared, either = (first & second).sum(axis=1), (first | second).sum(axis=1)
    status = np.where(
        both, "compared", np.where(contrast.labels == again.labels, "not found", "the noise alone changes the answer")
    )
    overlap = np.where(both, shared / np.maximum(either, 1), np.nan)
    ids = explained.ids[explained.index]
    return pd.DataFrame({"id": ids, "status": status, "overlap": overlap, "same": overlap == 1.0})


def flat(samples: Array) -> Array:
    """Return samples (n, …) as rows (n, d) of float64."""
    return samples.reshape(len(samples), -1).astype(np.float64)


def asked(scorer: Scorer, search: str, space: Space, pool: Array, seed: int) -> Scorer:
    """Return the scorer with finite differences if the search is to use them."""
    if search == "finite differences":
        return replace(scorer, gradient=None, differences=Differences.of(space))
    if search != "automatic" or scorer.gradient is not None:
        return scorer
    differences = Differences.of(space)
    return replace(scorer, differences=differences) if is_smooth(scorer, differences, pool, seed) else scorer


def explain_all(explained: Explained, objective: Objective, means: Means, noise: float, seed: int, step: Step) -> None:
    """Explain the instances, then noisy copies of them; what is found stands in ``explained`` at once."""

    def partial() -> Finding:
        return cem_finding(explained, finished=False)

    again = noise > 0 and "PN" in explained.parts
    end = len(explained.parts) / (len(explained.parts) + again)
    for number, (part, incumbents) in enumerate(explained.parts.values()):
        share = end / len(explained.parts)
        settled = explain(part, incumbents, means, step.part(number * share, (number + 1) * share), partial)
        if part.mode == "PN" and settled.all():
            explained.bounds = exact_bounds(part, objective.adds)
    if again:
        part, incumbents = explained.parts["PN"]
        copy, other = fresh(objective.about("PN", noisy(part, noise, np.random.default_rng([seed, 1]))))
        explain(copy, other, means, step.part(end, 1.0), partial)
        explained.stability = stability_table(explained, part, incumbents, copy, other)


def fresh(contrast: Contrast) -> tuple[Contrast, Incumbents]:
    """Return a search, and that nothing was found by it yet."""
    return contrast, Incumbents.untouched(contrast)
