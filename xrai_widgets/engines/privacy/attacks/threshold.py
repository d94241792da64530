"""A threshold on a membership score, chosen on one part of the samples and tried on the other."""

from typing import NamedTuple

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate


class Attack(NamedTuple):
    """How often each sample was called a member while it was not used to choose the threshold.

    ``called`` says which members and which others had a threshold at all; by default all. ``share`` is the share of the
    samples that the intervals rest on. It is 1 for a threshold, which hardly depends on the single sample. An attack
    model does: two samples that are each judged by a model fitted on the other add nothing to each other, so the
    intervals are those of the samples tried in one split. (A mean over splits varies no more than one of them.)
    """

    members: Array
    others: Array
    called: tuple[Array, Array] | None = None
    share: float = 1.0

    @property
    def level(self) -> float:
        """Nominal level that gives 95 % intervals over ``share`` of the samples."""
        return statistics.widened(self.share)

    def had(self) -> tuple[Array, Array]:
        """Which members and which others were called."""
        return self.called or (np.ones(len(self.members), dtype=bool), np.ones(len(self.others), dtype=bool))

    @property
    def tpr(self) -> Estimate:
        """Share of members called members."""
        return statistics.wilson(float(self.members.sum()), len(self.members), self.level)

    @property
    def fpr(self) -> Estimate:
        """Share of non-members called members."""
        return statistics.wilson(float(self.others.sum()), len(self.others), self.level)

    @property
    def advantage(self) -> Estimate:
        """TPR − FPR, the membership advantage (Yeom et al. 2018, definition 4) of the rules that were chosen.

        It is that of a rule that other samples chose, given that rule, not of the best one there could be. A rule that
        calls every sample a member has advantage 0, as has one that calls none, and an outsider may take either: where
        no sample is called differently from another, the interval is the higher one of these two.
        """
        difference = statistics.newcombe(self.tpr, self.fpr)
        if len(set(self.members.tolist()) | set(self.others.tolist())) > 1:
            return difference
        return Estimate(difference.value, max(difference.low, -difference.high), max(difference.high, -difference.low))

    @property
    def recall(self) -> Estimate:
        """Share of members that are found: the true-positive rate."""
        return self.tpr

    def precision(self, base_rate: float) -> Estimate:
        """Share of members among those called members, where a share ``base_rate`` of all are members.

        The interval takes the ends of both rates' intervals and is therefore conservative.
        """

        def share(tpr: float, fpr: float) -> float:
            called = base_rate * tpr + (1 - base_rate) * fpr
            return base_rate * tpr / called if called > 0 else base_rate

        tpr, fpr = self.tpr, self.fpr
        return Estimate(share(tpr.value, fpr.value), share(tpr.low, fpr.high), share(tpr.high, fpr.low))


def threshold_attack(
    members: tuple[Array, Array],
    others: tuple[Array, Array],
    *,
    per_class: bool,
    train_ratio: float,
    repeats: int,
    seed: int,
    step: Step,
) -> Attack:
    """Choose the threshold with the largest TPR − FPR on a part of the samples and call the rest, in turn.

    Parameters
    ----------
    members, others : (scores, groups)
        Score and class of every sample. A regression has one class.
    per_class : bool
        One threshold per class instead of one for all.
    train_ratio : float
        Share of the samples that chooses the threshold.
    repeats : int
        How many times the samples are split anew. Each one is called at least once per repeat, by a threshold chosen
        without it; calls are averaged per sample, so intervals are over samples and not over repeats.
    """
    rng = np.random.default_rng(seed)
    calls = [np.zeros((2, len(scores))) for scores, _ in (members, others)]
    for _ in step.over(range(repeats), "threshold attack"):
        splits = [
            split_masks(groups if per_class else np.zeros_like(groups), train_ratio, rng)
            for _, groups in (members, others)
        ]
        for held in zip(*splits, strict=True):
            for group in np.unique(members[1]) if per_class else (None,):
                _call(members, others, held, group, calls)
    shares = [count[1] / np.maximum(count[0], 1) for count in calls]
    called = (calls[0][0] > 0, calls[1][0] > 0)
    return Attack(shares[0][called[0]], shares[1][called[1]], called)


def _call(
    members: tuple[Array, Array],
    others: tuple[Array, Array],
    held: tuple[Array, ...],
    group: object,
    calls: list[Array],
) -> None:
    chosen, tried = [], []
    for (_, groups), out in zip((members, others), held, strict=True):
        here = np.ones(len(groups), dtype=bool) if group is None else groups == group
        chosen.append(here & ~out)
        tried.append(here & out)
    if not (chosen[0].any() and chosen[1].any()):
        return  # a class without both kinds has no threshold of its own; its samples stay uncalled
    choosing = (int((~held[0]).sum()), int((~held[1]).sum()))
    cut = best_threshold(members[0][chosen[0]], others[0][chosen[1]], choosing)
    for count, (scores, _), now in zip(calls, (members, others), tried, strict=True):
        count[0, now] += 1
        count[1, now] += scores[now] >= cut


def best_threshold(members: Array, others: Array, sizes: tuple[int, int] | None = None) -> float:
    """Return the threshold of ``score ≥ threshold`` with the largest TPR − FPR, midway to the next lower score.

    Both rates are drawn towards one half, as by one more sample that counts half. Rules that the samples cannot tell
    apart then differ by what is not known: where all scores are tied and others are few, "whoever scores as high"
    is chosen, since others not seen may score lower; where members are few, "whoever scores higher". Of equal rules the
    one with the lowest threshold is taken.

    Parameters
    ----------
    sizes : (int, int), optional
        How many members and others choose a threshold; more than are given where each class has one of its own, so that
        all classes lean to the same side.
    """
    m, n = sizes or (len(members), len(others))
    fpr, tpr, thresholds = statistics.roc(members, others)
    gain = tpr * m / (m + 1) - fpr * n / (n + 1)
    best = int(np.flatnonzero(gain >= gain.max() - 1e-12)[-1])
    if not np.isfinite(thresholds[best]) or best + 1 == len(thresholds):
        return float(thresholds[best])
    return float(thresholds[best] + thresholds[best + 1]) / 2


def split_masks(groups: Array, train_ratio: float, rng: np.random.Generator) -> list[Array]:
    """Return masks of held-out samples, stratified by group, that together cover every sample."""
    folds = int(np.ceil(1 / (1 - train_ratio) - 1e-9))
    masks = [np.zeros(len(groups), dtype=bool) for _ in range(folds)]
    for group in np.unique(groups):
        order = rng.permutation(np.flatnonzero(groups == group))
        size = int(np.ceil(len(order) * (1 - train_ratio)))
        for fold, mask in enumerate(masks):
            start = round(fold * (len(order) - size) / max(folds - 1, 1))
            mask[order[start : start + size]] = True
    return masks
