"""What was found among latent variables, as numbers with intervals, tables and charts."""

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._statistics import Estimate
from xrai_widgets.engines.ood._latent.sought import TURNED, Sought

_SHOWN = 8
_FEW = 5  # of either kind: an AUROC of fewer says nothing


def sought_finding(sought: Sought) -> Finding:
    """Return the finding for the state of the search as it is."""
    estimates = _estimates(sought)
    samples = _samples(sought)
    pairs = samples.loc[sought.counted, ["part", "id"]].reset_index(drop=True)
    tables = {"samples": samples, "medians": pairs.assign(delta_z=sought.distance[sought.counted])}
    title = "How far until the model changes its mind"
    charts = []
    if np.isfinite(sought.distance).any():
        charts.append(Chart("samples", "histogram", "to_boundary", by="group", title=title, part="X", beyond="below"))
    arrays = {}
    shown = _shown(sought)
    if len(shown):
        captions, pictures = _pictures(sought, shown)
        tables["adversaries"], arrays["adversaries"] = captions, pictures
        title = "Samples, their reconstructions, nearest natural adversaries"
        charts.append(Chart("adversaries", "images", "picture", array="adversaries", title=title))
    return Finding(
        values={key: estimate.value for key, (estimate, _) in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, (estimate, _) in estimates.items()},
        counts={key: count for key, (_, count) in estimates.items()},
        tables=tables,
        charts=tuple(charts),
        arrays=arrays,
        notes=tuple(_notes(sought, "delta_z" in estimates)),
    )


def _estimates(sought: Sought) -> dict[str, tuple[Estimate, int]]:
    of_x, counted = sought.of_x, sought.counted
    estimates = {"agreement": (statistics.wilson(int(sought.kept[of_x].sum()), int(of_x.sum())), int(of_x.sum()))}
    far = sought.distance[counted]
    if len(far):
        estimates["found_share"] = statistics.wilson(int(np.isfinite(far).sum()), len(far)), len(far)
    if (median := statistics.censored_median(far)) is not None:
        estimates["delta_z"] = median, len(far)
    wrong = of_x & ~sought.right & sought.looked
    new = sought.given.foreign & sought.looked
    pairs = {"errors_auroc": (wrong, counted), "foreign_auroc": (new, of_x & sought.looked)}
    for key, (some, others) in pairs.items():
        if min(some.sum(), others.sum()) >= _FEW:
            both = int(some.sum() + others.sum())
            estimates[key] = statistics.auc(_near(sought.distance[some]), _near(sought.distance[others])), both
    return estimates


def _near(distance: Array) -> Array:
    """Return scores that are the higher, the nearer the change is; all that was not found is level and farthest."""
    return 1.0 / (1.0 + distance)


def _samples(sought: Sought) -> pd.DataFrame:
    names = np.array(sought.classes, dtype=object)
    turned = np.isfinite(sought.distance)
    status = sought.status()
    group = np.where(sought.of_x, np.where(sought.right, "answered rightly", "answered wrongly"), "new")
    group = np.where(sought.given.foreign, "foreign", group)
    columns = {
        "part": sought.given.part,
        "id": sought.given.ids,
        "label": names[sought.labels],
        "status": status,
        "delta_z": np.where(status == TURNED, sought.distance, np.nan),
        "to_boundary": np.where(turned, sought.distance, np.nan),
        "becomes": np.where(turned, names[np.maximum(sought.becomes, 0)], ""),
        "foreignness": sought.given.foreignness,
        "group": group,
    }
    return pd.DataFrame(columns)


def _shown(sought: Sought) -> Array:
    """Return some samples that were turned, the nearest ones first."""
    of_x = np.flatnonzero(sought.counted & np.isfinite(sought.distance))
    return of_x[np.argsort(sought.distance[of_x], kind="stable")][:_SHOWN]


def _pictures(sought: Sought, shown: Array) -> tuple[pd.DataFrame, Array]:
    low, high = float(sought.given.samples.min()), float(sought.given.samples.max())
    parts = [sought.given.samples[shown], sought.reconstructed[shown], sought.nearest[shown]]
    shares = (np.concatenate(parts) - low) / ((high - low) or 1.0)
    label = [sought.classes[code] for code in sought.labels[shown]]
    becomes = [sought.classes[code] for code in sought.becomes[shown]]
    captions = [f"{sought.given.ids[row]}: {name}" for row, name in zip(shown, label, strict=True)]
    captions += [f"reconstructed: {name}" for name in label]
    captions += [f"{name}, Δz {sought.distance[row]:.2f}" for row, name in zip(shown, becomes, strict=True)]
    return pd.DataFrame({"picture": captions}), np.rint(255 * np.clip(shares, 0.0, 1.0)).astype(np.uint8)


def _notes(sought: Sought, has_median: bool) -> list[str]:
    notes, of_x = [], sought.of_x
    lost = int((of_x & ~sought.kept).sum())
    if lost:
        notes.append(
            f"{lost} of {int(of_x.sum())} samples get another label when they are reconstructed: of these nothing is "
            "said."
        )
    missed = int(np.isinf(sought.distance[sought.counted]).sum())
    if missed:
        notes.append(f"{missed} samples were not turned within reach: they count as farther than all others, not as 0.")
    if not has_median:
        notes.append("No median: half of the samples or more were not turned within reach, or none was looked at.")
    waiting = int((sought.kept & ~sought.there & ~sought.looked).sum())
    if waiting:
        notes.append(f"{waiting} samples were not looked at.")
    return notes
