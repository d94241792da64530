"""From chosen prototypes to numbers, tables and charts."""

from collections.abc import Sequence

import numpy as np

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.engines.explanations._prototype_explained import Explained
from xrai_widgets.engines.explanations._prototype_fit import Fit
from xrai_widgets.engines.explanations._prototype_lists import criticisms, curve, samples
from xrai_widgets.engines.explanations._prototype_measures import agreement, distances
from xrai_widgets.engines.explanations._prototype_people import People, Said
from xrai_widgets.engines.explanations._prototype_tables import Contents, contents, feature_similarity

_MOST_POINTS = 40  # rows of a chart that can still be read
_CURVE = "Distance (MMD²) between the explained samples and the first n prototypes"


def finding_of(
    done: Sequence[Explained], people: People, said: Said, shown: Contents, compare: bool, notes: Sequence[str]
) -> Finding:
    """Return the finding of all groups that have a prototype."""
    done = [one for one in done if one.chosen.indices]
    fits = [Fit.of(one.to, one.own, one.points) for one in done]
    n = sum(fit.n for fit in fits)
    estimates = distances(done, fits, n) if done else {}
    if compare and said.answers is not None and said.train_answers is not None and done:
        estimates["agreement"] = agreement(done, said.answers, said.train_answers)
    single = len(done) == 1
    features = feature_similarity([(one.group, one.rows, one.shares) for one in done], shown)
    tables = {
        "samples": samples(done, people, said),
        "curve": curve(done, fits),
        "criticisms": criticisms(done, people, said),
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
