"""Randomised smoothing: within what distance is the vote over noisy copies of a sample certain?"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd

from xrai_widgets.core import (
    UNNAMED,
    Array,
    Chart,
    Constraint,
    Control,
    Finding,
    Measure,
    Names,
    NotApplicable,
    Predict,
    Score,
    assessment,
)
from xrai_widgets.core.decision import labels
from xrai_widgets.core.marks import Label, MemoryLimit, Range, Section, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._arguments import EitherPart, SampleIds, Scale
from xrai_widgets.engines._rows import drawn_rows, not_judged, rows_at_once, samples_of
from xrai_widgets.engines._space import Space

ABSTAINS, RIGHT, WRONG, WAITING = "no clear vote", "right", "wrong", "not finished"
_AT_ONCE = 2000  # draws for which a model is asked at once: a cancel lands between


@assessment(
    title="Randomised smoothing",
    measures=(
        Measure(
            "smoothed_certified_accuracy",
            "higher",
            bound="lower",
            meaning="Samples on which the smoothed model, the vote of the audited one over noisy copies, is right and "
            "stays so under every change of size ε. It says nothing of the audited model itself.",
            sentence="For {value:100} of 100 samples the vote over noisy copies is right, and provably stays so under "
            "every change of the chosen size; at least {limit:100} are asked for.",
        ),
        Measure(
            "smoothed_accuracy",
            "higher",
            bound="lower",
            sentence="Of 100 samples {value:100} are voted rightly and with certainty; at least {limit:100} are asked "
            "for.",
        ),
        Measure(
            "abstained",
            "lower",
            label="samples without a clear vote",
            meaning="Samples on which the smoothed model gives no answer: the leading class has no certain majority. "
            "More draws leave fewer.",
            sentence="On {value:100} of 100 samples the vote over noisy copies has no certain winner; at most "
            "{limit:100} are allowed.",
        ),
        Measure(
            "accuracy",
            "higher",
            label="accuracy without noise",
            sentence="Of 100 samples the model itself gets {value:100} right; at least {limit:100} are asked for.",
        ),
    ),
    tasks=("classification",),
    words={
        "epsilon": "ε (size of the change)",
        "votes": "share of the draws for the class",
        "votes_low": "certain share, at least",
        "distance": "certified distance of the vote",
        "voted": "class by vote",
        "share": "samples that stay right",
    },
    reference="Cohen, Rosenfeld, Kolter 2019, arXiv:1902.02918",
    labels_suffice=True,
    missing="kept",
    controls=(
        Control(
            "constant",
            {"abstained": (0.0, 0.0)},
            "every draw gets the same label: no vote is unclear",
            params={"samples": "", "part": "X", "alpha": 0.05},
            at_most={"n_samples": 20, "draws": 200},
            wrong="Noise moves no label of a constant model, so votes are lost.",
        ),
    ),
    score=Score(("distance",), worse="lower", status="status", instead={ABSTAINS: 0.0, WRONG: 0.0}),
)
def smoothing(
    predict: Predict,
    X: Array,
    y: Array,
    bounds: Array,
    constraints: tuple[Constraint, ...] = (),
    X_train: Array | None = None,
    y_train: Array | None = None,
    naming: Annotated[Names, "ids", "train_ids", "feature_names", "classes"] = UNNAMED,
    decide: Predict | None = None,
    *,
    sigma: Annotated[
        float, Range(1e-6, 100), Label("noise (σ)"), "standard deviation of the noise, in the units of sizes"
    ] = 0.1,
    epsilon: Annotated[
        float,
        Range(0, 100),
        Label("ε (size of the change)"),
        "size of change, all features together, that is certified",
    ] = 0.1,
    n_samples: Annotated[int, Range(2, 100_000), Label("samples to certify"), "how many samples are drawn"] = 50,
    part: EitherPart = "X",
    samples: SampleIds = "",
    scale: Scale = "range",
    draws: Annotated[
        int, Range(10, 10_000_000), Section("draw"), Label("draws"), "noisy copies of each sample that are counted"
    ] = 1000,
    alpha: Annotated[
        float, Range(1e-9, 0.5), Section("draw"), Label("chance of an error"), "that any of the certificates is wrong"
    ] = 0.05,
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    step: Step = quiet,
) -> Finding:
    """Certify, in l2, the model that answers with the most frequent label over noisy copies of a sample.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities or one-hot labels.
    X, y : array (n, …), int array (n,)
    bounds : array (2, d)
        Lowest and highest value per feature: its range is the unit of sizes, and noise ends there.
    constraints : tuple of Constraint, optional
        Columns of categories, of one-hot groups and those that may not change get no noise; whole numbers are rounded
        after it, which is part of the smoothed model.
    X_train, y_train, naming : optional
    decide : callable, optional
        (n, …) → (n,) classes that the model decides for, where they are not the most probable ones.

    Returns
    -------
    Finding
        ``smoothed_certified_accuracy`` at ``epsilon``, ``smoothed_accuracy``, ``abstained`` and ``accuracy`` (of the
        model itself), each with a Wilson interval over samples. Tables: ``samples`` (status, class by vote, share of
        its votes, its lower end, distance), ``curve`` over every size at which the certified share changes.

    Raises
    ------
    NotApplicable
        where no column can take noise.

    Notes
    -----
    A tenth of the draws, 100 at the least, choose the class; ``draws`` fresh ones are counted. With p the lower end of
    its share (Clopper and Pearson, one-sided, at ``alpha`` over the number of samples, so that all certificates hold at
    once), the vote stays within σ·Φ⁻¹(p), and none is given for p of one half or less.

    Interpretation
    --------------
    A certificate of another model, which would have to be deployed in place of the audited one: it judges nothing.

    Limitations
    -----------
    Changes are those of the cells that get noise; all others, and those without a number, stay as they are. What noise
    takes out of the range of a column is put at its end, which is part of the smoothed model, too. With n draws no
    distance is larger than σ·Φ⁻¹(α^(1/n)). A model that was not trained on noise may lose much under it.

    Recommendations
    ---------------
    Train on samples with the same noise first. Larger noise gives larger distances and fewer right votes.
    """
    chosen_X, chosen_y, ids = samples_of(part, X, y, X_train, y_train, naming)
    index = drawn_rows(samples, ids, n_samples, np.random.default_rng(seed))
    rows, shape = chosen_X[index], chosen_X.shape[1:]
    space = Space(bounds, constraints, scale)
    held = space.fixed | np.array([kind.kind == "category" or bool(kind.group) for kind in space.constraints])
    whole = np.array([kind.kind == "integer" for kind in space.constraints])
    if held.all():
        raise NotApplicable(
            "every column holds categories or what may not change: Gaussian noise fits none of them",
            "robustness.certified, which counts categories as they are",
        )
    spread = np.where(held, 0.0, sigma * space.span)
    at_once = min(_AT_ONCE, rows_at_once(memory_limit, 4, rows[0].size, constraints))
    votes = Votes.none(len(index), sigma, alpha / len(index))
    names = naming.of_classes(int(max(chosen_y.max(), predict(rows[:1]).shape[1] - 1)) + 1)
    before = labels(predict, decide, rows) == chosen_y[index]
    asked = _Asked(part, ids[index], chosen_y[index], names, before, epsilon, samples, votes, _spoken_of(held, naming))

    def counted(i: int, rng: np.random.Generator, n: int, begin: float, share: float) -> Array:
        total = np.zeros(len(names), dtype=np.int64)
        for start in range(0, n, at_once):
            step((i + begin + share * start / n) / len(rows), "votes over noisy copies", lambda: _finding(asked))
            noise = rng.normal(size=(min(at_once, n - start), len(spread))) * spread
            noisy = rows[i].reshape(-1) + noise
            noisy = np.where(held, noisy, np.clip(np.where(whole, np.rint(noisy), noisy), *space.bounds))
            says = labels(predict, decide, noisy.reshape(-1, *shape).astype(X.dtype))
            total += np.bincount(says, minlength=len(names))
        return total

    for i, row in enumerate(index):
        rng = np.random.default_rng([seed, int(row)])
        first = int(counted(i, rng, max(100, draws // 10), 0.0, 0.1).argmax())
        votes.settle(i, first, int(counted(i, rng, draws, 0.1, 0.9)[first]), draws)
    return _finding(asked)


@dataclass(frozen=True, eq=False)
class Votes:
    """For each sample (n,) the class by vote, −1 before, its share with a lower end, and how far it is certain."""

    label: Array
    share: Array
    least: Array
    distance: Array
    sigma: float
    alpha: float

    @classmethod
    def none(cls, n: int, sigma: float, alpha: float) -> "Votes":
        """Before any vote; ``alpha`` is the chance that one certificate is wrong."""
        return cls(np.full(n, -1), np.full(n, np.nan), np.full(n, np.nan), np.zeros(n), sigma, alpha)

    def settle(self, i: int, label: int, votes: int, draws: int) -> None:
        """Take in how many of the draws had the label."""
        from scipy.stats import norm

        share = statistics.clopper_pearson(votes, draws, 1 - 2 * self.alpha)
        self.label[i], self.share[i], self.least[i] = label, share.value, share.low
        self.distance[i] = self.sigma * float(norm.ppf(share.low)) if share.low > 0.5 else 0.0


@dataclass(frozen=True, eq=False)
class _Asked:
    part: str
    ids: Array
    truth: Array
    names: tuple[Any, ...]
    before: Array
    epsilon: float
    named: str
    votes: Votes
    notes: tuple[str, ...]


def _spoken_of(held: Array, naming: Names) -> tuple[str, ...]:
    """Say which columns get no noise."""
    notes = ["A certificate of the smoothed model, the vote over noisy copies, and not of the audited model itself."]
    if held.any():
        names = [str(name) for name in np.array(naming.feature_names or np.arange(len(held)))[held]]
        some = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
        notes.append(
            f"Without noise, as they are no numbers or may not change: {some}. Nothing is said of changes there."
        )
    return tuple(notes)


def _finding(asked: _Asked) -> Finding:
    """Return the finding for the votes as they are: samples that are not finished count as not certified."""
    votes, n = asked.votes, len(asked.ids)
    waiting, clear = votes.label < 0, votes.distance > 0
    right = clear & (votes.label == asked.truth)
    masks = {
        "smoothed_certified_accuracy": right & (votes.distance > asked.epsilon),
        "smoothed_accuracy": right,
        "abstained": ~clear,
        "accuracy": asked.before,
    }
    estimates = {key: statistics.wilson(int(mask.sum()), n) for key, mask in masks.items()}
    status = np.select([waiting, ~clear, right], [WAITING, ABSTAINS, RIGHT], WRONG)
    names = np.array([str(name) for name in asked.names])
    table = pd.DataFrame({
        "part": asked.part, "id": asked.ids, "class": names[asked.truth], "status": status,
        "voted": np.where(clear, names[np.maximum(votes.label, 0)], ""), "votes": votes.share,
        "votes_low": votes.least, "distance": np.where(clear, votes.distance, np.nan),
    })  # fmt: skip
    sizes = np.unique(np.r_[0.0, votes.distance[right], asked.epsilon])
    curve = [{"epsilon": e, **statistics.wilson(int((right & (votes.distance > e)).sum()), n)._asdict()} for e in sizes]
    left = int(waiting.sum())
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=dict.fromkeys(estimates, n),
        tables={
            "samples": table,
            "curve": pd.DataFrame(curve).rename(columns={"value": "share"}),
            "contributions": pd.DataFrame(
                {"part": asked.part, "id": asked.ids, **{key: mask.astype(float) for key, mask in masks.items()}}
            ),
        },
        charts=(
            Chart("curve", "line", "epsilon", y="share", low="low", high="high", title="Certified votes, by size"),
        ),
        notes=(*asked.notes, *([f"{left} samples were not finished: they count as not certified."] if left else [])),
        unjudged=not_judged(asked.named, estimates),
    )
