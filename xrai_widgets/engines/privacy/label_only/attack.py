"""How firm the labels of members and non-members are, as scores of an attack on membership."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy import special

from xrai_widgets.core import Array, Chart, Constraint, Finding, NotApplicable, Predict, Step, quiet
from xrai_widgets.core.decision import labels_and_count
from xrai_widgets.core.step import Partial
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._art_space import classifier, global_seed
from xrai_widgets.engines._hop_skip_jump import Settings, hop_skip_jump
from xrai_widgets.engines._missing import Blanks
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._rows import not_judged
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.privacy.attacks.report import Scored, attack_report
from xrai_widgets.engines.privacy.attacks.threshold import threshold_attack
from xrai_widgets.engines.privacy.label_only.noise_robustness import Noise, kept_shares, spread_of

_TAU = 1e-12  # its threshold must be positive; the distance is read from its probability
_POOL = 500  # samples of each kind among which the boundary search looks for starting points
_TITLES = {
    "kept": "Share of noisy copies that keep the label",
    "distance": "Distance to the nearest other label",
}


def art_distances(
    problem: Problem, best: Best, n_classes: int, settings: Settings, seed: int, step: Step, partial: Partial = None
) -> None:
    """Fill in the distances of ``LabelOnlyDecisionBoundary``, one sample after the other.

    A distance of 0 of a correctly classified sample is a search that failed and came back with the sample itself: it
    stays "not found".
    """
    from art.attacks.inference.membership_inference import LabelOnlyDecisionBoundary

    if problem.space.blanks is not None:
        raise NotApplicable("ART's distances would count moves along missing numbers", "implementation='native'")
    budget = {"max_iter": settings.max_iter, "max_eval": settings.max_eval, "init_eval": settings.init_eval}
    for number in range(len(problem.samples)):
        step(number / len(problem.samples), "ART label-only boundary distance", partial)
        attack = LabelOnlyDecisionBoundary(classifier(problem, number, n_classes, None), _TAU)
        label = np.eye(n_classes)[problem.labels[[number]]]
        with global_seed(seed + int(problem.numbers[number])):
            share: Array = attack.infer(
                problem.origins[[number]], label, probabilities=True, verbose=False, norm=2, **budget
            )
        distance = float(special.logit(np.float64(share[0, 1])))
        if distance > 1e-6:
            best.distance[number] = distance


Samples = tuple[Array, Array]
Finish = Callable[..., Finding]


@dataclass(frozen=True)
class SplitSettings:
    """How the threshold is chosen on one part of the samples and tried on the other."""

    per_class: bool
    train_ratio: float
    repeats: int
    seed: int


@dataclass(eq=False)
class Asked:
    """The samples that were drawn, and what is known of their labels so far.

    Parameters
    ----------
    problem : Problem
        The correctly classified ones, members first.
    rows : (array, array)
        Which rows of the members and of the non-members were drawn.
    labels : array (2 n,)
        True labels, members first.
    right : bool array (2 n,)
        Whether the model gives them.
    n_classes : int
    pool : array
        Real samples where a search may start, flat.
    everything : array
        All drawn samples, flat.
    best : Best
        Nearest samples with another label found so far.
    kept : array
        In how many of ``tried`` noisy copies the label was kept so far.
    """

    problem: Problem
    rows: tuple[Array, Array]
    labels: Array
    right: Array
    n_classes: int
    pool: Array
    everything: Array
    best: Best = field(init=False)
    kept: Array = field(init=False)

    def __post_init__(self) -> None:
        self.best = Best.nothing(self.problem)
        self.kept = np.zeros(len(self.problem.samples))


def ask(
    model: tuple[Predict, Predict | None],
    members: Samples,
    others: Samples,
    bounds: Array,
    constraints: tuple[Constraint, ...],
    n_samples: int,
    chosen: tuple[Array | None, Array | None],
    scale: Literal["range", "raw"],
    at_once: int,
    seed: int,
) -> Asked:
    """Draw as many members as non-members and see which of them are classified correctly.

    Parameters
    ----------
    model : (predict, decide)
    chosen : (array or None, array or None)
        Rows of the members or of the non-members that were asked for by name, and as many of the others are drawn.
    """
    rng = np.random.default_rng(seed)
    wanted = next((len(rows) for rows in chosen if rows is not None), n_samples)
    n = min(wanted, len(members[0]), len(others[0]))
    drawn = [rng.permutation(len(X)) for X, _ in (members, others)]
    first, second = (np.sort(d[:n]) if named is None else named for d, named in zip(drawn, chosen, strict=True))
    rows = first, second
    X = np.concatenate([members[0][rows[0]], others[0][rows[1]]])
    y = np.concatenate([members[1][rows[0]], others[1][rows[1]]])
    numbers = np.concatenate([rows[0], len(members[0]) + rows[1]])
    near = np.concatenate([part[0][order[:_POOL]] for part, order in zip((members, others), drawn, strict=True)])
    predicted, n_classes = labels_and_count(*model, X)
    right = predicted == y
    flat, near = (part.reshape(len(part), -1).astype(np.float64) for part in (X, near))
    predict, decide = model
    if (blanks := Blanks.of(bounds, flat, near)) is not None:
        flat, near = blanks.fill(flat), blanks.fill(near)
        predict, decide = blanks.asking(predict), blanks.ruling(decide)
    space = Space(bounds, constraints, scale, blanks)
    problem = Problem(predict, space, flat[right], y[right], numbers[right], X.shape[1:], "l2", at_once, decide)
    return Asked(problem, rows, y, right, n_classes, near, flat)


def by_noise(asked: Asked, sizes: tuple[float, ...], copies: int, seed: int, step: Step, finish: Finish) -> int:
    """Score by the share of noisy copies that keep the label; return how many copies of each sample there were."""
    spread = spread_of(asked.problem.space.empty(asked.everything), is_image=len(asked.problem.shape) > 1)
    noise = Noise(asked.problem, spread, asked.everything, sizes)

    def unfinished(tried: int) -> Callable[[], Finding]:
        return partial(finish, tried=tried * len(sizes), notes=(f"{tried} of {copies} noisy copies were asked about.",))

    kept_shares(noise, asked.kept, copies, seed, step, unfinished)
    return copies * len(sizes)


def by_distance(asked: Asked, settings: Settings, seed: int, implementation: str, step: Step, finish: Finish) -> None:
    """Score by the distance to the nearest other label."""
    unfinished = partial(finish, notes=("The search was not finished: distances are larger than they would become.",))
    if implementation == "art":
        art_distances(asked.problem, asked.best, asked.n_classes, settings, seed, step, unfinished)
    elif len(asked.problem.samples):
        labels = asked.problem.classes(asked.pool)
        hop_skip_jump(asked.problem, asked.best, asked.pool, labels, settings, seed, step, unfinished)


def label_finding(
    asked: Asked,
    split: SplitSettings,
    ids: tuple[Array | None, Array | None],
    classes: tuple[Any, ...],
    *,
    named: str = "",
    tried: int = 0,
    allowed: bool = False,
    notes: tuple[str, ...] = (),
) -> Finding:
    """Return the finding for what is known so far.

    Parameters
    ----------
    named : str
        The ids that were asked for.
    tried : int
        How many noisy copies of each sample were asked about; 0 for the boundary distance.
    allowed : bool
        The nearest other labels come from changes that a person could make: they are kept, to be read with other
        searches.
    """
    name, (scores, status, missing) = ("kept", _kept(asked, tried)) if tried else ("distance", _distances(asked))
    n = len(asked.rows[0])
    parts = [
        Scored(
            {name: scores[part], "right": asked.right[part].astype(float)},
            asked.labels[part],
            rows if names is None else names[rows],
        )
        for part, rows, names in zip((slice(0, n), slice(n, None)), asked.rows, ids, strict=True)
    ]
    groups = [(part.scores[name], part.groups) for part in parts]
    attack = threshold_attack(
        groups[0],
        groups[1],
        per_class=split.per_class,
        train_ratio=split.train_ratio,
        repeats=split.repeats,
        seed=split.seed,
        step=quiet,
    )
    if missing.any():
        opening = f"For {missing.sum()} of {asked.right.sum()} correctly classified samples no other label was found: "
        notes = (*notes, f"{opening}they have no distance and are ranked as furthest, tied.")
    finding = attack_report(parts[0], parts[1], name, attack, classes=classes, notes=notes)
    samples = finding.tables["samples"]
    samples.insert(4, "status", status)
    samples.loc[missing, name] = np.nan
    samples = samples.drop(columns="right")
    gap = statistics.newcombe(*(statistics.wilson(int(side.sum()), n) for side in (asked.right[:n], asked.right[n:])))
    return replace(
        finding,
        values={**finding.values, "accuracy_gap": gap.value},
        intervals={**finding.intervals, "accuracy_gap": (gap.low, gap.high)},
        counts={**finding.counts, "accuracy_gap": 2 * n},
        tables={**finding.tables, "samples": samples, "contributions": _with_gap(finding, asked, n)},
        charts=_charts(finding, name, samples),
        arrays={**finding.arrays, **(_nearest(asked) if allowed else {})},
        unjudged=not_judged(named, {**finding.values, "accuracy_gap": gap.value}),
    )


def _kept(asked: Asked, tried: int) -> tuple[Array, Array, Array]:
    """Return score, status and where the score is no measurement: the sample itself counts as one of the copies."""
    scores = np.zeros(len(asked.right))
    scores[asked.right] = (1 + asked.kept) / (1 + tried)
    status = np.where(asked.right, "answered rightly", "answered wrongly")
    return scores, status, np.zeros(len(scores), dtype=bool)


def _distances(asked: Asked) -> tuple[Array, Array, Array]:
    success = asked.best.success
    furthest = 1.0 + 2.0 * float(asked.best.distance[success].max(initial=0.0))
    scores, missing = np.zeros(len(asked.right)), np.zeros(len(asked.right), dtype=bool)
    scores[asked.right] = np.where(success, asked.best.distance, furthest)
    missing[asked.right] = ~success
    status = np.where(missing, "not found", np.where(asked.right, "found", "answered wrongly"))
    return scores, status, missing


def _nearest(asked: Asked) -> dict[str, Array]:
    """Return what each sample becomes (2 n, d), NaN where nothing was found, and by how much each feature changes."""
    problem, best = asked.problem, asked.best
    nearest, change = np.full((2, len(asked.right), problem.samples.shape[1]), np.nan)
    place, changed = best.reached(problem, asked.right)
    nearest[place] = problem.space.empty(changed)
    change[place] = problem.space.share(changed, problem.samples[best.success])
    return {"nearest": nearest, "nearest_change": change}


def _with_gap(finding: Finding, asked: Asked, n: int) -> pd.DataFrame:
    added = asked.right.astype(float)
    return finding.tables["contributions"].assign(accuracy_gap=np.concatenate([added[:n], -added[n:]]))


def _charts(finding: Finding, name: str, samples: pd.DataFrame) -> tuple[Chart, ...]:
    """The report's charts; the histogram's cut stands among what was measured."""
    others = samples.loc[samples["is"] == "non-member", name].dropna()
    if others.empty:
        return finding.charts[1:]
    title = _TITLES[name]
    cut = float(np.quantile(others, 0.99))
    return (Chart("samples", "histogram", name, by="is", title=title, cut=cut), *finding.charts[1:])
