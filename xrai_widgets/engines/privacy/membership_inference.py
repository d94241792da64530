"""Membership inference: can an outsider tell from the outputs who was in the training data?"""

from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Control, Finding, Measure, Predict, Range, Step, assessment, quiet
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate
from xrai_widgets.engines.privacy._scores import chosen_score, membership_scores
from xrai_widgets.engines.privacy._threshold_attack import Attack, threshold_attack

_LOW_RATES = {"tpr_at_fpr_1pct": 0.01, "tpr_at_fpr_0_1pct": 0.001}
_FEWEST = 10


@assessment(
    title="Membership inference",
    measures=(
        Measure("advantage", "lower", 0.0),
        Measure("auc", "lower", 0.5),
        Measure("balanced_accuracy", "lower", 0.5),
        Measure("tpr_at_fpr_1pct", "lower", 0.01),
    ),
    tasks=("classification", "regression"),
    reference="Yeom et al. 2018, arXiv:1709.01604; Carlini et al. 2022, arXiv:2112.03570",
    controls=(
        Control("constant", "no leak"),
        Control("memorising", "leak"),
        Control("chance", "no leak"),
        Control("blind", "no leak"),
    ),
)
def membership_inference(
    predict: Predict,
    X_train: Array,
    y_train: Array,
    X: Array,
    y: Array,
    task: str = "classification",
    train_ids: Array | None = None,
    ids: Array | None = None,
    classes: tuple[Any, ...] = (),
    *,
    score: Annotated[
        Literal["loss", "confidence", "margin"], "what the attacker looks at; a regression has loss only"
    ] = "loss",
    thresholds: Annotated[Literal["global", "per class"], "one threshold for all samples, or one per class"] = "global",
    attack_train_ratio: Annotated[
        float, Range(0.1, 0.9), "share of the samples that chooses the threshold; the rest tries it"
    ] = 0.5,
    repeats: Annotated[int, Range(1, 200), "how many times the samples are dealt into the two parts"] = 10,
    seed: Annotated[int, Range(0, 2**31 - 1), "of the dealing"] = 0,
    step: Step = quiet,
) -> Finding:
    """Measure how well an outsider tells training samples from others by the model's outputs.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities, or (n,) values.
    X_train, y_train : array
        Members: what the model was trained on.
    X, y : array
        Non-members: held-out samples of the same distribution.
    task : {"classification", "regression"}
    train_ids, ids : array, optional
    classes : tuple, optional
        Original labels.

    Returns
    -------
    Finding
        ``advantage`` (TPR − FPR at a threshold chosen on other samples; Newcombe–Wilson interval), ``auc`` (DeLong, at
        the extremes Newcombe), ``balanced_accuracy`` (from the advantage), ``tpr_at_fpr_1pct`` and
        ``tpr_at_fpr_0_1pct`` (Clopper–Pearson), ``precision`` at the base rate of the data given. All intervals are
        over samples, never over repeats. Tables: ``samples``, ``scores``, ``classes``, ``roc``.

    Raises
    ------
    ValueError
        if there are fewer than 10 members or 10 non-members.

    Interpretation
    --------------
    Advantage 0 and AUC 0.5 mean that members cannot be told from others; advantage 1 means that everyone can. TPR at a
    low FPR shows whether a few people are exposed with near certainty although the average looks harmless.

    Limitations
    -----------
    These are attacks by a threshold on one score, without reference models: a stronger attacker can do better, never
    worse, so a pass is no proof of privacy. Members and non-members must come from the same distribution: if the
    held-out samples are newer or selected differently, the attack measures that difference instead.

    Recommendations
    ---------------
    Regularise (limit depth, prune, stop early, add weight decay), train on more data, or give out labels or rounded
    probabilities only; for a guarantee train with differential privacy. Run this assessment again on the new model.
    """
    if min(len(X_train), len(X)) < _FEWEST:
        got = f"{len(X_train)} and {len(X)}"
        raise ValueError(f"membership inference needs at least {_FEWEST} members and {_FEWEST} non-members, got {got}")
    step(0.0, "outputs of the model")
    inside, outside = (membership_scores(predict(a), b, task) for a, b in ((X_train, y_train), (X, y)))
    groups = (y_train, y) if task == "classification" else (np.zeros(len(y_train), int), np.zeros(len(y), int))
    members, others = chosen_score(inside, score), chosen_score(outside, score)
    attack = threshold_attack(
        (members, groups[0]),
        (others, groups[1]),
        per_class=thresholds == "per class",
        train_ratio=attack_train_ratio,
        repeats=repeats,
        seed=seed,
        step=step.part(0.2, 0.9),
    )
    estimates, notes = _estimates(members, others, attack)
    names = [str(label) for label in classes] or [
        str(label) for label in range(int(max(groups[0].max(), groups[1].max())) + 1)
    ]
    samples = pd.concat(
        [_samples("X_train", inside, groups[0], train_ids, names), _samples("X", outside, groups[1], ids, names)],
        ignore_index=True,
    )
    if task == "regression":
        samples = samples.drop(columns="class")
    tables = {
        "samples": samples,
        "scores": _score_table(inside, outside),
        "roc": _roc_table(members, others),
        "classes": _class_table(members, others, groups, names),
    }
    tables["contributions"] = _contributions(members, others, attack, train_ids, ids)
    called = len(attack.members) + len(attack.others)
    counts = dict.fromkeys(estimates, called) | dict.fromkeys(_LOW_RATES, len(members))
    counts["auc"] = len(members) + len(others)
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=counts,
        tables=tables,
        charts=_charts(score, others, len(names) > 1),
        notes=notes,
    )


def _estimates(members: Array, others: Array, attack: Attack) -> tuple[dict[str, Estimate], tuple[str, ...]]:
    advantage = attack.advantage
    half = Estimate(*((1 + part) / 2 for part in advantage))
    base_rate = len(members) / (len(members) + len(others))
    estimates = {
        "advantage": advantage,
        "auc": statistics.auc(members, others),
        "balanced_accuracy": half,
        "precision": attack.precision(base_rate),
    }
    notes = [
        f"Precision is meant at the base rate of the given samples, {base_rate:.1%} members; guessing reaches that."
    ]
    left = len(members) + len(others) - len(attack.members) - len(attack.others)
    if left:
        notes.append(f"{left} samples had no threshold: their class has too few members or non-members for one.")
    for key, limit in _LOW_RATES.items():
        fpr, tpr, _ = statistics.tpr_at_fpr(members, others, limit)
        estimates[key] = statistics.clopper_pearson(round(tpr * len(members)), len(members))
        if limit * len(others) < 1:
            top = statistics.clopper_pearson(0, len(others)).high
            notes.append(
                f"{len(others)} non-members cannot show a false-positive rate of {limit:.1%}: the TPR there is taken "
                f"at 0 false positives, where the true rate may be as high as {top:.2%}."
            )
        elif fpr < limit / 2:
            notes.append(
                f"Ties in the score leave no rule with a false-positive rate between {fpr:.2%} and {limit:.1%}."
            )
    return estimates, tuple(notes)


def _samples(part: str, scores: dict[str, Array], groups: Array, ids: Array | None, names: list[str]) -> pd.DataFrame:
    n = len(groups)
    labels = np.array(names, dtype=object)[groups]
    member = "member" if part == "X_train" else "non-member"
    return pd.DataFrame(
        {"part": part, "id": np.arange(n) if ids is None else ids, "class": labels, "is": member, **scores}
    )


def _contributions(
    members: Array, others: Array, attack: Attack, train_ids: Array | None, ids: Array | None
) -> pd.DataFrame:
    """What each sample adds to each measure, the thresholds taken as given."""
    above, below = statistics.placements(members, others)
    _, _, threshold = statistics.tpr_at_fpr(members, others, _LOW_RATES["tpr_at_fpr_1pct"])
    called = [np.full(len(scores), np.nan) for scores in (members, others)]
    had = attack.called or tuple(np.ones(len(scores), dtype=bool) for scores in (members, others))
    called[0][had[0]], called[1][had[1]] = attack.members, attack.others
    inside = {"auc": above, "advantage": called[0], "balanced_accuracy": (1 + called[0]) / 2}
    inside["tpr_at_fpr_1pct"] = (members >= threshold).astype(float)
    outside = {"auc": below - below.mean(), "advantage": -called[1], "balanced_accuracy": -called[1] / 2}
    frames = [
        pd.DataFrame({"part": part, "id": np.arange(n) if names is None else names, **columns})
        for part, n, names, columns in (
            ("X_train", len(members), train_ids, inside),
            ("X", len(others), ids, outside),
        )
    ]
    return pd.concat(frames, ignore_index=True)


def _score_table(inside: dict[str, Array], outside: dict[str, Array]) -> pd.DataFrame:
    rows = [{"score": name, **statistics.auc(inside[name], outside[name])._asdict()} for name in inside]
    return pd.DataFrame(rows).rename(columns={"value": "auc"})


def _roc_table(members: Array, others: Array) -> pd.DataFrame:
    fpr, tpr, _ = statistics.roc(members, others)
    corner = np.r_[True, (np.diff(fpr[1:], prepend=0) > 0) | (np.diff(tpr[1:], prepend=0) > 0)]
    corner[-1] = True
    keep = np.flatnonzero(corner)
    keep = keep[np.unique(np.linspace(0, len(keep) - 1, min(len(keep), 400)).round().astype(int))]
    chance = np.geomspace(1 / len(others), 1, 50)
    attack = pd.DataFrame({"fpr": fpr[keep], "tpr": tpr[keep], "line": "attack"})
    return pd.concat([attack, pd.DataFrame({"fpr": chance, "tpr": chance, "line": "chance"})], ignore_index=True)


def _class_table(members: Array, others: Array, groups: tuple[Array, Array], names: list[str]) -> pd.DataFrame:
    rows = []
    for code, name in enumerate(names):
        a, b = members[groups[0] == code], others[groups[1] == code]
        if len(a) and len(b):
            rows.append({"class": name, "members": len(a), "non_members": len(b), **statistics.auc(a, b)._asdict()})
    return pd.DataFrame(rows).rename(columns={"value": "auc"})


def _charts(score: str, others: Array, several: bool) -> tuple[Chart, ...]:
    cut = float(np.quantile(others, 0.99))
    charts = [
        Chart(
            "samples",
            "histogram",
            score,
            by="is",
            title=f"{score.capitalize()} score of members and non-members",
            cut=cut,
        ),
        Chart(
            "roc", "line", "fpr", y="tpr", by="line", title="Attack on membership: hits against false alarms", log=True
        ),
    ]
    if several:
        charts.append(Chart("classes", "points", "auc", y="class", low="low", high="high", title="Attack AUC by class"))
    return tuple(charts)
