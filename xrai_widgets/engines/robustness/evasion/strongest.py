"""All attacks that fit, each with its share of the budget, and what their union gains over the best of them."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Finding, Step
from xrai_widgets.engines._problem import Best
from xrai_widgets.engines.robustness.evasion.attacks import Attack, fixed_list
from xrai_widgets.engines.robustness.evasion.ground import AttackBest, Ground
from xrai_widgets.engines.robustness.evasion.lint import masked, too_small
from xrai_widgets.engines.robustness.evasion.parts import Attacked

_TIE = 1e-6  # relative: what is nearer by less was found by the cheaper attack already
_GAIN = 1e-3  # relative: by how much what goes on from a find must come nearer to count
BEFOREHAND = "real samples, looked at once beforehand"
_COLUMNS = (
    "attack",
    "status",
    "share",
    "budget",
    "queries",
    "most",
    "found",
    "broken",
    "won",
    "alone",
    "median",
    "reason",
)


@dataclass(eq=False)
class Tally:
    """What each attack of a run has spent and found.

    Parameters
    ----------
    epsilon : float
    size : int
        Samples under attack.
    budget : int, optional
        Queries per sample of all attacks together; none: as many as they ask.
    rows : list of dict
        Of the table, in the order of the attacks.
    distances : dict of str to array (n,)
        Of those that ran.
    spent : int array (n,)
        Queries about each sample, all in all.
    """

    epsilon: float
    size: int
    budget: int | None = None
    rows: list[dict[str, object]] = field(default_factory=list)
    distances: dict[str, Array] = field(default_factory=dict)
    spent: Array = field(init=False)

    def __post_init__(self) -> None:
        self.spent = np.zeros(self.size)

    def granted(self, share: float) -> int | None:
        """Return how many queries per sample a share of the budget is."""
        return None if self.budget is None else int(share * self.budget)

    def beforehand(self, title: str, queries: int) -> None:
        """Add what was asked once for all samples, whatever the budget."""
        self.rows.append({"attack": title, "status": "run", "queries": queries / max(1, self.size)})

    def left_out(self, title: str, share: float, reason: str) -> None:
        """Add an attack that was not run."""
        limit = self.granted(share)
        self.rows.append({"attack": title, "status": "not run", "share": share, "budget": limit, "reason": reason})

    def ran(self, title: str, share: float, spent: Array, distance: Array) -> None:
        """Add an attack that was run, and what it has asked about each sample (n,)."""
        self.rows.append({"attack": title, "status": "run", **self._paid(share, spent)})
        self.distances[title] = distance

    def after(self, title: str, share: float, spent: Array, distance: Array, before: Array) -> None:
        """Add what went on from what attacks have found: it competes with none of them."""
        made = {**self._paid(share, spent), "won": int((distance < before * (1 - _GAIN)).sum())}
        self.rows.append({"attack": title, "status": "run", **made, **self._counts(distance)})

    def _paid(self, share: float, spent: Array) -> dict[str, object]:
        self.spent += spent
        limits = {} if self.budget is None else {"share": share, "budget": self.granted(share)}
        return {**limits, "queries": float(spent.mean()), "most": float(spent.max())}

    def _counts(self, distance: Array) -> dict[str, object]:
        broken = int((distance <= self.epsilon).sum())
        return {"found": int(np.isfinite(distance).sum()), "broken": broken, "median": _median(distance)}

    def nearest(self) -> Array:
        """Return for each sample the place of the attack that came nearest; −1 where none found anything."""
        if not self.distances:
            return np.full(self.size, -1)
        every = np.stack([*self.distances.values()])
        close = every <= every.min(axis=0) * (1 + _TIE)
        place: Array = np.where(np.isfinite(every.min(axis=0)), close.argmax(axis=0), -1)
        return place

    def table(self, best: Best) -> pd.DataFrame:
        """Return what each attack spent and found, and in the last row what they did together."""
        names, winner = [*self.distances], self.nearest()
        hits = {name: distance <= self.epsilon for name, distance in self.distances.items()}
        by = np.sum([*hits.values()], axis=0) if hits else np.zeros(self.size, dtype=int)
        rows, blank = [], {**dict.fromkeys(_COLUMNS, np.nan), "reason": ""}
        for row in self.rows:
            title = str(row["attack"])
            if title in self.distances:
                distance = self.distances[title]
                row = row | self._counts(distance)
                row |= {
                    "won": int((winner == names.index(title)).sum()),
                    "alone": int((hits[title] & (by == 1)).sum()),
                }
            rows.append(row)
        together = {
            "attack": "all together",
            "status": "run",
            "budget": self.budget,
            "queries": float(self.spent.mean()) if self.size else 0.0,
            "most": float(self.spent.max(initial=0.0)),
            **self._counts(best.distance),
        }
        table = pd.DataFrame([{**blank, **row} for row in [*rows, together]], columns=list(_COLUMNS))
        return table.astype({"budget": float})

    def gain(self, best: Best) -> list[str]:
        """Say what the union gains over the best single attack."""
        if len(self.distances) < 2:
            return []
        counts = {name: int((distance <= self.epsilon).sum()) for name, distance in self.distances.items()}
        first = max(counts, key=lambda name: counts[name])
        union = int((best.distance <= self.epsilon).sum())
        more = union - counts[first]
        return [
            f"Together the attacks broke {union} of {self.size} samples within ε = {self.epsilon:g}; the best single "
            f"one, {first}, broke {counts[first]}: the union gains {more}."
        ]


def _median(distance: Array) -> float:
    """Return the median where "not found" is farther than all; NaN where that is what it is."""
    with np.errstate(invalid="ignore"):
        middle = float(np.median(distance)) if len(distance) else np.inf
    return middle if np.isfinite(middle) else np.nan


@dataclass(eq=False)
class Union:
    """The nearest of what all attacks find.

    Parameters
    ----------
    attacked : Attacked
    tally : Tally
    starts : list of AttackBest
        From where it is refined where nothing leads from one boundary to another: what the attacks found that know
        nothing of slopes and of columns.
    """

    attacked: Attacked
    tally: Tally
    starts: list[AttackBest] = field(default_factory=list)

    def take(self, title: str, best: AttackBest) -> None:
        """Take over what an attack has found, under its name or those of its methods."""
        whole, search = self.attacked.best, self.attacked.search
        nearer = np.flatnonzero(best.success & (best.distance < whole.distance * (1 - _TIE)))
        if search is not None:
            search.method[nearer] = title if best.methods is None else best.methods[nearer]
        reached = np.flatnonzero(best.success)
        whole.take(best.points[reached], reached, best.distance[reached])


def run_strongest(
    ground: Ground, attacked: Attacked, step: Step, made: Callable[..., Finding], notes: list[str]
) -> list[AttackBest]:
    """Run the attacks of the list that fits the model, each from scratch; fill ``attacked.best`` with the nearest.

    No attack sees what another one found, so that leaving one out changes no other. Returned is from where to refine.
    """
    problem, tally = ground.problem, Tally(attacked.epsilon, len(ground.problem.samples), ground.budget.queries)
    tally.beforehand(BEFOREHAND, ground.counter.queries)
    attacked.tally, union = tally, Union(attacked, tally)
    listed, done = fixed_list(ground.kind), 0.0
    whole = sum(attack.shares[ground.kind] for attack in listed)
    short = 0
    white, black = np.full(tally.size, np.inf), np.full(tally.size, np.inf)
    for attack in listed:
        share = attack.shares[ground.kind]
        queries, until = int(share * ground.budget.queries), done + share / whole
        if reason := attack.why_not(ground, queries):
            tally.left_out(attack.title, share, reason)
            short += not attack.why_not(ground, np.inf)
        else:
            fresh = AttackBest.nothing(problem)
            notes += _run(attack, ground, fresh, queries, step.part(done, until), union, made)
            side = white if "gradient" in attack.needs else black
            np.minimum(side, fresh.distance, out=side)
        done = until
    if np.isfinite(white).any():
        notes += masked(black, white, attacked.epsilon)
    notes += too_small(short, ground.budget.queries)
    return union.starts


def _run(
    attack: Attack,
    ground: Ground,
    fresh: AttackBest,
    queries: int,
    step: Step,
    union: Union,
    made: Callable[..., Finding],
) -> list[str]:
    def partial() -> Finding:
        union.take(attack.title, fresh)
        note = "The attack was not finished: distances are larger than they would become."
        return made(union.attacked, [note], finished=False)

    ground.meter.open(queries)
    notes = attack.run(ground, fresh, queries, step, partial)
    union.tally.ran(attack.title, attack.shares[ground.kind], ground.meter.spent, fresh.distance.copy())
    union.take(attack.title, fresh)
    if ground.kind != "gradients" and fresh.methods is None:
        union.starts.append(fresh)
    return notes
