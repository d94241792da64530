"""From chosen prototypes to numbers, tables and charts."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate
from xrai_widgets.engines.explanations._prototype_fit import Fit
from xrai_widgets.engines.explanations._prototype_groups import Group, People
from xrai_widgets.engines.explanations._prototype_search import Chosen
from xrai_widgets.engines.explanations._prototype_similarity import Means, Rows
from xrai_widgets.engines.explanations._prototype_tables import Contents, contents, feature_similarity

_MOST_POINTS = 40  # rows of a chart that can still be read
_ROWS = 8192


@dataclass
class Explained:
    """One group, and what was found for it so far."""

    group: Group
    to: Rows
    pool: Rows
    own: Means
    chosen: Chosen = field(default_factory=Chosen)
    criticisms: list[int] = field(default_factory=list)
    witness: Array = field(default_factory=lambda: np.zeros(0))
    random: Array = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def rows(self) -> Array:
        """The prototypes as rows of the training samples."""
        return self.group.pool[self.chosen.indices]

    @property
    def points(self) -> Array:
        """The prototypes as points."""
        return self.pool.points(self.chosen.indices)

    @property
    def shares(self) -> Array:
        """The weights, summing to 1."""
        weights = self.chosen.weights
        total = float(weights.sum())
        return weights / total if total > 0 else weights


@dataclass(frozen=True, eq=False)
class Said:
    """What the samples' labels are and what the model answers, as columns of a table; both for X and for X_train."""

    explained: dict[str, Array]
    train: dict[str, Array]
    answers: Array | None
    train_answers: Array | None


def finding_of(
    done: Sequence[Explained], people: People, said: Said, shown: Contents, compare: bool, notes: Sequence[str]
) -> Finding:
    """Return the finding of all groups that have a prototype."""
    done = [one for one in done if one.chosen.indices]
    fits = [Fit.of(one.to, one.own, one.points) for one in done]
    n = sum(fit.n for fit in fits)
    estimates = _distances(done, fits, n) if done else {}
    if compare and said.answers is not None and said.train_answers is not None and done:
        estimates["agreement"] = _agreement(done, said.answers, said.train_answers)
    single = len(done) == 1
    features = feature_similarity([(one.group, one.rows, one.shares) for one in done], shown)
    tables = {
        "samples": _samples(done, people, said),
        "curve": _curve(done, fits),
        "criticisms": _criticisms(done, people, said),
        "features": features,
        "rows": contents([(one.group, one.rows, one.shares) for one in done], shown),
    }
    charts = [Chart("curve", "line", "n", y="mmd2", by="chosen by" if single else "explains", title=_CURVE)]
    if single and len(tables["samples"]) <= _MOST_POINTS:
        charts.append(Chart("samples", "points", "share", y="id", title="Share of each prototype"))
    if single and 0 < len(features) <= _MOST_POINTS:
        title = "How similar the prototypes are, feature by feature (1: alike)"
        charts.append(Chart("features", "points", "similarity", y="feature", title=title))
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=dict.fromkeys(estimates, n),
        tables={name: frame for name, frame in tables.items() if len(frame) or name in ("samples", "curve")},
        charts=tuple(charts),
        arrays=_arrays(done, shown),
        notes=(*notes, *_stops(done)),
    )


_CURVE = "Distance (MMD²) between the explained samples and the first n prototypes"


def _distances(done: Sequence[Explained], fits: Sequence[Fit], n: int) -> dict[str, Estimate]:
    """MMD² and the share of similarity that is explained, groups weighted by their size."""
    parts = np.array([fit.n / n for fit in fits])
    own = float(parts @ [fit.own for fit in fits])
    others = float(parts @ [fit.others for fit in fits])
    apart = [fit.distance(one.chosen.weights) for one, fit in zip(done, fits, strict=True)]
    mmd2 = max(float(parts @ [d.mmd2 for d in apart]), 0.0)
    unbiased = float(parts @ [d.unbiased for d in apart])
    error = float(np.sqrt(parts**2 @ [d.variance for d in apart]))
    shares = [fit.share_variance(one.chosen.weights, own, mmd2) for one, fit in zip(done, fits, strict=True)]
    explained, unseen = 1 - mmd2 / own, 1 - unbiased / others
    return {
        "mmd2": _around(mmd2, unbiased, error, n, 0.0, np.inf),
        "explained": _around(explained, unseen, float(np.sqrt(parts**2 @ shares)), n, -np.inf, 1.0),
    }


def _around(value: float, centre: float, error: float, n: int, least: float, most: float) -> Estimate:
    half = float(stats.t.ppf(0.5 + statistics.LEVEL / 2, n - 1)) * error if n > 1 else np.inf
    low, high = np.clip([centre - half, centre + half], least, most)
    return Estimate(value, min(float(low), value), max(float(high), value))


def _agreement(done: Sequence[Explained], answers: Array, train_answers: Array) -> Estimate:
    """Share of the explained samples to which the model answers as to the prototype that is nearest in the kernel."""
    points = np.concatenate([one.points for one in done])
    theirs = train_answers[np.concatenate([one.rows for one in done])]
    agreed = n = 0
    for one in done:
        kernel = one.to.kernel
        length, mine = kernel.diagonal(points), answers[one.group.explained]
        for part, tile in one.to.chunks():
            for start in range(0, len(tile), _ROWS):
                near = (kernel.matrix(tile[start : start + _ROWS], points) - 0.5 * length).argmax(axis=1)
                agreed += int((theirs[near] == mine[part][start : start + _ROWS]).sum())
        n += len(mine)
    return statistics.wilson(agreed, n)


def _samples(done: Sequence[Explained], people: People, said: Said) -> pd.DataFrame:
    frames = []
    for one in done:
        head = {"part": "X_train", "id": people.train_ids[one.rows]}
        words = {key: column[one.rows] for key, column in said.train.items() if column.dtype.kind == "O"}
        numbers = {key: column[one.rows] for key, column in said.train.items() if column.dtype.kind != "O"}
        order = {"explains": one.group.name, "order": np.arange(1, len(one.rows) + 1)}
        weights = {"weight": one.chosen.weights, "share": one.shares}
        frames.append(pd.DataFrame(head | words | order | weights | numbers))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["part", "id"])


def _curve(done: Sequence[Explained], fits: Sequence[Fit]) -> pd.DataFrame:
    rows = []
    for one, fit in zip(done, fits, strict=True):
        for number, (objective, weights) in enumerate(zip(one.chosen.objective, one.chosen.path, strict=True), 1):
            mmd2 = max(fit.own - 2 * objective, 0.0)
            apart = fit.distance(weights)
            band = _around(mmd2, apart.unbiased, float(np.sqrt(apart.variance)), fit.n, 0.0, np.inf)
            rows.append((one.group.name, "ProtoDash", number, mmd2, band.low, band.high, objective))
        for number in range(1, one.random.shape[1] + 1):
            reached = one.random[:, number - 1]
            ends = [fit.own - 2 * float(value) for value in (reached.mean(), reached.max(), reached.min())]
            rows.append((one.group.name, "random draws", number, *(max(end, 0.0) for end in ends), reached.mean()))
    return pd.DataFrame(rows, columns=["explains", "chosen by", "n", "mmd2", "low", "high", "objective"])


def _criticisms(done: Sequence[Explained], people: People, said: Said) -> pd.DataFrame:
    frames = []
    for one in done:
        rows = one.group.explained[one.criticisms]
        head = {"part": people.part, "id": people.ids[rows]}
        words = {key: column[rows] for key, column in said.explained.items() if column.dtype.kind == "O"}
        order = {"explains": one.group.name, "order": np.arange(1, len(rows) + 1)}
        frames.append(pd.DataFrame(head | words | order | {"witness": one.witness[one.criticisms]}))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["part", "id"])


def _arrays(done: Sequence[Explained], shown: Contents) -> dict[str, Array]:
    def joined(parts: Sequence[Array]) -> Array:
        return np.concatenate(parts) if parts else np.zeros(0)

    indices = joined([one.rows for one in done]).astype(np.intp)
    arrays = {
        "indices": indices,
        "weights": joined([one.chosen.weights for one in done]),
        "weights_normalised": joined([one.shares for one in done]),
        "weights_path": _paths([one.chosen.path for one in done]),
    }
    if len(done) > 1:
        arrays["group"] = np.repeat(np.arange(len(done)), [len(one.rows) for one in done])
    return arrays | shown.images(indices)


def _paths(paths: Sequence[Sequence[Array]]) -> Array:
    """Row t: the weights of the first t + 1 prototypes; one such square per group where there are several."""
    most = max(map(len, paths), default=0)
    squares = np.zeros((len(paths), most, most))
    for square, path in zip(squares, paths, strict=True):
        for row, weights in zip(square, path, strict=False):
            row[: len(weights)] = weights
        square[len(path) :] = np.nan
    return squares[0] if len(squares) == 1 else squares


def _stops(done: Sequence[Explained]) -> list[str]:
    stopped = [(len(one.chosen.indices), _whose(one, done)) for one in done if one.chosen.stopped]
    return [f"The search stopped after {n} prototypes{whose}: no other sample adds anything." for n, whose in stopped]


def _whose(one: Explained, done: Sequence[Explained]) -> str:
    return f" of {one.group.name}" if len(done) > 1 else ""
