"""What every attack on membership reports: rates with intervals, tables and charts, from scores that high means member.

An attack scores the samples, lets `threshold_attack` call them, and hands both to `attack_report`.
"""

from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Finding, Measure
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate
from xrai_widgets.engines.privacy.attacks.class_gaps import class_table, largest_gap
from xrai_widgets.engines.privacy.attacks.low_rates import LOW_RATES, low_rates
from xrai_widgets.engines.privacy.attacks.tables import (
    Scored,
    call_table,
    contributions,
    roc_table,
    sample_table,
    score_table,
)
from xrai_widgets.engines.privacy.attacks.threshold import Attack

__all__ = ["FEWEST", "LOW_RATES", "Scored", "attack_report", "check_enough", "low_rates"]

FEWEST = 10
MEASURES = (
    Measure(
        "advantage",
        "lower",
        0.0,
        attacker=True,
        meaning="How much more often this attacker calls a member a member than a non-member, by a rule chosen on "
        "other samples: 0 is guessing, 1 exposes every member. Others may attack better; to lower it, regularise.",
        label="membership advantage (TPR − FPR)",
        sentence="An outsider takes {value:100} more in 100 members for members than in 100 others; at most "
        "{limit:100} are allowed.",
    ),
    Measure(
        "auc",
        "lower",
        0.5,
        attacker=True,
        meaning="How often a member scores higher than a non-member: 0.5 is guessing, 1 exposes every member.",
        sentence="In {value:100} of 100 pairs of a member and somebody else the outsider's score is higher for the "
        "member; guessing gives 50, and at most {limit:100} are allowed.",
    ),
    Measure(
        "balanced_accuracy",
        "lower",
        0.5,
        attacker=True,
        meaning="How often this attacker is right where members and others are equally many: 0.5 is guessing.",
        sentence="Where members and others are equally many, an outsider tells {value:100} in 100 rightly; guessing "
        "gives 50, and at most {limit:100} are allowed.",
    ),
    Measure(
        "tpr_at_fpr_1pct",
        "lower",
        0.01,
        attacker=True,
        meaning="Members found while one in a hundred others is accused wrongly: shows whether a few are exposed "
        "although the average looks harmless. Guessing finds one in a hundred.",
        label="TPR at FPR 1 %",
        sentence="While 1 in 100 others is accused wrongly, an outsider finds {value:100} in 100 members; at most "
        "{limit:100} are allowed.",
    ),
)
WORDS = {
    "tpr_at_fpr_0_1pct": "TPR at FPR 0.1 %",
    "recall": "recall (members found)",
    "largest_class_gap": "largest gap of a class (AUC)",
    "low_rates": "low false-positive rates",
    "fpr_limit": "FPR limit",
    "loss": "minus the loss",
}


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
        The calls of `threshold_attack` on that score; they give advantage, balanced accuracy, precision and recall.
    classes : tuple
        Original labels by code; empty for 0, 1, ….
    notes : tuple of str
        Appended to the notes of the report.
    """
    members, others = inside.scores[score], outside.scores[score]
    names = [str(label) for label in classes] or [
        str(label) for label in range(int(max(inside.groups.max(), outside.groups.max())) + 1)
    ]
    parts = [sample_table("X_train", inside, names), sample_table("X", outside, names)]
    samples = pd.concat(parts, ignore_index=True).drop(columns="class" if task == "regression" else [])
    table = class_table(members, others, (inside.groups, outside.groups), names, attack)
    rates, counted, of_rates = low_rates(members, others, attack.share)
    estimates, attack_notes = _estimates(members, others, attack)
    counts = dict.fromkeys(estimates, len(attack.members) + len(attack.others)) | dict.fromkeys(rates, len(members))
    counts |= {"auc": len(members) + len(others), "recall": len(attack.members)}
    estimates |= rates
    if (gap := largest_gap(table)) is not None:
        estimates["largest_class_gap"] = gap
        counts["largest_class_gap"] = int(table[["members", "non_members"]].to_numpy().sum())
    tables = {
        "samples": samples,
        "scores": score_table(inside.scores, outside.scores, score, attack.level),
        "roc": roc_table(members, others),
        "classes": table,
        "low_rates": counted,
        "calls": call_table(estimates, _base_rate(members, others), counts),
    }
    if attack.share == 1:  # else what a sample adds depends on the others, by whom its attack was trained
        tables["contributions"] = contributions(members, others, attack, inside.ids, outside.ids)
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=counts,
        tables=tables,
        charts=_charts(score, others, len(names) > 1),
        notes=(*attack_notes, *of_rates, *_of_classes(names, table, task), *notes),
    )


def _estimates(members: Array, others: Array, attack: Attack) -> tuple[dict[str, Estimate], tuple[str, ...]]:
    advantage = attack.advantage
    half = Estimate(*((1 + part) / 2 for part in advantage))
    base_rate = _base_rate(members, others)
    estimates = {
        "advantage": advantage,
        "auc": statistics.auc(members, others, attack.level),
        "balanced_accuracy": half,
        "precision": attack.precision(base_rate),
        "recall": attack.recall,
    }
    precision, recall = (estimates[key] for key in ("precision", "recall"))
    notes = [
        f"Precision is meant at the base rate of the given samples, {base_rate:.1%} members; guessing reaches that. "
        f"{_percent(precision)} of those called members are members, and {_percent(recall)} of the members are called.",
        "The advantage is that of rules chosen on other samples, given those rules; its interval covers the choice of "
        "samples, not what a stronger attacker could do.",
    ]
    left = len(members) + len(others) - len(attack.members) - len(attack.others)
    if left:
        notes.append(f"{left} samples had no threshold: their class has too few members or non-members for one.")
    return estimates, tuple(notes)


def _base_rate(members: Array, others: Array) -> float:
    return len(members) / (len(members) + len(others))


def _percent(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} [{estimate.low:.1%}, {estimate.high:.1%}]"


def _of_classes(names: list[str], table: pd.DataFrame, task: str) -> tuple[str, ...]:
    left = [name for name in names if name not in set(table["class"])]
    if task == "regression" or not left:
        return ()
    many = f"{len(left)} of {len(names)} classes" if len(left) > 3 else "Class " + " and class ".join(left)
    return (f"{many} cannot be compared: there are members or non-members only.",)


def _charts(score: str, others: Array, several: bool) -> tuple[Chart, ...]:
    cut = float(np.quantile(others, 0.99))
    charts = [
        Chart(
            "samples",
            "histogram",
            score,
            by="is",
            title=f"{score[0].upper()}{score[1:]} score of members and non-members",
            cut=cut,
        ),
        Chart(
            "roc", "line", "fpr", y="tpr", by="line", title="Attack on membership: hits against false alarms", log=True
        ),
    ]
    charts.append(
        Chart(
            "calls",
            "points",
            "value",
            y="share",
            low="low",
            high="high",
            title="Precision and recall of the attack beside the base rate, which guessing reaches",
        )
    )
    if several:
        charts.append(
            Chart(
                "classes",
                "points",
                "auc",
                y="class",
                low="low",
                high="high",
                title="Attack AUC by class (intervals hold for all classes together)",
            )
        )
    return tuple(charts)
