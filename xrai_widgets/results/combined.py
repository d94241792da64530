"""Several searches on one model, read together: each sample counts by the nearest change that any of them found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from scipy import stats

from xrai_widgets.core import Bound, Finding, Outcome, registered
from xrai_widgets.core.subject import Array
from xrai_widgets.results.policy import Check, Policy
from xrai_widgets.results.threshold import standing

EVASION, KEY = "robustness.evasion", "robust_accuracy"
_NEAREST = (
    "nearest"  # the array of a search: what each row of its table ``samples`` becomes, NaN where nothing was found
)
_CHANGES = ("nearest_change", "pn_change")  # by how much each feature changes, in the same rows
_ORDERS = {"l0": 0, "l1": 1, "l2": 2, "linf": np.inf}
# norms whose distance of a change is never smaller than that in the norm of the key: still an upper bound
_NO_SMALLER = {"l0": ("l0",), "l1": ("l1",), "l2": ("l2", "l1"), "linf": ("linf", "l2", "l1")}


@dataclass(frozen=True, eq=False)
class Combined:
    """The robust accuracy under all searches of one subject, in the norm and at the ε of its evasion attack.

    Parameters
    ----------
    subject, subject_name : str
    norm, scale : str
        How evasion measures the size of a change.
    epsilon : float
    value, low, high, count : float, float, float, int
        Share of the attacked samples that no search breaks within ε (Wilson).
    bound : {"upper", "lower", "exact"}
    samples : DataFrame
        part, id, distance (infinite: nothing found), method: the search that found the nearest change.
    methods : tuple of str
    notes : tuple of str
        Which searches could not be read with the others, and why.
    """

    subject: str
    subject_name: str
    norm: str
    scale: str
    epsilon: float
    value: float
    low: float
    high: float
    count: int
    bound: Bound
    samples: pd.DataFrame = field(repr=False)
    methods: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def check(self, policy: Policy, outcomes: Iterable[Outcome]) -> Check:
        """Judge it by evasion's limit; a waiver of that covers this reading, too."""
        threshold = policy.threshold(EVASION, KEY)
        status = "not judged" if threshold is None else standing(threshold, self.low, self.high, self.bound)
        mine = [o for o in outcomes if o.assessment == EVASION and o.subject == self.subject]
        waiver = policy.waiver(mine[0], KEY) if mine and threshold else None
        waived = waiver is not None and status in ("fail", "warn") and waiver.in_force()
        numbers = self.value, self.low, self.high, self.count
        return Check(KEY, *numbers, threshold, status, waiver, waived, self.bound)

    @property
    def assessment(self) -> str:
        """The assessment by whose limit and in whose words it is read."""
        return EVASION

    @property
    def counted(self) -> dict[str, int]:
        """For how many samples each search found the nearest change; most first."""
        counts = self.samples.loc[self.samples["method"] != "", "method"].value_counts().to_dict()
        return {str(method): int(count) for method, count in counts.items()}


def combined(outcomes: Iterable[Outcome]) -> list[Combined]:
    """Return one reading for each subject on which evasion and at least one other search ran.

    Parameters
    ----------
    outcomes : iterable of Outcome
        Whole: a report leaves out the points that the searches found. Of several evasion runs on a subject the first
        says norm, ε and samples.

    Notes
    -----
    Both searches ask the same of a sample that is classified correctly: which allowed change alters the prediction? A
    distance under the largest-change norm is at most the Euclidean one, so that may stand for it.
    """
    whole = [o for o in outcomes if o.finding is not None and o.status in ("ok", "cancelled")]
    readings = []
    for subject in dict.fromkeys(outcome.subject for outcome in whole):
        mine = [o for o in whole if o.subject == subject and _points(o) is not None]
        first = next((o for o in mine if o.assessment == EVASION and o.status == "ok"), None)
        asks = first is not None and first.finding is not None and KEY in first.finding.values  # a regression does not
        if first is not None and asks and len(mine) > 1:
            others = [outcome for outcome in mine if outcome is not first]
            made = _read_together(first, others)
            readings += [] if made is None else [made]
    return readings


def _read_together(first: Outcome, others: Sequence[Outcome]) -> Combined | None:
    assert first.finding is not None
    table = first.finding.tables["samples"]
    best = pd.DataFrame({"part": table["part"], "id": table["id"].astype(str)})
    right = (table["status"] != "answered wrongly before").to_numpy()
    best["distance"] = np.where(right, table["distance"].fillna(np.inf), 0.0)
    best["method"] = np.where(np.isfinite(best["distance"]) & right, _method(first), "")
    methods, notes = [_method(first)], []
    for other in others:
        distance = _distances(other, first)
        if isinstance(distance, str):
            notes.append(f"{_method(other)} is not read with the others: {distance}")
            continue
        methods.append(_method(other))
        near = best.merge(distance, on=["part", "id"], how="left", suffixes=("", "_other"))["distance_other"].to_numpy()
        nearer = right & (near < best["distance"].to_numpy())
        best.loc[nearer, "distance"] = near[nearer]
        best.loc[nearer, "method"] = _method(other)
    if len(methods) == 1 and not notes:
        return None
    best.loc[~right, "distance"] = np.nan  # a wrong prediction needs no change
    epsilon, n = float(first.params["epsilon"]), len(best)
    kept = int((best["distance"] > epsilon).sum())
    low, high = stats.binomtest(kept, n).proportion_ci(method="wilson")
    entry = registered().get(EVASION)
    declared = next((m.bound for m in entry.measures if m.key == KEY), None) if entry is not None else None
    return Combined(
        subject=first.subject,
        subject_name=first.subject_name,
        norm=str(first.params["norm"]),
        scale=str(first.params["scale"]),
        epsilon=epsilon,
        value=kept / n,
        low=float(low),
        high=float(high),
        count=n,
        bound=first.finding.bounds.get(KEY) or declared or "upper",
        samples=best.assign(id=table["id"]),
        methods=tuple(methods),
        notes=tuple(notes),
    )


def _distances(outcome: Outcome, first: Outcome) -> pd.DataFrame | str:
    """Return part, id and distance of what a search found, in the norm and scale of ``first``; or why not."""
    finding, points = outcome.finding, _points(outcome)
    assert finding is not None
    assert points is not None
    scale, norm = (first.params[key] for key in ("scale", "norm"))
    if outcome.params.get("scale") != scale:
        return f"its changes are measured in another scale ({outcome.params.get('scale')}, not {scale})"
    table = finding.tables["samples"]
    change = next((finding.arrays[name] for name in _CHANGES if name in finding.arrays), None)
    if change is not None:
        flat = np.abs(change.reshape(len(change), -1))
        size = np.linalg.norm(flat, ord=_ORDERS[norm], axis=1)
    elif "distance" in table and outcome.params.get("norm") in _NO_SMALLER[norm]:
        size = table["distance"].to_numpy(float)
    else:
        return f"its changes are measured in another norm ({outcome.params.get('norm')}, not {norm})"
    none = np.isnan(points.reshape(len(points), -1)).any(axis=1)
    distances = pd.DataFrame(
        {"part": table["part"], "id": table["id"].astype(str), "distance": np.where(none, np.inf, size)}
    )
    return distances.drop_duplicates(["part", "id"], keep=False)  # a name that two samples share identifies neither


def _points(outcome: Outcome) -> Array | None:
    finding: Finding | None = outcome.finding
    points = finding.arrays.get(_NEAREST) if finding is not None else None
    table = finding.tables.get("samples") if finding is not None else None
    return points if points is not None and table is not None and len(points) == len(table) else None


def _method(outcome: Outcome) -> str:
    attack = outcome.params.get("attack")
    return f"{outcome.assessment} ({attack})" if attack else outcome.assessment
