"""Tables of an attack on membership: samples, scores, curve, classes, and what each sample adds to each value."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd

from xrai_widgets.core import Array
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate
from xrai_widgets.engines.privacy.attacks.threshold import Attack


class Scored(NamedTuple):
    """The samples of one part: every score by name (high means member), class codes (all 0 in a regression), ids."""

    scores: Mapping[str, Array]
    groups: Array
    ids: Array | None = None


def sample_table(part: str, scored: Scored, names: list[str]) -> pd.DataFrame:
    """Every score of every sample of one part."""
    n = len(scored.groups)
    labels = np.array(names, dtype=object)[scored.groups]
    member = "member" if part == "X_train" else "non-member"
    ids = np.arange(n) if scored.ids is None else scored.ids
    return pd.DataFrame({"part": part, "id": ids, "class": labels, "is": member, **scored.scores})


def contributions(
    members: Array, others: Array, attack: Attack, train_ids: Array | None, ids: Array | None
) -> pd.DataFrame:
    """What each sample adds to each measure, the thresholds taken as given."""
    above, below = statistics.placements(members, others)
    called = [np.full(len(scores), np.nan) for scores in (members, others)]
    had = attack.had()
    called[0][had[0]], called[1][had[1]] = attack.members, attack.others
    inside = {"auc": above, "advantage": called[0], "balanced_accuracy": (1 + called[0]) / 2, "recall": called[0]}
    outside = {
        "auc": below - below.mean(),
        "advantage": -called[1],
        "balanced_accuracy": -called[1] / 2,
        "recall": np.full(len(others), np.nan),
    }
    frames = [
        pd.DataFrame({"part": part, "id": np.arange(n) if names is None else names, **columns})
        for part, n, names, columns in (
            ("X_train", len(members), train_ids, inside),
            ("X", len(others), ids, outside),
        )
    ]
    return pd.concat(frames, ignore_index=True)


def call_table(estimates: Mapping[str, Estimate], base_rate: float, counts: Mapping[str, int]) -> pd.DataFrame:
    """Precision and recall of the attack, and the base rate beside them, which is no estimate."""
    rows = [
        {"share": name, **estimates[name]._asdict(), "n": counts[name], "meaning": meaning}
        for name, meaning in (
            ("precision", "of those called members, how many are"),
            ("recall", "of the members, how many are called (hits)"),
        )
    ]
    guess = {"value": base_rate, "low": base_rate, "high": base_rate, "n": counts["auc"]}
    rows.append({"share": "base rate", **guess, "meaning": "of the samples given, how many are members: guessing"})
    return pd.DataFrame(rows)


def score_table(inside: Mapping[str, Array], outside: Mapping[str, Array], used: str, level: float) -> pd.DataFrame:
    """AUC of every score by itself; that of the score ``used`` by the attack with its interval at ``level``."""
    levels = {name: level if name == used else statistics.LEVEL for name in inside}
    rows = [{"score": name, **statistics.auc(inside[name], outside[name], levels[name])._asdict()} for name in inside]
    return pd.DataFrame(rows).rename(columns={"value": "auc"})


def roc_table(members: Array, others: Array) -> pd.DataFrame:
    """Corners of the attack's curve (at most 400 points) and the line of chance."""
    fpr, tpr, _ = statistics.roc(members, others)
    corner = np.r_[True, (np.diff(fpr[1:], prepend=0) > 0) | (np.diff(tpr[1:], prepend=0) > 0)]
    corner[-1] = True
    keep = np.flatnonzero(corner)
    keep = keep[np.unique(np.linspace(0, len(keep) - 1, min(len(keep), 400)).round().astype(int))]
    chance = np.geomspace(1 / len(others), 1, 50)
    attack = pd.DataFrame({"fpr": fpr[keep], "tpr": tpr[keep], "line": "attack"})
    return pd.concat([attack, pd.DataFrame({"fpr": chance, "tpr": chance, "line": "chance"})], ignore_index=True)
