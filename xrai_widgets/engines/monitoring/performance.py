"""Performance: how much worse is the model on a batch with labels than on the approved baseline?"""

from typing import Annotated

import numpy as np
import pandas as pd

from xrai_widgets.core import UNNAMED, Array, Chart, Finding, Measure, Names, Predict, Score, assessment
from xrai_widgets.core.decision import labels
from xrai_widgets.core.marks import Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.core.subject import Outputs as OutputKind
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines.monitoring._arms import (
    MOST_LOG_LOSS,
    Fall,
    brier_losses,
    fall,
    log_losses,
    mean_of_shares,
    of_redraws,
    parts_of_fall,
    precisions,
    ranking,
    recalls,
    resampled,
    rise_of_means,
)

MEASURES = (
    Measure(
        "accuracy_fall",
        "lower",
        chance=0.0,
        task="classification",
        label="fall of the accuracy",
        sentence="Of 100 samples of the batch {value:100} fewer are predicted rightly than of the baseline; at most "
        "{limit:100} are allowed.",
    ),
    Measure(
        "balanced_accuracy_fall",
        "lower",
        chance=0.0,
        task="classification",
        label="fall, classes alike",
        sentence="Where all classes count alike, {value:100} fewer of 100 samples are predicted rightly than of the "
        "baseline; at most {limit:100} are allowed.",
    ),
    Measure(
        "auroc_fall",
        "lower",
        chance=0.0,
        task="classification",
        label="fall of the AUROC",
        sentence="In {value:100} fewer of 100 pairs of samples the score is in the right order than in the baseline; "
        "at most {limit:100} are allowed.",
    ),
    Measure(
        "brier_rise",
        "lower",
        chance=0.0,
        task="classification",
        label="rise of Brier score",
        sentence="The mean squared error of the probabilities is larger by {value} than in the baseline; at most "
        "{limit} is allowed.",
    ),
    Measure(
        "log_loss_rise",
        "lower",
        chance=0.0,
        task="classification",
        label="rise of log loss",
        sentence="The logarithmic loss is larger by {value} than in the baseline; at most {limit} is allowed.",
    ),
    Measure(
        "mae_rise",
        "lower",
        chance=0.0,
        task="regression",
        label="rise of the error",
        sentence="The mean absolute error is larger by {value} than in the baseline; at most {limit} is allowed.",
    ),
    Measure(
        "rmse_rise",
        "lower",
        chance=0.0,
        task="regression",
        label="rise of RMSE",
        sentence="The root mean squared error is larger by {value} than in the baseline; at most {limit} is allowed.",
    ),
    Measure(
        "r2_fall",
        "lower",
        chance=0.0,
        task="regression",
        label="fall of R²",
        sentence="The explained share of the variance is smaller by {value} than in the baseline; at most {limit} is "
        "allowed.",
    ),
)
WORDS = {
    "metrics": "baseline and batch",
    "classes": "by class",
    "metric": "metric",
    "before": "baseline",
    "before_low": "baseline, lower end",
    "before_high": "baseline, upper end",
    "now": "batch",
    "now_low": "batch, lower end",
    "now_high": "batch, upper end",
    "worse": "worse by",
    "recall": "recall",
    "fall_by_mix": "fall by other classes",
    "fall_within": "fall within classes",
    "bias_change": "change of the bias",
    "accuracy": "accuracy of the batch",
    "mean_absolute_error": "error of the batch",
}
_LOSSES = {
    "accuracy_fall": "wrong",
    "brier_rise": "brier_loss",
    "log_loss_rise": "log_loss",
    "mae_rise": "absolute_error",
}


@assessment(
    title="Performance on a batch",
    measures=MEASURES,
    words=WORDS,
    tasks=("classification", "regression"),
    reference="Newcombe 1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I",
    labels_suffice=True,
    missing="kept",
    instead="monitoring.data_drift, which needs no labels",
    controls="the baseline stands beside, and a fall of nothing is known",
    score=Score(("log_loss", "wrong", "absolute_error"), worse="higher"),
)
def performance(
    predict: Predict,
    X: Array,
    y: Array,
    X_new: Array,
    y_new: Array,
    decide: Predict | None = None,
    outputs: OutputKind = "probabilities",
    naming: Annotated[Names, "ids", "new_ids", "classes"] = UNNAMED,
    *,
    seed: Seed = 0,
    step: Step = quiet,
) -> Finding:
    """Measure how much worse the model is on a batch with labels than on the approved baseline.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities (or one-hot labels), or (n,) values.
    X, y, X_new, y_new : array
        Baseline and batch with their labels.

    Returns
    -------
    Finding
        Values are changes, positive where the batch is worse; tables ``metrics`` (both sides, change, p), ``classes``
        and ``samples`` (the loss of each).

    Notes
    -----
    The samples of both sides are others: shares by Newcombe and Wilson, areas by their own intervals squared and added,
    mean losses by Welch, RMSE and R² by a bootstrap of both sides (from 30 rows on), all at 95 %; p is the level at
    which the interval would end at 0, never that of another test. The fall of the accuracy is that of another mix of
    classes plus that within classes, exactly. Two models on the same samples are compared in pairs by
    `xrai_widgets.compare`.

    Interpretation
    --------------
    A fall by the mix says that other cases came, not that the model got worse: a threshold may need to move. A fall
    within classes is the model's own.

    Limitations
    -----------
    Labels come late, and those that come first need not be those of a drawn sample. A mean loss with a long tail has
    an interval that is a little short.

    Recommendations
    ---------------
    By cause: another mix, reweight or move the threshold; within classes, train on recent samples; a broken feed,
    repair it. `monitoring.data_drift` names the columns that moved.
    """
    step(0.0, "asking the model about the baseline")
    before = np.asarray(predict(X))
    step(0.4, "asking the model about the batch")
    now = np.asarray(predict(X_new))
    step(0.8, "comparing")
    ids = (naming.of("X", len(X)), naming.of("X_new", len(X_new)))
    if before.ndim == 1:
        return _of_values((before, now), (y, y_new), ids, seed)
    decided = (labels(predict, decide, X, before), labels(predict, decide, X_new, now))
    return _of_classes((before, now), decided, (y, y_new), ids, naming.of_classes(before.shape[1]), outputs != "labels")


def _of_classes(
    outputs: tuple[Array, Array],
    decided: tuple[Array, Array],
    y: tuple[Array, Array],
    ids: tuple[Array, Array],
    names: tuple[str, ...],
    scored: bool,
) -> Finding:
    right = (decided[0] == y[0], decided[1] == y[1])
    falls = {"accuracy_fall": fall(*(statistics.wilson(int(hits.sum()), len(hits)) for hits in right), span=1.0)}
    by_class = [recalls(part, truth, len(names)) for part, truth in zip(decided, y, strict=True)]
    shared = [c for c in range(len(names)) if all(not np.isnan(side[c].value) for side in by_class)]
    if shared:
        falls["balanced_accuracy_fall"] = fall(
            *(mean_of_shares([side[c] for c in shared]) for side in by_class), span=1.0
        )
    losses: dict[str, tuple[Array, Array]] = {}
    if scored:
        areas = [ranking(part, truth) for part, truth in zip(outputs, y, strict=True)]
        if areas[0] is not None and areas[1] is not None:
            falls["auroc_fall"] = fall(areas[0], areas[1], span=1.0)
        brier = 1.0 if len(names) == 2 else 2.0
        for key, loss, most in (("brier_rise", brier_losses, brier), ("log_loss_rise", log_losses, MOST_LOG_LOSS)):
            losses[key] = (loss(outputs[0], y[0]), loss(outputs[1], y[1]))
            falls[key] = rise_of_means(*losses[key], most=most)
    losses["accuracy_fall"] = (1.0 - right[0], 1.0 - right[1])
    extra: dict[str, statistics.Estimate] = {"accuracy": falls["accuracy_fall"].now}
    notes = _sizes(len(y[0]), len(y[1]), falls["accuracy_fall"])
    parts = parts_of_fall(right, y, len(names))
    if parts is None:
        notes.append("The fall is not split into mix and model: one side lacks a class of the other.")
    else:
        extra |= {"fall_by_mix": parts.mix, "fall_within": parts.within}
    if len(shared) < len(names):
        lost = ", ".join(names[c] for c in range(len(names)) if c not in shared)
        notes.append(f"Balanced accuracy is that of the classes that both sides hold; not {lost}.")
    tables = {"classes": _by_class(decided, y, names)}
    return _finding(falls, extra, losses, ids, notes, tables)


def _of_values(outputs: tuple[Array, Array], y: tuple[Array, Array], ids: tuple[Array, Array], seed: int) -> Finding:
    errors, sizes = (np.abs(outputs[0] - y[0]), np.abs(outputs[1] - y[1])), (len(y[0]), len(y[1]))
    drawn = [resampled(part, truth, [seed, side]) for side, (part, truth) in enumerate(zip(outputs, y, strict=True))]
    falls = {
        "mae_rise": rise_of_means(*errors),
        "rmse_rise": of_redraws(drawn[0]["rmse"], drawn[1]["rmse"], sizes, rise=True),
        "r2_fall": of_redraws(drawn[0]["r2"], drawn[1]["r2"], sizes, rise=False),
    }
    falls = {key: one for key, one in falls.items() if not np.isnan(one.worse.value)}
    bias = rise_of_means(outputs[0] - y[0], outputs[1] - y[1], least=-np.inf)
    extra = {"mean_absolute_error": falls["mae_rise"].now, "bias_change": bias.worse}
    return _finding(falls, extra, {"mae_rise": errors}, ids, _sizes(len(y[0]), len(y[1]), falls["mae_rise"]), {})


def _finding(
    falls: dict[str, Fall],
    extra: dict[str, statistics.Estimate],
    losses: dict[str, tuple[Array, Array]],
    ids: tuple[Array, Array],
    notes: list[str],
    tables: dict[str, pd.DataFrame],
) -> Finding:
    every = {key: one.worse for key, one in falls.items()} | extra
    keys = ["metric", "before", "before_low", "before_high", "now", "now_low", "now_high", "worse", "low", "high", "p"]
    rows = [(key.rpartition("_")[0], *one.before, *one.now, *one.worse, one.p) for key, one in falls.items()]
    part = np.repeat(["X", "X_new"], [len(ids[0]), len(ids[1])])
    columns = {key: np.concatenate([-pair[0], pair[1]]) for key, pair in losses.items()}
    metrics = pd.DataFrame(rows, columns=keys)
    both = np.concatenate([one.astype(object) for one in ids])
    pairs = pd.DataFrame({"part": part, "id": both, **columns})
    samples = pd.DataFrame({"part": part, "id": both} | {_LOSSES[k]: np.concatenate(p) for k, p in losses.items()})
    return Finding(
        values={key: one.value for key, one in every.items()},
        intervals={key: (one.low, one.high) for key, one in every.items()},
        counts=dict.fromkeys(every, len(ids[1])),
        tables={"metrics": metrics, **tables, "samples": samples, "contributions": pairs},
        charts=(Chart("metrics", "points", "worse", y="metric", low="low", high="high", title="How much worse"),),
        notes=tuple(notes),
    )


def _by_class(decided: tuple[Array, Array], y: tuple[Array, Array], names: tuple[str, ...]) -> pd.DataFrame:
    rows = []
    for metric, shares in (("recall", recalls), ("precision", precisions)):
        before, now = (shares(part, truth, len(names)) for part, truth in zip(decided, y, strict=True))
        for name, first, second in zip(names, before, now, strict=True):
            both = fall(first, second, span=1.0) if not np.isnan(first.value + second.value) else None
            worse = both.worse if both is not None else (float("nan"), -1.0, 1.0)
            rows.append((name, metric, *first, *second, *worse))
    sides = ["before", "before_low", "before_high", "now", "now_low", "now_high", "worse", "low", "high"]
    return pd.DataFrame(rows, columns=["class", "metric", *sides])


def _sizes(n: int, m: int, one: Fall) -> list[str]:
    half = (one.worse.high - one.worse.low) / 2
    return [f"With {n} samples in the baseline and {m} in the batch, the change is known to about ±{half:.2g}."]
