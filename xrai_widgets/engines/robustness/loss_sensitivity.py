"""Loss sensitivity: how fast does the loss of a sample grow when its features change?"""

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
    Score,
    assessment,
)
from xrai_widgets.core.marks import Label, MemoryLimit, Range, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._arguments import EitherPart, SampleIds, Scale
from xrai_widgets.engines._rows import SEEN, drawn_rows, not_judged, rows_at_once, samples_of
from xrai_widgets.engines._space import Space

_HEAVY = 0.2  # share of the sum from which one sample is named in a note
_DUAL = {"l1": np.inf, "l2": 2, "linf": 1}


@assessment(
    title="Loss sensitivity",
    measures=(
        Measure(
            "loss_sensitivity",
            "lower",
            chance=0.0,
            meaning="How fast the loss grows when features change, on average over samples. A large value means that "
            "small changes make the model surely wrong, or that it is unsure of many samples.",
            sentence="A small change of size s raises the loss of a sample by up to {value} times s, on average; at "
            "most {limit} is allowed.",
        ),
    ),
    words={
        "sensitivity": "slope of the loss",
        "by_class": "loss sensitivity by class",
        "low": "from",
        "high": "to",
        "count": "samples",
    },
    reference="Arpit et al. 2017, arXiv:1706.05394",
    missing="kept",
    instead="robustness.evasion, which asks for labels only",
    controls=(
        Control(
            "constant",
            {"loss_sensitivity": (0.0, 0.0)},
            "its loss does not depend on the features",
            params={"samples": ""},
            at_most={"n_samples": 20},
            wrong="The loss of a constant model does not change, so slopes are counted that are none.",
        ),
    ),
    score=Score(("sensitivity",), worse="higher"),
)
def loss_sensitivity(
    X: Array,
    y: Array,
    bounds: Array,
    gradient: Gradient,
    constraints: tuple[Constraint, ...] = (),
    X_train: Array | None = None,
    y_train: Array | None = None,
    naming: Annotated[Names, "ids", "train_ids", "classes"] = UNNAMED,
    *,
    norm: Annotated[
        Literal["l1", "l2", "linf"],
        "how the size of a change is measured: summed over the features, all together, or the largest",
    ] = "l2",
    n_samples: Annotated[int, Range(2, 1_000_000), Label("samples to look at"), "how many of the samples"] = 1000,
    part: EitherPart = "X",
    samples: SampleIds = "",
    scale: Scale = "range",
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    step: Step = quiet,
) -> Finding:
    """Measure how steep the loss is at the samples: its mean growth per unit of change, in the worst direction.

    Parameters
    ----------
    X, y : array (n, …), int array (n,)
        Held-out samples and their labels: the loss is the cross-entropy of the label, right or wrong.
    bounds : array (2, d)
        Lowest and highest allowed value per feature, whose distance is the unit of a change.
    gradient : callable
        (X, y) → derivative of the cross-entropy.
    constraints : tuple of Constraint, optional
        Immutable columns add nothing.
    X_train, y_train : array, optional
        The samples of ``part="X_train"``.
    naming : Names, optional

    Returns
    -------
    Finding
        ``loss_sensitivity``: mean over samples of the dual norm of the derivative of the loss, with the wider of
        Student's and the bootstrap-t interval at 95 %, and the same per class. Tables: ``samples``, ``by_class``.

    Interpretation
    --------------
    By how much the loss grows per unit of change, at most, while the change is small. Held against the value on the
    training samples it says how much more a model reacts where it has not learned.

    Limitations
    -----------
    The slope at a sample says nothing of a boundary a little farther: a model that is sure of itself has flat loss at
    its samples and may still be turned by a small change (gradient masking). Values of models with other losses,
    temperatures or regularisation differ without any difference of robustness. Where few samples hold most of the sum
    the interval may end too low; a note says so.

    Recommendations
    ---------------
    Compare models of one kind on the same samples. Look at the steepest samples first: they are near a boundary, or
    their label is wrong. For distances use robustness.evasion.
    """
    X, y, ids = samples_of(part, X, y, X_train, y_train, naming)
    index = drawn_rows(samples, ids, n_samples, np.random.default_rng(seed))
    space = Space(bounds, constraints, scale)
    rows = rows_at_once(memory_limit, 6, X[0].size, constraints)
    starts = range(0, len(index), min(rows, 1024))
    sizes = [
        _sizes(gradient, X[index[a : a + starts.step]], y[index[a : a + starts.step]], space, norm)
        for a in step.part(0, 0.9).over(starts, "slopes")
    ]
    steep = np.concatenate(sizes)
    total, mean = float(steep.sum()), statistics.skewed_mean(steep, seed=seed)
    mean = mean._replace(low=max(mean.low, 0.0))
    names = naming.of_classes(int(y.max()) + 1)
    labels = y[index]
    classes = _by_class(steep, labels, names, seed)
    notes = [] if part == "X" else [SEEN]
    if total and steep.max() > _HEAVY * total:
        notes.append(
            f"One sample ({ids[index[steep.argmax()]]}) holds {steep.max() / total:.0%} of the sum: the mean is "
            "that of few samples, and its interval may end too low."
        )
    table = pd.DataFrame({"part": part, "id": ids[index], "class": np.array(names, dtype=object)[labels]})
    step(1.0, "intervals")
    return Finding(
        values={"loss_sensitivity": mean.value},
        intervals={"loss_sensitivity": (mean.low, mean.high)},
        counts={"loss_sensitivity": len(index)},
        tables={
            "samples": table.assign(sensitivity=steep),
            "by_class": classes,
            "contributions": pd.DataFrame({"part": part, "id": ids[index], "loss_sensitivity": steep}),
        },
        charts=(
            Chart("samples", "histogram", "sensitivity", by="class", title="Slope of the loss"),
            Chart(
                "by_class",
                "points",
                "loss_sensitivity",
                y="class",
                low="low",
                high="high",
                title="Loss sensitivity by class",
            ),
        ),
        notes=tuple(notes),
        unjudged=not_judged(samples, ["loss_sensitivity"]),
    )


def _sizes(gradient: Gradient, X: Array, y: Array, space: Space, norm: str) -> Array:
    """Return the dual norms (n,) of the slopes in units of change; what is missing or fixed has none."""
    slopes = np.asarray(gradient(X, y), dtype=np.float64).reshape(len(X), -1) * space.span
    held = space.fixed | np.isnan(X.reshape(len(X), -1))
    return np.asarray(np.linalg.norm(np.where(held, 0.0, slopes), ord=_DUAL[norm], axis=1))


def _by_class(steep: Array, labels: Array, names: tuple[str, ...], seed: int) -> pd.DataFrame:
    rows = []
    for label in np.unique(labels):
        mean = statistics.skewed_mean(steep[labels == label], seed=seed)
        rows.append((names[label], int((labels == label).sum()), mean.value, max(mean.low, 0.0), mean.high))
    return pd.DataFrame(rows, columns=["class", "count", "loss_sensitivity", "low", "high"])
