"""What both kinds of evasion findings are made of: the state of the attack, distances, and tables of changes."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.core.names import Decode
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._band import Band
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines._rows import SEEN, not_judged
from xrai_widgets.engines.robustness.evasion.search import Search

if TYPE_CHECKING:
    from xrai_widgets.engines.robustness.evasion.strongest import Tally

_SHOWN_ROWS = 200
_SHOWN_FEATURES = 10


@dataclass(eq=False)
class Attacked:
    """The samples, the state of the attack, and the names.

    Parameters
    ----------
    problem, best
        Over the correctly classified samples only: a wrong label needs no attack.
    index : int array
        Rows of X that were drawn.
    right : bool array
        Which of them the model classifies correctly.
    search : Search, optional
        What was tried beside the attack; says which distances are exact.
    part, named : str
        Which part of the data the samples are from, and the ids of those that were asked for.
    band : Band, optional
        The tolerance of a regression: all samples are attacked, whatever their residuals.
    idle : bool
        The budget paid for no attack: nothing is said of any distance.
    target : int, optional
        The class that every change aims at.
    tally : Tally, optional
        What each attack has spent and found.
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
    band: Band | None = None
    part: str = "X"
    named: str = ""
    tally: "Tally | None" = None
    target: int | None = None
    idle: bool = False

    @property
    def exact(self) -> bool:
        """Whether no allowed change is nearer than what was found, for any of the samples."""
        return self.search is not None and bool(self.search.exact.all())

    @property
    def standing(self) -> Array:
        """Mask of the drawn samples that stand at ε."""
        mask = np.zeros(len(self.index), dtype=bool)
        mask[self.right] = self.best.distance > self.epsilon
        return mask


@dataclass(frozen=True, eq=False)
class AttackSummary:
    """What one kind of attack says of all drawn samples, beside distances.

    Parameters
    ----------
    key : str
        The value that is judged at ε: the share of the samples that stand.
    estimates : mapping of str to Estimate
        Over all drawn samples.
    shares : mapping of str to array (n,)
        What each sample adds to the estimates.
    samples : DataFrame
    height, title : str
        Column and title of the security curve.
    histogram : Chart
        Of the distances.
    """

    key: str
    estimates: dict[str, statistics.Estimate]
    shares: dict[str, Array]
    samples: pd.DataFrame
    height: str
    title: str
    histogram: Chart


def assembled(attacked: Attacked, summary: AttackSummary, notes: list[str], *, finished: bool) -> Finding:
    """Return the finding: the summary, how many changes were found and how far they are."""
    best, n = attacked.best, len(attacked.index)
    estimates = {**summary.estimates, "found_share": statistics.wilson(int(best.success.sum()), len(best.success))}
    counts = {**dict.fromkeys(summary.estimates, n), "found_share": len(best.success)}
    missing = int((~best.success).sum())
    if missing:
        notes = [
            *notes,
            f"For {missing} of {len(best.success)} samples nothing was found: that is no distance and no proof.",
        ]
    if len(best.success) and np.isfinite(np.median(best.distance)):
        estimates["median_distance"], counts["median_distance"] = _median(best.distance), len(best.success)
    else:
        why = "nothing was found for half of the samples or more" if len(best.success) else "no sample was attacked"
        notes = [*notes, f"No median distance: {why}."]
    if attacked.part == "X_train":
        notes = [*notes, SEEN]
    if not attacked.exact:
        notes = [*notes, "The intervals cover the choice of the samples only, not what a stronger search would find."]
    contributions = pd.DataFrame({"part": attacked.part, "id": attacked.ids[attacked.index], **summary.shares})
    curve = Chart("curve", "line", "epsilon", y=summary.height, low="low", high="high", title=summary.title)
    bounded = [key for key in (summary.key, "median_distance") if key in estimates]
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=counts,
        tables={
            "samples": summary.samples,
            "curve": _curve(best.distance, n, summary.height),
            "rows": _rows(attacked),
            **({} if attacked.tally is None else {"attacks": attacked.tally.table(best)}),
            "contributions": contributions,
        },
        charts=(curve, summary.histogram) if best.success.any() else (curve,),
        arrays={**_images(attacked), "index": attacked.index, "nearest": _nearest(attacked)},
        notes=tuple(notes),
        bounds=dict.fromkeys(bounded, "exact") if attacked.exact and finished and attacked.part == "X" else {},
        unjudged=not_judged(attacked.named, estimates),
    )


def search_names(attacked: Attacked) -> Array:
    """Return for each drawn sample which search found the nearest change; empty where none did."""
    names = np.full(len(attacked.index), "", dtype=object)
    if attacked.search is not None:
        names[attacked.right] = np.where(attacked.best.success, attacked.search.method, "")
    return names


def largest_changes(attacked: Attacked) -> Array:
    """Return the l∞ distance of what each drawn sample becomes, whatever the norm of the search; NaN if not found.

    Certificates speak of this norm; a search in another one finds no nearer change in it, so that both can be compared.
    """
    problem, size = attacked.problem, np.full(len(attacked.index), np.nan)
    place, changed = attacked.best.reached(problem, attacked.right)
    if len(place):
        size[place] = problem.space.distance(changed, problem.samples[attacked.best.success], "linf")
    return size


def _curve(distance: Array, n: int, height: str) -> pd.DataFrame:
    """The share that stands just above every distance found, over all drawn samples."""
    distances = np.sort(distance[np.isfinite(distance)])
    epsilon = np.r_[0.0, np.unique(distances), distances[-1] * 1.05] if len(distances) else np.array([0.0])
    standing = [int((distance > e).sum()) for e in epsilon]
    rows = [{"epsilon": e, **statistics.wilson(k, n)._asdict()} for e, k in zip(epsilon, standing, strict=True)]
    return pd.DataFrame(rows).rename(columns={"value": height})


def _median(distance: Array) -> statistics.Estimate:
    # np.quantile interpolates and turns inf into nan, so the infinite ones become "farther than all", then come back
    far = 10.0 * float(distance[np.isfinite(distance)].max()) + 1.0
    value, low, high = statistics.quantile(np.where(np.isfinite(distance), distance, far), 0.5)
    return statistics.Estimate(value, max(low, 0.0), np.inf if high >= far else high)


def _nearest(attacked: Attacked) -> Array:
    """Return what each sample becomes (n, d), NaN where nothing was found, in the order of the table ``samples``."""
    problem = attacked.problem
    nearest = np.full((len(attacked.index), problem.samples.shape[1]), np.nan)
    place, changed = attacked.best.reached(problem, attacked.right)
    nearest[place] = problem.space.empty(changed)
    return nearest


def _rows(attacked: Attacked) -> pd.DataFrame:
    """The most changed features of the broken samples, in the user's own units; images are kept as arrays instead."""
    problem, best = attacked.problem, attacked.best
    columns = ["id", "feature", "original", "adversarial", "change"]
    numbers = np.flatnonzero(best.success)[:_SHOWN_ROWS]
    if not len(numbers) or len(problem.shape) > 1:
        return pd.DataFrame(columns=columns)
    originals = problem.samples[numbers]
    changed = problem.space.to_samples(best.points[numbers], originals)
    names = list(attacked.feature_names) or [f"x{i}" for i in range(originals.shape[1])]
    before, after = (_in_units(problem.space.empty(part), attacked.decode, names) for part in (originals, changed))
    ids = attacked.ids[attacked.index[attacked.right][numbers]]
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
    numbers = np.flatnonzero(best.success)[:_SHOWN_ROWS]
    if len(problem.shape) < 3 or not len(numbers):
        return {}
    originals = problem.samples[numbers]
    changed = problem.space.to_samples(best.points[numbers], originals)
    return {"original": originals.reshape(-1, *problem.shape), "adversarial": changed.reshape(-1, *problem.shape)}
