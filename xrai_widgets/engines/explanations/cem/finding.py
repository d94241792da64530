"""What was found about the instances, as numbers with intervals, tables and arrays."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Bound, Chart, Finding
from xrai_widgets.core.names import Decode
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._rows import SEEN, not_judged
from xrai_widgets.engines._search.contrast import Contrast
from xrai_widgets.engines._search.incumbents import Incumbents
from xrai_widgets.engines._statistics import Estimate
from xrai_widgets.engines.explanations.cem.zones import Zones

CHANGED = 1e-6  # share of a feature's range from which on it counts as changed
_SHOWN_ROWS = 200
_SHOWN_FEATURES = 15
_SHOWN_PREDICTIONS = 4


@dataclass(eq=False)
class Explained:
    """The instances, the state of the search for each mode, and the names.

    Parameters
    ----------
    index : int array
        Rows of X that are explained.
    parts : mapping of mode to (Contrast, Incumbents)
    error : callable, optional
        Flat samples → (n,) error of the autoencoder.
    stability : DataFrame, optional
        Filled once the noisy copies have been explained.
    zones : Zones, optional
        The classes of a regression.
    part, named : str
        Which part of the data the samples are from, and the ids of those that were asked for.
    """

    index: Array
    y: Array
    parts: Mapping[str, tuple[Contrast, Incumbents]]
    shape: tuple[int, ...]
    feature_names: tuple[str, ...]
    ids: Array
    classes: tuple[str, ...]
    decode: Decode | None
    error: Callable[[Array], Array] | None = None
    stability: pd.DataFrame | None = None
    notes: list[str] = field(default_factory=list)
    bounds: Mapping[str, Bound] = field(default_factory=dict)
    zones: Zones | None = None
    part: str = "X"
    named: str = ""

    @property
    def unit(self) -> float:
        """The unit of leads, in that of y for a regression."""
        return 1.0 if self.zones is None else self.zones.unit

    @property
    def names(self) -> list[str]:
        """Names of the features."""
        return list(self.feature_names) or [f"x{i}" for i in range(next(iter(self.parts.values()))[0].samples.shape[1])]


def changed(contrast: Contrast, incumbents: Incumbents) -> Array:
    """Mask (n, d) of the features that differ from the origin."""
    mask: Array = contrast.space.share(incumbents.points, contrast.origins) > CHANGED
    return mask


def sizes(contrast: Contrast, incumbents: Incumbents) -> Array:
    """Size (n, d) of what was changed or kept of each feature: 0 where it is as in the origin."""
    share = contrast.space.share(incumbents.points, contrast.origins)
    return np.where(share > CHANGED, share, 0.0)


def cem_finding(explained: Explained, *, finished: bool = True) -> Finding:
    """Return the finding for the state of the search as it is.

    A search that is not finished may have been cancelled: then nothing is computed that asks a model.
    """
    estimates: dict[str, tuple[Estimate, int]] = {}
    notes = list(explained.notes)
    for mode, (contrast, incumbents) in explained.parts.items():
        looked = np.isfinite(incumbents.margin)
        estimates |= _values(mode, contrast, incumbents, looked, notes)
    if finished:
        estimates["validity"] = _validity(explained)
    if "PN" in explained.parts and "median_pn_distance" not in explained.bounds:
        notes.append("The intervals cover the choice of the samples only, not what a stronger search would find.")
    if explained.stability is not None:
        overlap = explained.stability["overlap"].dropna().to_numpy()
        estimates["stability"] = (statistics.wilson(float(overlap.sum()), len(overlap)), len(overlap))
    if explained.part == "X_train":
        notes.append(SEEN)
    flatter = "exact" if explained.part == "X_train" else None
    estimates = {key: pair for key, pair in estimates.items() if pair[1]}  # an estimate over no sample is left out
    tables = {
        "samples": _samples(explained, finished),
        "features": _features(explained),
        "rows": _rows(explained),
        "contributions": _contributions(explained),
        "medians": _distances(explained),
    }
    if explained.stability is not None:
        tables["stability"] = explained.stability
    return Finding(
        values={key: estimate.value for key, (estimate, _) in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, (estimate, _) in estimates.items()},
        counts={key: n for key, (_, n) in estimates.items()},
        tables=tables,
        charts=_charts(tables, pictures=len(explained.shape) > 1),
        arrays=_arrays(explained),
        shareable=("index", *(f"{mode.lower()}_found" for mode in explained.parts)),
        notes=tuple(notes),
        bounds={key: bound for key, bound in explained.bounds.items() if key in estimates and bound != flatter}
        if finished
        else {},
        unjudged=not_judged(explained.named, estimates),
    )


def _values(
    mode: str, contrast: Contrast, incumbents: Incumbents, looked: Array, notes: list[str]
) -> dict[str, tuple[Estimate, int]]:
    key, n, done = mode.lower(), int(looked.sum()), incumbents.done & looked
    values = {f"{key}_share": (statistics.wilson(int(done.sum()), n), n)}
    if n > done.sum():
        what = "negative" if mode == "PN" else "positive"
        notes.append(
            f"For {n - int(done.sum())} of {n} instances no pertinent {what} was found within the ranges and "
            "constraints: the table shows the nearest attempt, which is no explanation."
        )
    if mode == "PN":
        distance = np.where(done, _distance(contrast, incumbents), np.inf)[looked]
        if n and np.isfinite(np.median(distance)):
            values["median_pn_distance"] = (_median(distance), n)
        else:
            notes.append("No median distance: for half of the instances or more no pertinent negative was found.")
    if done.any():
        share = changed(contrast, incumbents)[done].mean(axis=1)
        values[f"{key}_sparsity"] = (statistics.wilson(float(share.sum()), len(share)), len(share))
    return values


def _distance(contrast: Contrast, incumbents: Incumbents) -> Array:
    size: Array = np.linalg.norm(contrast.space.share(incumbents.points, contrast.origins), axis=1)
    return size


def _median(distance: Array) -> Estimate:
    # np.quantile interpolates and turns inf into nan, so the infinite ones become "farther than all", then come back
    far = 10.0 * float(distance[np.isfinite(distance)].max()) + 1.0
    value, low, high = statistics.quantile(np.where(np.isfinite(distance), distance, far), 0.5)
    return Estimate(value, max(low, 0.0), np.inf if high >= far else high)


def _validity(explained: Explained) -> tuple[Estimate, int]:
    """Ask the model once more whether every PN changes the prediction and every PP keeps it."""
    good = total = 0
    for mode, (contrast, incumbents) in explained.parts.items():
        points = incumbents.points[incumbents.done]
        if len(points):
            same = contrast.scorer.again(points) == contrast.labels[incumbents.done]
            good, total = good + int((same == (mode == "PP")).sum()), total + len(points)
    return statistics.wilson(good, total), total


def _samples(explained: Explained, finished: bool) -> pd.DataFrame:
    names = np.array(explained.classes, dtype=object)
    contrast = next(iter(explained.parts.values()))[0]
    table: dict[str, Any] = {
        "part": explained.part,
        "id": explained.ids[explained.index],
        "class": names[explained.y[explained.index]],
        "answer": names[contrast.labels],
    }
    if explained.zones is not None and finished:
        table["prediction"] = explained.zones.predictions(contrast.scorer.scores(contrast.samples))
    for mode, (contrast, incumbents) in explained.parts.items():
        key, looked = mode.lower(), np.isfinite(incumbents.margin)
        share = contrast.space.share(incumbents.points, contrast.origins)
        status = np.where(incumbents.done, "found", "not found")
        table[f"{key}_status"] = np.where(looked, status, "not looked for")
        table[f"{key}_class"] = np.where(looked, names[incumbents.label], "")
        table[f"{key}_margin"] = np.where(looked, incumbents.margin * explained.unit, np.nan)
        if explained.zones is not None and finished:
            predictions = explained.zones.predictions(contrast.scorer.scores(incumbents.points))
            table[f"{key}_prediction"] = np.where(looked, predictions, np.nan)
        # an attempt that is no explanation has no distance
        table[f"{key}_distance"] = np.where(incumbents.done, np.linalg.norm(share, axis=1), np.nan)
        table[f"{key}_l1"] = np.where(incumbents.done, share.sum(axis=1), np.nan)
        table[f"{key}_changed"] = np.where(incumbents.done, (share > CHANGED).sum(axis=1), np.nan)
        table[f"{key}_objective"] = np.where(incumbents.done, incumbents.cost, np.nan)
        if explained.error is not None and finished:
            table[f"{key}_ae_error"] = np.where(incumbents.done, explained.error(incumbents.points), np.nan)
    return pd.DataFrame(table)


def _contributions(explained: Explained) -> pd.DataFrame:
    table: dict[str, Any] = {"part": explained.part, "id": explained.ids[explained.index]}
    for mode, (_, incumbents) in explained.parts.items():
        looked = np.isfinite(incumbents.margin)
        table[f"{mode.lower()}_share"] = np.where(looked, incumbents.done.astype(float), np.nan)
    return pd.DataFrame(table)


def _distances(explained: Explained) -> pd.DataFrame:
    table: dict[str, Any] = {"part": explained.part, "id": explained.ids[explained.index]}
    if "PN" in explained.parts:
        contrast, incumbents = explained.parts["PN"]
        size = np.where(incumbents.done, _distance(contrast, incumbents), np.inf)
        table["median_pn_distance"] = np.where(np.isfinite(incumbents.margin), size, np.nan)
    return pd.DataFrame(table)


def _features(explained: Explained) -> pd.DataFrame:
    """How often each feature is part of an explanation, the most frequent first."""
    rows = []
    for mode, (contrast, incumbents) in explained.parts.items():
        part = changed(contrast, incumbents)[incumbents.done]
        for column, name in enumerate(explained.names):
            if len(part) and part[:, column].any():
                share = statistics.wilson(int(part[:, column].sum()), len(part))
                rows.append((mode, name, *share, len(part)))
    table = pd.DataFrame(rows, columns=["mode", "feature", "share", "low", "high", "n"])
    table = table.sort_values(["mode", "share"], ascending=[True, False], kind="stable")
    return table.groupby("mode").head(_SHOWN_FEATURES).reset_index(drop=True)


def _rows(explained: Explained) -> pd.DataFrame:
    """What each explanation or nearest attempt changes or keeps, in the user's own units; pictures stand in the arrays.

    ``original`` is the instance's own value, ``from`` that of the origin: of a PN the same, of a PP the baseline's.
    """
    columns = ["id", "mode", "status", "feature", "original", "from", "to", "change"]
    if len(explained.shape) > 1:
        return pd.DataFrame(columns=columns)
    rows: list[tuple[Any, ...]] = []
    for mode, (contrast, incumbents) in explained.parts.items():
        chosen = np.flatnonzero(np.isfinite(incumbents.margin))[:_SHOWN_ROWS]
        if not len(chosen):
            continue
        parts = (contrast.space.empty(part[chosen]) for part in (contrast.samples, contrast.origins, incumbents.points))
        shown = [_in_units(explained, part) for part in parts]
        size = sizes(contrast, incumbents)[chosen]
        for number, sample in enumerate(explained.ids[explained.index[chosen]]):
            status = "found" if incumbents.done[chosen[number]] else "not found"
            for column in np.argsort(-size[number], kind="stable")[: np.count_nonzero(size[number])]:
                cells = (str(part.iat[number, column]) for part in shown)
                rows.append((sample, mode, status, explained.names[column], *cells, size[number, column]))
    return pd.DataFrame(rows, columns=columns)


def _in_units(explained: Explained, samples: Array) -> pd.DataFrame:
    if explained.decode is not None:
        return explained.decode(samples)
    return pd.DataFrame(samples, columns=explained.names).round(6)


def _charts(tables: Mapping[str, pd.DataFrame], pictures: bool) -> tuple[Chart, ...]:
    charts = []
    samples, features = tables["samples"], tables["features"]
    for key, title in (("pn", "Distance to another prediction"), ("pp", "Size of the part that suffices")):
        if f"{key}_distance" in samples and samples[f"{key}_distance"].notna().any():
            by = "answer" if samples["answer"].nunique() <= _SHOWN_PREDICTIONS else ""
            charts.append(Chart("samples", "histogram", f"{key}_distance", by=by, title=title))
    if len(features) and not pictures:  # a pixel's name says nothing
        shown = features["feature"] + " (" + features["mode"] + ")"
        features.insert(0, "explanation", shown)
        title = "Share of the explanations that name a feature"
        charts.append(Chart("features", "points", "share", y="explanation", low="low", high="high", title=title))
    return tuple(charts)


def _arrays(explained: Explained) -> dict[str, Array]:
    """The instances beside their explanations, or the nearest attempts, in the order of the table ``samples``.

    ``pn_change`` and ``pp_change``: by how much each feature differs from the origin; 0 where it does not. ``nearest``:
    the pertinent negatives (n, d), NaN where none was found.
    """
    first = next(iter(explained.parts.values()))[0]
    empty = first.space.empty
    arrays = {"index": explained.index, "original": empty(first.samples).reshape(-1, *explained.shape)}
    for mode, (contrast, incumbents) in explained.parts.items():
        arrays[mode.lower()] = empty(incumbents.points).reshape(-1, *explained.shape)
        arrays[f"{mode.lower()}_found"] = incumbents.done
        arrays[f"{mode.lower()}_change"] = sizes(contrast, incumbents).reshape(-1, *explained.shape)
        if mode == "PN":
            arrays["nearest"] = np.where(incumbents.done[:, None], empty(incumbents.points), np.nan)
        if mode == "PP":
            arrays["baseline"] = empty(contrast.origins).reshape(-1, *explained.shape)
    return arrays
