"""CEM: what would change the model's answer, and what suffices for it?"""

from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd

from xrai_widgets.core import (
    Array,
    Constraint,
    Finding,
    Gradient,
    Measure,
    Predict,
    Range,
    Requires,
    Step,
    assessment,
    quiet,
)
from xrai_widgets.core.step import Partial
from xrai_widgets.core.subject import Decode
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.explanations import _fista
from xrai_widgets.engines.explanations._boxes import negative_box, positive_origins, typical
from xrai_widgets.engines.explanations._cem_finding import Explained, cem_finding, changed
from xrai_widgets.engines.explanations._contrast import Answers, Contrast, Found, Mode
from xrai_widgets.engines.explanations._coordinate_search import Budget, coordinate_search, trim
from xrai_widgets.engines.explanations._projection import cross_planes, planes, polish

_POOL = 1000  # real samples whose values and answers the search knows
_POLISH = 30


@assessment(
    title="Contrastive explanations (CEM)",
    measures=(
        Measure("pn_share", "lower"),
        Measure("validity", "higher"),
    ),
    reference="Dhurandhar et al. 2018, arXiv:1802.07623",
)
def cem(
    predict: Predict,
    X: Array,
    y: Array,
    bounds: Array,
    constraints: tuple[Constraint, ...] = (),
    X_train: Array | None = None,
    logits: Predict | None = None,
    gradient: Gradient | None = None,
    feature_names: tuple[str, ...] = (),
    ids: Array | None = None,
    classes: tuple[Any, ...] = (),
    decode: Decode | None = None,
    *,
    mode: Annotated[
        Literal["both", "PN", "PP"], "PN: what would change the answer; PP: what suffices to keep it"
    ] = "both",
    n_samples: Annotated[int, Range(1, 100_000), "how many of the test samples are explained"] = 20,
    instances: Annotated[str, "ids of the samples to explain, separated by commas; empty: drawn"] = "",
    search: Annotated[
        Literal["automatic", "gradient", "coordinate"],
        Requires("gradient", "gradient"),
        "automatic: exact for linear models, by gradients where the model has them, else feature by feature",
    ] = "automatic",
    kappa: Annotated[
        float | None, Range(0, 1000), "by how much the answer must win; automatic: 0.2 for tables, 10 for images' logits"
    ] = None,
    beta: Annotated[float, Range(0, 1000), "weight of the absolute change: the larger, the fewer features"] = 0.1,
    c: Annotated[float, Range(1e-6, 1e6), "weight of the answer from which the search for it starts"] = 10.0,
    max_iter: Annotated[int, Range(1, 100_000), "iterations for each weight of the answer"] = 1000,
    binary_steps: Annotated[int, Range(1, 50), "weights of the answer that are tried"] = 9,
    classic: Annotated[
        bool | None, "a PN only adds to what the baseline lacks, as in the paper; automatic: for images"
    ] = None,
    noise: Annotated[
        float, Range(0, 1), "size of the noise, as a share of the ranges, under which PNs are compared; 0: not at all"
    ] = 0.01,
    scale: Annotated[Literal["range", "raw"], "sizes as shares of each feature's range, or in raw units"] = "range",
    seed: Annotated[int, Range(0, 2**31 - 1), "of the choice of samples and of the noise"] = 0,
    memory_limit: Annotated[float, Range(0.05, 64), "GB that the working arrays may take"] = 1.0,
    step: Step = quiet,
) -> Finding:
    """Find for each sample the smallest change that alters the model's answer, and the smallest part that keeps it.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities.
    X, y : array (n, …), int array (n,)
        Samples to explain and their labels. What is explained is the model's answer, right or wrong.
    bounds : array (2, d)
        Lowest and highest allowed value per feature.
    constraints : tuple of Constraint, optional
        What each column may hold; both kinds of explanations are allowed changes of the sample.
    X_train : array, optional
        Its medians and most frequent categories are the baseline of a table; without it those of X. That of images
        is 0.
    logits, gradient : callable, optional
        Used where the model has them.
    feature_names, ids, classes, decode : optional
        Names, and the way back to the user's own units.

    Returns
    -------
    Finding
        ``pn_share``, ``pp_share``: instances with a pertinent negative and a pertinent positive (Wilson).
        ``median_pn_distance``: L2 size of the smallest change found, between order statistics; "not found" counts as
        farther than anything found. ``pn_sparsity``, ``pp_sparsity``: mean share of the features that are changed, or
        needed (Wilson, conservative). ``validity``: reported PNs that change the answer and PPs that keep it, asked
        once more (Wilson). ``stability``: mean overlap (Jaccard) of the features that the PNs of a sample and of its
        copy with a little noise change. Tables: ``samples``, ``features``, ``stability``, ``rows`` (in the user's own
        units). Arrays: ``original``, ``pn``, ``pp``, ``baseline``.

    Raises
    ------
    ValueError
        if ``instances`` names an id that is not among the samples.

    Interpretation
    --------------
    A pertinent negative (PN) says what would have to be different for another answer, a pertinent positive (PP) which
    values, put into a baseline sample, already bring the answer about. A small PN distance means that the answer hangs
    on little. A PP without features means that the baseline itself is answered so.

    Limitations
    -----------
    The search for smooth models and for ensembles is local: a smaller change may exist; for linear models and PNs
    of single trees it is exact. "Not found" is the failure of this search within ranges and constraints, no proof that
    there is none. An explanation is of the model, not of the world: a change that alters the answer need not alter the
    outcome, and unless an autoencoder is used the changed sample may be an unlikely one.

    Recommendations
    ---------------
    Declare as immutable what nobody can change about themselves, and as monotone what can only grow. Raise ``beta``
    for fewer features, ``kappa`` for safer answers. Where ``stability`` is low, do not hand single explanations to
    clients.
    """
    rng = np.random.default_rng(seed)
    names = np.arange(len(X)) if ids is None else ids
    index = _chosen(instances, names, rng, n_samples)
    flat, samples = X.reshape(len(X), -1).astype(np.float64), X[index].reshape(len(index), -1).astype(np.float64)
    known = flat if X_train is None else X_train.reshape(len(X_train), -1).astype(np.float64)
    pool = known[rng.permutation(len(known))[:_POOL]]
    space = Space(bounds, constraints, scale)
    is_image = X.ndim > 2
    rows = max(64, int(memory_limit * 1e9 / 8 / (16 * (flat.shape[1] + sum(len(k.categories) for k in constraints)))))
    answers = Answers(predict, logits, gradient, X.shape[1:], rows)
    labels = answers.scores(samples).argmax(axis=1)
    base = np.clip(np.zeros(flat.shape[1]) if is_image else typical(known, space), *bounds)
    strict = kappa if kappa is not None else 10.0 if is_image and logits is not None else 0.2

    def contrast(which: Mode, rows_: Array, label: Array) -> Contrast:
        if which == "PN":
            adds = is_image if classic is None else classic
            box = negative_box(rows_, space, base if adds else None)
            return Contrast("PN", answers, space, rows_, label, rows_, *box, strict, beta)
        origins = positive_origins(rows_, space, base)
        low, high = np.minimum(origins, rows_), np.maximum(origins, rows_)
        return Contrast("PP", answers, space, rows_, label, origins, low, high, strict, beta)

    modes: tuple[Mode, ...] = ("PN", "PP") if mode == "both" else ("PN",) if mode == "PN" else ("PP",)
    parts = {which: contrast(which, samples, labels) for which in modes}
    explained = Explained(
        index=index,
        y=y,
        parts={which: (part, Found.untouched(part)) for which, part in parts.items()},
        shape=X.shape[1:],
        feature_names=feature_names,
        ids=names,
        classes=tuple(str(label) for label in classes) or tuple(map(str, range(int(max(labels.max(), y.max())) + 1))),
        decode=decode,
    )
    explained.notes += _class_notes(explained, answers, pool, labels)

    def partial() -> Finding:
        return cem_finding(explained, finished=False)

    settings = _fista.Settings(max_iter, binary_steps, c)
    plane = planes(next(iter(parts.values())), seed) if search == "automatic" else None
    means = _Means(plane, search, settings, Budget(16, min(flat.shape[1], 30), rows), pool, rows)
    end = 0.65 if noise > 0 and "PN" in parts else 0.98
    for number, (part, found) in enumerate(explained.parts.values()):
        here = step.part(end * number / len(parts), end * (number + 1) / len(parts))
        _explain(part, found, means, here, partial)
    if noise > 0 and "PN" in parts:
        part, found = explained.parts["PN"]
        noisy = _noisy(part, noise, np.random.default_rng([seed, 1]))
        again = contrast("PN", noisy, answers.scores(noisy).argmax(axis=1))
        other = Found.untouched(again)
        _explain(again, other, means, step.part(end, 0.98), partial)
        explained.stability = _stability(explained, part, found, again, other)
    explained.notes += _empty_notes(explained)
    return cem_finding(explained)


@dataclass(frozen=True, eq=False)
class _Means:
    """What the search may use."""

    plane: tuple[Array, Array] | None
    search: str
    settings: _fista.Settings
    budget: Budget
    pool: Array
    rows: int


def _explain(contrast: Contrast, found: Found, means: _Means, step: Step, partial: Partial) -> None:
    """Fill ``found``, as many instances at a time as memory allows."""
    n = len(contrast.samples)
    size = max(1, means.rows // means.settings.binary_steps)
    for start in range(0, n, size):
        part = slice(start, min(start + size, n))
        here = step.part(start / n, part.stop / n)
        _explain_part(contrast.part(part), found.part(part), means, here, partial)


def _explain_part(contrast: Contrast, found: Found, means: _Means, step: Step, partial: Partial) -> None:
    step(0.0, contrast.mode, partial)
    found.begin(contrast)
    linear = means.plane is not None and (contrast.mode == "PN" or means.plane[0].shape[1] == 2)
    if linear and means.plane is not None:
        cross_planes(contrast, found, *means.plane)
    elif means.search != "coordinate" and contrast.answers.gradient is not None:
        _fista.fista(contrast, found, means.settings, step.part(0.0, 0.9), partial)
        polish(contrast, found, _POLISH, step.part(0.9, 0.95))
        trim(contrast, found, step.part(0.95, 1.0), partial, rows=means.rows, back=(0.0,))
    else:
        coordinate_search(contrast, found, means.pool, means.budget, step, partial)


def _chosen(instances: str, names: Array, rng: np.random.Generator, n_samples: int) -> Array:
    drawn = np.sort(rng.permutation(len(names))[:n_samples])
    wanted = [word.strip() for word in instances.split(",") if word.strip()]
    if not wanted:
        return drawn
    place = {str(name): number for number, name in enumerate(names.tolist())}
    unknown = [word for word in wanted if word not in place]
    if unknown:
        few = ", ".join(list(place)[:5])
        raise ValueError(f"instances must be ids of the samples, such as {few}, got {unknown[0]!r}")
    return np.array([place[word] for word in dict.fromkeys(wanted)])


def _class_notes(explained: Explained, answers: Answers, pool: Array, labels: Array) -> list[str]:
    given = np.unique(np.r_[answers.scores(pool).argmax(axis=1), labels])
    if len(given) == 1:
        name = explained.classes[given[0]]
        return [f"The model answers {name!r} for all samples looked at: there may be no other answer to be found."]
    missing = [c for c in np.unique(explained.y[explained.index]) if c not in given]
    return [
        f"The model answers {explained.classes[c]!r} for none of the samples looked at: what is explained of that "
        "class's instances is the answer that it gives instead."
        for c in missing
    ]


def _empty_notes(explained: Explained) -> list[str]:
    if "PP" not in explained.parts:
        return []
    contrast, found = explained.parts["PP"]
    empty = int((found.done & ~changed(contrast, found).any(axis=1)).sum())
    if not empty:
        return []
    return [f"For {empty} instances the baseline alone is answered as they are: their pertinent positive is empty."]


def _noisy(contrast: Contrast, noise: float, rng: np.random.Generator) -> Array:
    """Return allowed copies of the instances with uniform noise on their numbers."""
    points = contrast.space.to_coordinates(contrast.samples)
    numbers = points.shape[1] - sum(len(k.categories) for k in contrast.space.constraints if k.kind == "category")
    points[:, :numbers] += noise * rng.uniform(-1, 1, (len(points), numbers))
    return contrast.space.to_samples(points, contrast.samples)


def _stability(
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
