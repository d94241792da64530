"""What every attack on membership reports: rates with intervals, tables and charts, from scores that high means member.

An attack scores the samples, lets `threshold_attack` call them, and hands both to `attack_report`.
"""

from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate
from xrai_widgets.engines.privacy._attack_tables import (
    Scored,
    class_table,
    contributions,
    roc_table,
    sample_table,
    score_table,
)
from xrai_widgets.engines.privacy._threshold_attack import Attack

__all__ = ["FEWEST", "LOW_RATES", "Scored", "attack_report", "check_enough", "low_rates"]

LOW_RATES = {"tpr_at_fpr_1pct": 0.01, "tpr_at_fpr_0_1pct": 0.001}
FEWEST = 10


def check_enough(members: int, others: int) -> None:
    """Refuse fewer samples than an attack needs."""
    if min(members, others) < FEWEST:
        raise ValueError(
            f"membership inference needs at least {FEWEST} members and {FEWEST} non-members, got {members} and {others}"
        )


def attack_report(
    inside: Scored,
    outside: Scored,
    score: str,
    attack: Attack,
    *,
    classes: tuple[Any, ...] = (),
    task: str = "classification",
    notes: tuple[str, ...] = (),
) -> Finding:
    """Return the finding of an attack on membership.

    Parameters
    ----------
    inside, outside : Scored
        Members (``X_train``) and non-members (``X``).
    score : str
        Which of the scores the attack used; it gives the AUC, the low rates, the curve and the classes.
    attack : Attack
        The calls of `threshold_attack` on that score; they give advantage, balanced accuracy and precision.
    classes : tuple
        Original labels by code; empty for 0, 1, ….
    notes : tuple of str
        Said after the notes of the report.
    """
    members, others = inside.scores[score], outside.scores[score]
    estimates, said = _estimates(members, others, attack)
    names = [str(label) for label in classes] or [
        str(label) for label in range(int(max(inside.groups.max(), outside.groups.max())) + 1)
    ]
    parts = [sample_table("X_train", inside, names), sample_table("X", outside, names)]
    samples = pd.concat(parts, ignore_index=True)
    if task == "regression":
        samples = samples.drop(columns="class")
    tables = {
        "samples": samples,
        "scores": score_table(inside.scores, outside.scores),
        "roc": roc_table(members, others),
        "classes": class_table(members, others, (inside.groups, outside.groups), names),
        "contributions": contributions(members, others, attack, inside.ids, outside.ids),
    }
    called = len(attack.members) + len(attack.others)
    counts = dict.fromkeys(estimates, called) | dict.fromkeys(LOW_RATES, len(members))
    counts["auc"] = len(members) + len(others)
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=counts,
        tables=tables,
        charts=_charts(score, others, len(names) > 1),
        notes=(*said, *notes),
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
    rates, said = low_rates(members, others)
    return estimates | rates, (*notes, *said)


def low_rates(members: Array, others: Array) -> tuple[dict[str, Estimate], tuple[str, ...]]:
    """Return the true-positive rate at each of `LOW_RATES`, and what the reader must know about it."""
    estimates, notes = {}, []
    for key, limit in LOW_RATES.items():
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
