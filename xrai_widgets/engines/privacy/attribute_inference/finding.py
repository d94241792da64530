"""What was found about withheld features, as numbers with intervals, tables and charts."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._rows import not_judged
from xrai_widgets.engines._statistics import Estimate
from xrai_widgets.engines.privacy.attribute_inference.gain import Guessed, minus
from xrai_widgets.engines.privacy.attribute_inference.withheld import Withheld

Part = tuple[Array, Array, Array | None]
Whole = Sequence[tuple[Withheld, Guessed, Guessed]]


@dataclass(frozen=True, eq=False)
class SampleInfo:
    """The samples that take part, members first.

    Parameters
    ----------
    samples : array (n, d)
    labels : array (n,)
    is_member : bool array (n,)
    ids : array (n,)
    names : object array (n,), optional
        Original class labels; None in regression.
    n_classes : int
        0 in regression.
    """

    samples: Array
    labels: Array
    is_member: Array
    ids: Array
    names: Array | None
    n_classes: int

    @classmethod
    def drawn(
        cls,
        members: Part,
        others: Part,
        n_samples: int,
        chosen: tuple[Array | None, Array | None],
        classes: tuple[Any, ...],
        task: str,
        seed: int,
    ) -> "SampleInfo":
        """Draw at most so many of each, or as many as there are named ones, which take part in any case."""
        rng = np.random.default_rng(seed)
        most = next((len(rows) for rows in chosen if rows is not None), n_samples)
        drawn = [np.sort(rng.permutation(len(X))[:most]) for X, _, _ in (members, others)]
        rows = [one if named is None else named for one, named in zip(drawn, chosen, strict=True)]
        pairs = list(zip((members, others), rows, strict=True))
        samples = np.concatenate([part[0][chosen] for part, chosen in pairs])
        labels = np.concatenate([part[1][chosen] for part, chosen in pairs])
        ids = [(np.arange(len(X)) if names is None else names)[chosen] for (X, _, names), chosen in pairs]
        shown, k = None, 0
        if task == "classification":
            k = max(len(classes), int(labels.max()) + 1)
            shown = np.array([str(name) for name in classes] or [str(code) for code in range(k)], dtype=object)[labels]
        is_member = np.arange(len(samples)) < len(rows[0])
        return cls(samples, labels, is_member, np.concatenate([part.astype(object) for part in ids]), shown, k)

    def scored(
        self, one: Withheld, trials: Iterable[Array], results: Iterable[tuple[Array, Array]]
    ) -> tuple[Guessed, Guessed]:
        """Return how well members and non-members were guessed, averaged over the splits."""
        total, count = np.zeros((2, len(one.rows))), np.zeros(len(one.rows))
        for held, pair in zip(trials, results, strict=True):
            count[held] += 1
            for row, guessed in zip(total, pair, strict=True):
                truth = one.target[held]
                row[held] += guessed == truth if one.kind == "category" else 1.0 - np.abs(guessed - truth)
        total /= count
        inside = self.is_member[one.rows]
        members, others = (Guessed(one.kind, one.target[m], total[0][m], total[1][m]) for m in (inside, ~inside))
        return members, others


def attribute_finding(
    info: SampleInfo, whole: Whole, meant: int, tolerance: float, notes: tuple[str, ...], named: str = ""
) -> Finding:
    """Return the finding for the features that are done.

    Parameters
    ----------
    whole : sequence of (feature, members, non-members)
    meant : int
        How many features are to be tried in all: the intervals hold for all of them at once.
    named : str
        The ids of samples that were asked for.
    """
    level = 1.0 - (1.0 - statistics.LEVEL) / meant
    gains = [members.gain(level) for _, members, _ in whole]
    worst = int(np.argmax([gain.value for gain in gains]))
    one, members, others = whole[worst]
    estimates = {
        "gain": Estimate(gains[worst].value, max(g.low for g in gains), max(g.high for g in gains)),
        "member_gap": minus(gains[worst], others.gain(level)),
        "with_model": members.level(members.with_model, level),
        "baseline": members.level(members.without, level),
    }
    n, m = len(members.target), len(others.target)
    headlines = [f"All numbers are about {one.name}" + (", the feature that leaks most." if meant > 1 else ".")]
    if meant > 1:
        headlines.append(
            f"{meant} features are read at once: intervals are simultaneous, each at the level {level:.2%}."
        )
    if len(whole) < meant:
        headlines.append(f"{len(whole)} of {meant} features are done.")
    left = len(info.samples) - len(one.rows)
    if left:
        headlines.append(
            f"{left} samples are left out: their value of {one.name} is too rare to be guessed, or missing."
        )
    features = pd.DataFrame([_row(*entry, level, tolerance) for entry in whole])
    features = features.sort_values("gain", ascending=False, ignore_index=True)
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=dict.fromkeys(estimates, n) | {"member_gap": n + m},
        tables={
            "samples": _samples(info, one, members, others),
            "features": features,
            "contributions": _contributions(info, one, members, others),
        },
        charts=(
            Chart("features", "points", "gain", y="feature", low="low", high="high", title="Gain by the model"),
            Chart("samples", "histogram", "gain", by="is", title=f"Gain by the model in guessing {one.name}", cut=0.5),
        ),
        notes=(*headlines, *notes),
        unjudged=not_judged(named, estimates),
    )


def _row(one: Withheld, members: Guessed, others: Guessed, level: float, tolerance: float) -> dict[str, Any]:
    gain, outside = members.gain(level), others.gain(level)
    gap = minus(gain, outside)
    return {
        "feature": one.name,
        "kind": one.kind,
        "with_model": members.level(members.with_model, level).value,
        "baseline": members.level(members.without, level).value,
        "chance": 1.0 / len(one.candidates) if one.kind == "category" else 0.0,
        "gain": gain.value,
        "low": gain.low,
        "high": gain.high,
        "non_member_gain": outside.value,
        "member_gap": gap.value,
        "gap_low": gap.low,
        "gap_high": gap.high,
        "within": members.within(members.with_model, tolerance),
        "within_baseline": members.within(members.without, tolerance),
        "n": len(members.target),
    }


def _samples(info: SampleInfo, one: Withheld, members: Guessed, others: Guessed) -> pd.DataFrame:
    """Scores only: a guess, or the value itself, would be the leak that this measures."""
    inside = info.is_member[one.rows]
    frame = pd.DataFrame(
        {
            "part": np.where(inside, "X_train", "X"),
            "id": info.ids[one.rows],
            "is": np.where(inside, "member", "non-member"),
            "with_model": np.concatenate([members.with_model, others.with_model]),
            "without": np.concatenate([members.without, others.without]),
        }
    )
    frame["gain"] = frame["with_model"] - frame["without"]
    if info.names is not None:
        frame.insert(2, "class", info.names[one.rows])
    return frame


def _contributions(info: SampleInfo, one: Withheld, members: Guessed, others: Guessed) -> pd.DataFrame:
    inside = info.is_member[one.rows]
    nothing = np.full(len(others.target), np.nan)
    level = {
        key: members.weights * (scores if one.kind == "category" else scores - 1.0)
        for key, scores in (("with_model", members.with_model), ("baseline", members.without))
    }
    if one.kind == "number":
        level = {key: 1.0 + added for key, added in level.items()}
    return pd.DataFrame(
        {
            "part": np.where(inside, "X_train", "X"),
            "id": info.ids[one.rows],
            "gain": np.concatenate([members.added, nothing]),
            "member_gap": np.concatenate([members.added, -others.added]),
            **{key: np.concatenate([added, nothing]) for key, added in level.items()},
        }
    )
