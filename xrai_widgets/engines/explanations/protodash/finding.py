"""From chosen prototypes to numbers, tables and charts."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.engines.explanations.protodash.contents import Contents, contents, feature_similarity
from xrai_widgets.engines.explanations.protodash.explained import Explained
from xrai_widgets.engines.explanations.protodash.fit import Fit, agreement, around, distances
from xrai_widgets.engines.explanations.protodash.groups import SampleColumns, SampleInfo

_MOST_POINTS = 40  # rows of a chart that can still be read
_CURVE = "Distance (MMD²) between the explained samples and the first n prototypes"


def samples(done: Sequence[Explained], info: SampleInfo, columns: SampleColumns) -> pd.DataFrame:
    """List the chosen training samples with their weights."""
    frames = []
    for one in done:
        head = {"part": "X_train", "id": info.train_ids[one.rows]}
        words = {key: column[one.rows] for key, column in columns.train.items() if column.dtype.kind == "O"}
        numbers = {key: column[one.rows] for key, column in columns.train.items() if column.dtype.kind != "O"}
        order = {"explains": one.group.name, "order": np.arange(1, len(one.rows) + 1)}
        weights = {"weight": one.chosen.weights, "share": one.shares}
        frames.append(pd.DataFrame(head | words | order | weights | numbers))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["part", "id"])


def curve(done: Sequence[Explained], fits: Sequence[Fit]) -> pd.DataFrame:
    """List how the fit grows with every prototype."""
    rows = []
    for one, fit in zip(done, fits, strict=True):
        for number, (objective, weights) in enumerate(zip(one.chosen.objective, one.chosen.path, strict=True), 1):
            mmd2 = max(fit.within - 2 * objective, 0.0)
            apart = fit.distance(weights)
            band = around(mmd2, apart.unbiased, float(np.sqrt(apart.variance)), fit.n, 0.0, np.inf)
            rows.append((one.group.name, "ProtoDash", number, mmd2, band.low, band.high, objective))
        for number in range(1, one.random.shape[1] + 1):
            reached = one.random[:, number - 1]
            ends = [fit.within - 2 * float(value) for value in (reached.mean(), reached.max(), reached.min())]
            rows.append((one.group.name, "random draws", number, *(max(end, 0.0) for end in ends), reached.mean()))
    return pd.DataFrame(rows, columns=["explains", "chosen by", "n", "mmd2", "low", "high", "objective"])


def criticisms(done: Sequence[Explained], info: SampleInfo, columns: SampleColumns) -> pd.DataFrame:
    """List the samples for which the prototypes stand worst."""
    frames = []
    for one in done:
        rows = one.group.explained[one.criticisms]
        head = {"part": info.part, "id": info.ids[rows]}
        words = {key: column[rows] for key, column in columns.explained.items() if column.dtype.kind == "O"}
        order = {"explains": one.group.name, "order": np.arange(1, len(rows) + 1)}
        frames.append(pd.DataFrame(head | words | order | {"witness": one.witness[one.criticisms]}))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=["part", "id"])


def finding_of(
    done: Sequence[Explained],
    info: SampleInfo,
    columns: SampleColumns,
    shown: Contents,
    compare: bool,
    notes: Sequence[str],
) -> Finding:
    """Return the finding of all groups that have a prototype."""
    done = [one for one in done if one.chosen.indices]
    fits = [Fit.of(one.to, one.within, one.points) for one in done]
    n = sum(fit.n for fit in fits)
    estimates = distances(done, fits, n) if done else {}
    if compare and columns.predictions is not None and columns.train_predictions is not None and done:
        estimates["agreement"] = agreement(done, columns.predictions, columns.train_predictions)
    single = len(done) == 1
    features = feature_similarity([(one.group, one.rows, one.shares) for one in done], shown)
    tables = {
        "samples": samples(done, info, columns),
        "curve": curve(done, fits),
        "criticisms": criticisms(done, info, columns),
        "features": features,
        "rows": contents([(one.group, one.rows, one.shares) for one in done], shown),
    }
    arrays = _arrays(done)
    charts = [Chart("curve", "line", "n", y="mmd2", by="chosen by" if single else "explains", title=_CURVE)]
    if single and len(tables["samples"]) <= _MOST_POINTS:
        charts.append(Chart("samples", "points", "share", y="id", title="Share of each prototype"))
    if single and 0 < len(features) <= _MOST_POINTS:
        title = "Similarity of each feature (1: alike)"
        charts.append(Chart("features", "points", "similarity", y="feature", title=title))
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=dict.fromkeys(estimates, n),
        tables={name: frame for name, frame in tables.items() if len(frame) or name in ("samples", "curve")},
        charts=tuple(charts),
        arrays=arrays | shown.images(arrays["indices"]),
        shareable=tuple(arrays),
        notes=(*notes, *_stops(done)),
    )


def _arrays(done: Sequence[Explained]) -> dict[str, Array]:
    """Return places and weights, which tell nothing of what is in a sample."""

    def joined(parts: Sequence[Array]) -> Array:
        return np.concatenate(parts) if parts else np.zeros(0)

    arrays = {
        "indices": joined([one.rows for one in done]).astype(np.intp),
        "weights": joined([one.chosen.weights for one in done]),
        "weights_normalised": joined([one.shares for one in done]),
        "weights_path": _paths([one.chosen.path for one in done]),
    }
    if len(done) > 1:
        arrays["group"] = np.repeat(np.arange(len(done)), [len(one.rows) for one in done])
        arrays["sizes"] = np.array([len(one.to) for one in done])
    return arrays


def _paths(paths: Sequence[Sequence[Array]]) -> Array:
    """Row t: the weights of the first t + 1 prototypes, NaN where the search had stopped; a square per group."""
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
