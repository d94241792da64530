"""Empirical robustness: how large, beside the sample itself, is the smallest change that an attack finds?"""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import pandas as pd

from xrai_widgets.core import (
    UNNAMED,
    Array,
    Chart,
    Constraint,
    Control,
    Finding,
    Gradient,
    Measure,
    Names,
    NotApplicable,
    Predict,
    Score,
    assessment,
)
from xrai_widgets.core.inside import Trees
from xrai_widgets.core.marks import Label, MemoryLimit, Range, Seed
from xrai_widgets.core.step import Item, Partial, Result, Step, quiet
from xrai_widgets.core.subject import Outputs
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._arguments import EitherPart, SampleIds, Scale
from xrai_widgets.engines._rows import SEEN, not_judged, samples_of
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.robustness.evasion import evasion
from xrai_widgets.engines.robustness.evasion.native import DEFAULT_QUERIES

TURNED, LOST, WRONG, EMPTY = "found", "not found", "answered wrongly before", "no size of its own"


@assessment(
    title="Empirical robustness",
    measures=(
        Measure(
            "empirical_robustness",
            "higher",
            bound="upper",
            meaning="Size of the smallest change found, as a share of the size of the sample, on average. Where it is "
            "small, little is needed: look at the curve of robustness.evasion.",
            label="empirical robustness (mean up to the cap)",
            sentence="On average, a change of {value:100} hundredths of the sample's size is found to alter its "
            "prediction; at least {limit:100} are asked for.",
        ),
        Measure(
            "median_ratio",
            "higher",
            bound="upper",
            label="median ratio",
            sentence="For the typical sample a change of {value:100} hundredths of its own size is found to alter its "
            "prediction; at least {limit:100} are asked for.",
        ),
        Measure(
            "found_share",
            "lower",
            bound="lower",
            label="samples that were turned",
            sentence="Of 100 correctly predicted samples {value:100} were turned by a change of some size; at most "
            "{limit:100} are allowed.",
        ),
    ),
    words={
        "ratio": "size of the change ÷ size of the sample",
        "distance": "size of the change",
        "size": "size of the sample",
        "standing": "share not turned",
    },
    reference="Moosavi-Dezfooli, Fawzi, Frossard 2016, arXiv:1511.04599",
    labels_suffice=True,
    missing="kept",
    controls=(
        Control(
            "constant",
            {"found_share": (0.0, 0.0)},
            "no change alters its prediction: nothing is found, and there is no mean",
            params={"samples": ""},
            at_most={"n_samples": 10},
            wrong="No change alters the prediction of a constant model, so the attack counts what is none.",
        ),
    ),
    score=Score(("ratio",), worse="lower", status="status", instead={LOST: np.inf, WRONG: 0.0}),
)
def empirical_robustness(
    predict: Predict,
    X: Array,
    y: Array,
    bounds: Array,
    constraints: tuple[Constraint, ...] = (),
    X_train: Array | None = None,
    y_train: Array | None = None,
    gradient: Gradient | None = None,
    linear: tuple[Array, Array] | None = None,
    regions: Array | None = None,
    thresholds: tuple[Array, ...] | None = None,
    naming: Annotated[Names, "ids", "train_ids", "classes"] = UNNAMED,
    unstable: float = 0.0,
    decide: Predict | None = None,
    outputs: Outputs = "probabilities",
    logits: Predict | None = None,
    logit_gradient: Gradient | None = None,
    trees: Trees | None = None,
    *,
    norm: Annotated[Literal["l2", "linf"], "how sizes are measured: all features together, or the largest"] = "l2",
    cap: Annotated[
        float,
        Range(1e-6, 1000),
        Label("cap of the mean"),
        "ratio up to which the mean is taken: a sample that was not turned counts as this, as does one beyond it",
    ] = 1.0,
    queries: Annotated[
        int,
        Range(0, 10_000_000),
        Label("query budget"),
        "most queries per sample of all attacks together; a gradient step counts as three",
    ] = DEFAULT_QUERIES,
    n_samples: Annotated[int, Range(2, 100_000), Label("samples to attack"), "how many of the samples"] = 50,
    part: EitherPart = "X",
    samples: SampleIds = "",
    scale: Scale = "range",
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    step: Step = quiet,
) -> Finding:
    """Measure the smallest change found that alters a prediction, as a share of the size of the sample itself.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities or one-hot labels.
    X, y : array (n, …), int array (n,)
        Held-out samples and their labels.
    bounds, constraints, … : optional
        What robustness.evasion, which attacks, makes use of.

    Returns
    -------
    Finding
        Over the correctly classified samples: ``empirical_robustness``, the mean of min(ratio, cap), in which a sample
        that no attack turned counts as the cap, with the wider of Student's and the bootstrap-t interval at 95 %; it is
        that of the paper where all were turned below the cap. ``median_ratio`` with an order-statistic interval in
        which such samples are farther than any other; ``found_share`` (Wilson). Tables: ``samples``, ``curve`` (share
        that stands up to each ratio, Wilson).

    Notes
    -----
    The size of a sample is its distance from the lowest values of all features, in the units and norm of the change; in
    raw units that from 0, as in the paper. A category counts 1.

    Interpretation
    --------------
    A change of that share of the sample alters its prediction. Where features have no natural zero the distances of
    robustness.evasion say more.

    Limitations
    -----------
    An attack gives an upper bound: a stronger one may find less. A sample that was not turned is censored, neither 0
    nor infinitely far. With nothing found at all there is no mean.

    Recommendations
    ---------------
    Read it beside the security curve of robustness.evasion; raise the budget where samples were not turned.
    """
    whole, _, _ = samples_of(part, X, y, X_train, y_train, naming)
    flat = whole.reshape(len(whole), -1).astype(np.float64)
    sizes = _sizes(Space(bounds, constraints, scale), flat, scale, norm)

    def measured(attack: Finding) -> Finding:
        return _finding(attack, sizes, cap, part, seed, samples)

    attack = evasion(
        predict,
        X,
        y,
        bounds,
        constraints,
        X_train=X_train,
        y_train=y_train,
        gradient=gradient,
        linear=linear,
        regions=regions,
        thresholds=thresholds,
        naming=naming,
        unstable=unstable,
        decide=decide,
        outputs=outputs,
        logits=logits,
        logit_gradient=logit_gradient,
        trees=trees,
        queries=queries,
        norm=norm,
        n_samples=n_samples,
        part=part,
        samples=samples,
        scale=scale,
        seed=seed,
        memory_limit=memory_limit,
        step=_Converting(step, measured),
    )
    if "samples" not in attack.tables:  # the model predicts at random: nothing was attacked
        raise NotApplicable(" ".join(attack.notes), "a model that predicts the same for the same sample")
    step(1.0, "ratios")
    return measured(attack)


@dataclass(frozen=True, eq=False)
class _Converting(Step):
    """The step of the attack, whose partial findings become those of this assessment."""

    whole: Step
    measured: Callable[[Finding], Finding]

    def __call__(self, done: float, note: str = "", partial: Partial = None) -> None:
        made = partial
        ratios = None if made is None else lambda: self.measured(made() if callable(made) else made)
        self.whole(0.98 * done, note, ratios)

    def spread(
        self, function: Callable[[Item], Result], work: Collection[Item], at_most: int | None = None
    ) -> Iterable[Result]:
        return self.whole.spread(function, work, at_most)


def _sizes(space: Space, flat: Array, scale: str, norm: str) -> Array:
    """Return how large each sample (n, d) is, in the units in which changes are measured."""
    points = space.to_coordinates(flat)
    if scale == "raw":  # from 0, not from the lowest values
        numeric = points.shape[1] - sum(len(kind.categories) for kind in space.constraints if kind.kind == "category")
        columns = [place for place, kind in enumerate(space.constraints) if kind.kind != "category"]
        points[:, :numeric] = flat[:, columns]
    points = np.nan_to_num(points)
    return np.asarray(np.abs(points).max(axis=1) if norm == "linf" else np.linalg.norm(points, axis=1))


def _finding(attack: Finding, sizes: Array, cap: float, part: str, seed: int, named: str) -> Finding:
    table, size = attack.tables["samples"], sizes[attack.arrays["index"]]
    status = table["status"].to_numpy(dtype=object).copy()
    counted = (status != WRONG) & (size > 0)
    status[(status != WRONG) & (size <= 0)] = EMPTY
    success = counted & (status == TURNED)
    ratio = np.full(len(table), np.nan)
    ratio[success] = table["distance"].to_numpy()[success] / size[success]
    far = np.where(success, ratio, np.inf)[counted]
    if not len(far):
        raise NotApplicable("the model classifies none of the drawn samples correctly", "more samples")
    estimates = {"found_share": statistics.wilson(int(success.sum()), len(far))}
    notes, lost = list(attack.notes), int(np.isinf(far).sum())
    if lost < len(far):
        mean = statistics.skewed_mean(np.minimum(far, cap), seed=seed)
        estimates["empirical_robustness"] = mean._replace(low=max(mean.low, 0.0), high=min(mean.high, cap))
    if lost:
        counted_as = f"they count as {cap:g} in the mean" if lost < len(far) else "there is no mean"
        notes.append(f"{lost} of {len(far)} samples were not turned: {counted_as}, and are farther than any other.")
    middle = statistics.censored_median(far)
    if middle is not None:
        estimates["median_ratio"] = middle
    if part == "X_train" and SEEN not in notes:
        notes.append(SEEN)
    frame = pd.DataFrame({"part": part, "id": table["id"], "class": table["class"], "status": status})
    frame = frame.assign(ratio=ratio, distance=table["distance"], size=size)
    pairs = frame[counted][["part", "id"]].reset_index(drop=True)
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=dict.fromkeys(estimates, len(far)),
        tables={
            "samples": frame,
            "curve": _curve(far),
            "contributions": pairs.assign(
                empirical_robustness=np.minimum(far, cap), found_share=np.isfinite(far) * 1.0
            ),
            "medians": pairs.assign(median_ratio=far),
        },
        charts=(
            Chart("curve", "line", "ratio", y="standing", low="low", high="high", title="Samples that are not turned"),
            *(
                [Chart("samples", "histogram", "ratio", by="class", title="Change as a share of the sample")]
                * bool(success.any())
            ),
        ),
        arrays={"index": attack.arrays["index"]},
        shareable=("index",),
        notes=tuple(notes),
        bounds=dict.fromkeys(estimates, "exact") if attack.bounds.get("median_distance") == "exact" else {},
        unjudged=not_judged(named, estimates),
    )


def _curve(far: Array) -> pd.DataFrame:
    """Return the share that stands just above every ratio found."""
    turned = np.unique(far[np.isfinite(far)])
    ratios = np.r_[0.0, turned, turned[-1:] * 1.05]
    rows = [{"ratio": ratio, **statistics.wilson(int((far > ratio).sum()), len(far))._asdict()} for ratio in ratios]
    return pd.DataFrame(rows).rename(columns={"value": "standing"})
