"""What an evasion attack found, as numbers with intervals, tables and charts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.core.subject import Decode
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines.robustness._evasion_search import Search

_SHOWN_ROWS = 200
_SHOWN_FEATURES = 10
_BOUNDED = ("robust_accuracy", "median_distance")


@dataclass(eq=False)
class Attacked:
    """The samples, the state of the attack, and the names.

    Parameters
    ----------
    problem, best
        Over the rightly answered samples only: a wrong answer needs no attack.
    index : int array
        Rows of X that were drawn.
    right : bool array
        Which of them the model answers rightly.
    search : Search, optional
        What was tried beside the attack; says which distances are exact.
    """

    problem: Problem
    best: Best
    index: Array
    right: Array
    y: Array
    epsilon: float
    feature_names: tuple[str, ...]
    ids: Array
    classes: tuple[str, ...]
    decode: Decode | None
    search: Search | None = None

    @property
    def exact(self) -> bool:
        """Whether no allowed change is nearer than what was found, for any of the samples."""
        return self.search is not None and bool(self.search.exact.all())


def evasion_finding(attacked: Attacked, notes: list[str], *, finished: bool = True) -> Finding:
    """Return the finding for the state of the attack as it is.

    An attack that is not finished may have been cancelled: then the model is not asked what the samples become.
    """
    best, n = attacked.best, len(attacked.index)
    standing = int((best.distance > attacked.epsilon).sum())
    estimates = {
        "robust_accuracy": statistics.wilson(standing, n),
        "accuracy": statistics.wilson(int(attacked.right.sum()), n),
        "found_share": statistics.wilson(int(best.found.sum()), len(best.found)),
    }
    counts = {"robust_accuracy": n, "accuracy": n, "found_share": len(best.found), "median_distance": len(best.found)}
    missing = int((~best.found).sum())
    if missing:
        notes = [
            *notes,
            f"For {missing} of {len(best.found)} samples nothing was found: that is no distance and no proof.",
        ]
    if len(best.found) and np.isfinite(np.median(best.distance)):
        estimates["median_distance"] = _median(best.distance)
    else:
        counts.pop("median_distance")
        why = "nothing was found for half of the samples or more" if len(best.found) else "no sample was attacked"
        notes = [*notes, f"No median distance: {why}."]
    if not attacked.exact:
        notes = [*notes, "The intervals cover the choice of the samples only, not what a stronger search would find."]
    samples = _samples(attacked, finished)
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=counts,
        tables={
            "samples": samples,
            "curve": _curve(best.distance, n),
            "rows": _rows(attacked),
            "contributions": _contributions(attacked),
        },
        charts=_charts(attacked),
        arrays={**_images(attacked), "index": attacked.index, "nearest": _nearest(attacked)},
        notes=tuple(notes),
        bounds={key: "exact" for key in _BOUNDED if key in estimates} if attacked.exact and finished else {},
    )


def _charts(attacked: Attacked) -> tuple[Chart, ...]:
    title = "Security curve: accuracy under attack"
    curve = Chart("curve", "line", "epsilon", y="accuracy", low="low", high="high", title=title)
    if not attacked.best.found.any():
        return (curve,)
    title, cut = "Distance to another answer", attacked.epsilon
    return curve, Chart("samples", "histogram", "distance", by="class", title=title, cut=cut, beyond="below")


def unsteady_finding(attacked: Attacked, note: str) -> Finding:
    """Return the accuracy alone, of a model that answers at random: what an attack finds there is chance."""
    n = len(attacked.index)
    accuracy = statistics.wilson(int(attacked.right.sum()), n)
    return Finding(
        values={"accuracy": accuracy.value},
        intervals={"accuracy": (accuracy.low, accuracy.high)},
        counts={"accuracy": n},
        notes=(note,),
    )


def _median(distance: Array) -> statistics.Estimate:
    # np.quantile interpolates and turns inf into nan, so the infinite ones become "farther than all", then come back
    far = 10.0 * float(distance[np.isfinite(distance)].max()) + 1.0
    value, low, high = statistics.quantile(np.where(np.isfinite(distance), distance, far), 0.5)
    return statistics.Estimate(value, max(low, 0.0), np.inf if high >= far else high)


def _samples(attacked: Attacked, finished: bool) -> pd.DataFrame:
    problem, best = attacked.problem, attacked.best
    names = np.array(attacked.classes, dtype=object)
    status = np.full(len(attacked.index), "answered wrongly before", dtype=object)
    status[attacked.right] = np.where(best.found, "found", "not found")
    distance = np.full(len(attacked.index), np.nan)
    distance[attacked.right] = np.where(best.found, best.distance, np.nan)
    becomes = np.full(len(attacked.index), "", dtype=object)
    place, changed = best.reached(problem, attacked.right)
    if len(place) and finished:
        becomes[place] = names[problem.classes(changed)]
    found_by = np.full(len(attacked.index), "", dtype=object)
    if attacked.search is not None:
        found_by[attacked.right] = np.where(best.found, attacked.search.method, "")
    return pd.DataFrame(
        {
            "part": "X",
            "id": attacked.ids[attacked.index],
            "class": names[attacked.y[attacked.index]],
            "status": status,
            "distance": distance,
            "becomes": becomes,
            "found_by": found_by,
        }
    )


def _nearest(attacked: Attacked) -> Array:
    """Return what each sample becomes (n, d), NaN where nothing was found, in the order of the table ``samples``."""
    problem = attacked.problem
    nearest = np.full((len(attacked.index), problem.samples.shape[1]), np.nan)
    place, changed = attacked.best.reached(problem, attacked.right)
    nearest[place] = problem.space.empty(changed)
    return nearest


def _contributions(attacked: Attacked) -> pd.DataFrame:
    standing = np.zeros(len(attacked.index))
    standing[attacked.right] = attacked.best.distance > attacked.epsilon
    columns = {"robust_accuracy": standing, "accuracy": attacked.right.astype(float)}
    return pd.DataFrame({"part": "X", "id": attacked.ids[attacked.index], **columns})


def _curve(distance: Array, n: int) -> pd.DataFrame:
    """Accuracy just above every distance found, over all drawn samples."""
    found = np.sort(distance[np.isfinite(distance)])
    epsilon = np.r_[0.0, np.unique(found), found[-1] * 1.05] if len(found) else np.array([0.0])
    standing = [int((distance > e).sum()) for e in epsilon]
    rows = [{"epsilon": e, **statistics.wilson(k, n)._asdict()} for e, k in zip(epsilon, standing, strict=True)]
    return pd.DataFrame(rows).rename(columns={"value": "accuracy"})


def _rows(attacked: Attacked) -> pd.DataFrame:
    """The most changed features of the broken samples, in the user's own units; images are kept as arrays instead."""
    problem, best = attacked.problem, attacked.best
    columns = ["id", "feature", "original", "adversarial", "change"]
    found = np.flatnonzero(best.found)[:_SHOWN_ROWS]
    if not len(found) or len(problem.shape) > 1:
        return pd.DataFrame(columns=columns)
    originals = problem.samples[found]
    changed = problem.space.to_samples(best.points[found], originals)
    names = list(attacked.feature_names) or [f"x{i}" for i in range(originals.shape[1])]
    before, after = (_in_units(problem.space.empty(part), attacked.decode, names) for part in (originals, changed))
    ids = attacked.ids[attacked.index[attacked.right][found]]
    rows = []
    for number, sample in enumerate(ids):
        size = problem.space.share(changed[number], originals[number])
        for column in np.argsort(-size, kind="stable")[:_SHOWN_FEATURES]:
            if size[column] > 0:
                cells = before.iat[number, column], after.iat[number, column]
                rows.append((sample, names[column], *map(str, cells), size[column]))
    return pd.DataFrame(rows, columns=columns)


def _in_units(samples: Array, decode: Decode | None, names: list[str]) -> pd.DataFrame:
    return decode(samples) if decode is not None else pd.DataFrame(samples, columns=names).round(6)


def _images(attacked: Attacked) -> dict[str, Array]:
    problem, best = attacked.problem, attacked.best
    found = np.flatnonzero(best.found)[:_SHOWN_ROWS]
    if len(problem.shape) < 3 or not len(found):
        return {}
    originals = problem.samples[found]
    changed = problem.space.to_samples(best.points[found], originals)
    return {"original": originals.reshape(-1, *problem.shape), "adversarial": changed.reshape(-1, *problem.shape)}
