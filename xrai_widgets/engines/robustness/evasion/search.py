"""The searches that evasion runs beside the chosen attack, and the methods that are exact."""

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field, replace

import numpy as np

from xrai_widgets.core import Array, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._problem import Best, Problem, settle
from xrai_widgets.engines._search.boxes import negative_box
from xrai_widgets.engines._search.contrast import Contrast
from xrai_widgets.engines._search.coordinates import Budget, coordinate_search
from xrai_widgets.engines._search.cube import shrink_cube
from xrai_widgets.engines._search.differences import Differences
from xrai_widgets.engines._search.filling import fill_gaps
from xrai_widgets.engines._search.incumbents import Incumbents
from xrai_widgets.engines._search.leaves import cross_leaves
from xrai_widgets.engines._search.levels import Levels, enumerate_cells, snap
from xrai_widgets.engines._search.memory import Memory
from xrai_widgets.engines._search.nearby import probe, refine
from xrai_widgets.engines._search.planes import cross_linear
from xrai_widgets.engines._search.rule import led
from xrai_widgets.engines._search.scorer import Scorer, is_smooth
from xrai_widgets.engines._search.tangents import approach, polish
from xrai_widgets.engines._search.towards import towards_samples
from xrai_widgets.engines._search.trimming import trim
from xrai_widgets.engines.robustness.evasion.knowledge import Effort, Knowledge

REFINED = "refined from the nearest"
_FINAL = 1e-5
_FURTHER = (0.0, 1e-9, 1e-7, 1e-6, 1e-5)  # relative
_GAIN = 1e-3  # relative: what is nearer by less was found already
_MOVES, _LEVELS, _CHANGES = 500, 16, 30  # candidates for one change; values per number; numbers changed
_MOST_COLUMNS = 200  # beyond, feature after feature costs more than it finds
_WIDE = 4  # columns
_AMONG_CELLS = 10  # real samples gone towards, where the splits are known
_APPROACH, _POLISH = 15, 30  # steps from tangent plane to tangent plane


@dataclass(eq=False)
class Search:
    """Everything that is tried on the samples under attack.

    Parameters
    ----------
    best : Best
        Filled in place.
    """

    problem: Problem
    best: Best
    knowledge: Knowledge
    seed: int
    step: Step
    partial: Partial = None
    contrast: Contrast = field(init=False)
    incumbents: Incumbents = field(init=False)
    _near: Incumbents | None = field(default=None, init=False)
    method: Array = field(init=False)
    exact: Array = field(init=False)

    def __post_init__(self) -> None:
        problem = self.problem
        low, high = negative_box(problem.samples, problem.space, None)
        self.contrast = Contrast(
            mode="PN",
            scorer=Scorer(
                problem.predict,
                None if problem.offsets is None else problem.predict,
                self.knowledge.gradient,
                problem.shape,
                problem.rows,
                decide=problem.decide,
                memory=Memory.of(self.knowledge.thresholds, problem.space, problem.rows),
            ),
            space=problem.space,
            samples=problem.samples,
            labels=problem.labels,
            origins=problem.samples,
            low=low,
            high=high,
            kappa=0.0,
            beta=0.0,
            price="elastic" if problem.norm == "l2" else problem.norm,
            offsets=problem.offsets,
            meter=problem.meter,
        )
        self.incumbents = Incumbents.untouched(self.contrast)
        self.method = np.full(len(problem.samples), "", dtype=object)
        self.exact = np.zeros(len(problem.samples), dtype=bool)

    def solve(self) -> bool:
        """Find the exact distances if the model is linear or a single tree; return whether all of them are."""
        if self.knowledge.linear is not None:
            weights, bias = self.knowledge.linear
            bias = bias if self.problem.offsets is None else bias + self.problem.offsets
            self.exact = cross_linear(self.contrast, self.incumbents, weights, bias)
        elif self.knowledge.regions is not None:
            self.exact = cross_leaves(self.contrast, self.incumbents, self.knowledge.regions, self.step, self.partial)
        else:
            return False
        self._near = self.incumbents.copy()
        self.incumbents.forget(self.contrast, ~self.exact)  # what is no optimum has another name
        self._note("exact")
        self.exact &= self.best.success == self.incumbents.done
        return bool(self.exact.all())

    def learn_rule(self) -> None:
        """Let scores lead to where the model's own rule, if it has one, changes its label."""
        scorer, _ = led(self.contrast.scorer, self.knowledge.pool, self.knowledge.classes, self.problem.space)
        self.contrast = replace(self.contrast, scorer=scorer)

    def anew(self, best: Best, step: Step, partial: Partial) -> "Search":
        """Return the same searches at their beginning: what was found so far is not there, but for a closed form."""
        other = copy(self)
        other.best, other.step, other.partial = best, step, partial
        other.incumbents = Incumbents.untouched(self.contrast)
        other.method, other.exact = np.full(len(best.points), "", dtype=object), np.zeros(len(best.points), dtype=bool)
        return other

    def attacked(self, name: str) -> None:
        """Take over what an attack has put into ``best``."""
        points = self.problem.space.to_samples(self.best.points, self.problem.samples)
        owner = np.flatnonzero(self.best.success & (self.method == ""))
        self.method[owner] = name
        owner = np.flatnonzero(self.best.success)
        if len(owner):
            self.incumbents.ask(self.contrast, points[owner], owner)

    def run(self, effort: Effort) -> None:
        """Search towards real samples, feature by feature, from threshold to threshold, and near the samples."""
        contrast, incumbents, step = self.contrast, self.incumbents, self.step
        if self._near is not None:
            incumbents.better(contrast, np.arange(len(incumbents.cost)), self._near)
            self._note("closed form")
        levels = None if self.knowledge.thresholds is None else Levels.of(self.knowledge.thresholds, self.problem.space)
        columns = int(contrast.moving.sum())
        near = effort.near if levels is None else min(effort.near, _AMONG_CELLS)
        pool, classes = self.knowledge.pool, self.knowledge.classes
        owner, second = towards_samples(contrast, incumbents, pool, classes, step.part(0.0, 0.15), near)
        wide = contrast.part(owner)
        if levels is not None:
            snap(wide, second, levels, np.flatnonzero(second.done))
        else:
            refine(wide, second, 6, self.seed, step.part(0.15, 0.2), 8)
        incumbents.better(contrast, owner, second)
        self._note("towards real samples")
        table = self._table
        slopes = (table or contrast.scorer.gradient is not None) and levels is None
        smooth = self._along_slopes(step.part(0.2, 0.6)) if slopes else None
        if table and effort.coordinates and smooth is None:
            self._feature_by_feature(levels, step.part(0.2, 0.65))
        fill_gaps(
            smooth or contrast, incumbents, pool, self._budget(levels), step.part(0.65, 0.7), self.partial, classes
        )
        self._note("missing numbers filled")
        if levels is not None:
            snap(contrast, incumbents, levels, np.flatnonzero(incumbents.done & (incumbents.cost > 0)))
            settled = enumerate_cells(contrast, incumbents, levels)
            self._note("cells between thresholds")
            self.exact |= settled
        probe(
            contrast,
            incumbents,
            effort.flat if columns <= _WIDE else effort.wide,
            self.seed,
            step.part(0.7, 0.85),
            levels,
        )
        refine(contrast, incumbents, effort.rounds, self.seed, step.part(0.85, 1.0), levels=levels)
        if levels is not None:
            snap(contrast, incumbents, levels, np.flatnonzero(incumbents.done & (incumbents.cost > 0)))
        self._note("near the sample")

    def refine(self, others: Sequence[Best], rounds: int, step: Step) -> None:
        """Make ``best``, and what single attacks have found, a little smaller, as the searches do at their end.

        What came of it stands in ``best`` under the name of `REFINED`.
        """
        whole, thresholds, space = self.best, self.knowledge.thresholds, self.problem.space
        masks = [whole.success & ~self.exact]
        masks += [other.success & ~self.exact & (other.distance > whole.distance) for other in others]
        owner = np.concatenate([np.flatnonzero(mask) for mask in masks])
        if not len(owner):
            return
        points = np.vstack([one.points[mask] for one, mask in zip([whole, *others], masks, strict=True)])
        levels = None if thresholds is None else Levels.of(thresholds, space)
        contrast = self.contrast.part(owner)
        wide, every = Incumbents.untouched(contrast), np.arange(len(owner))
        wide.ask(contrast, space.to_samples(points, self.problem.samples[owner]), every)
        if levels is not None:
            snap(contrast, wide, levels, np.flatnonzero(wide.done))
        if contrast.scorer.gradient is not None and levels is None:
            polish(contrast, wide, _POLISH, step.part(0.0, 0.5))
        elif self._table and contrast.price == "linf":
            shrink_cube(contrast, wide, _CHANGES, step.part(0.0, 0.5))
        elif self._table:
            trim(contrast, wide, step.part(0.0, 0.5), rows=self.problem.rows, levels=levels)
        refine(contrast, wide, rounds, self.seed, step.part(0.5, 1.0), levels=levels)
        if levels is not None:
            snap(contrast, wide, levels, np.flatnonzero(wide.done & (wide.cost > 0)))
        self.incumbents.better(self.contrast, owner, wide)
        self._note(REFINED)

    @property
    def _table(self) -> bool:
        """Whether there are so few columns that one after the other can be looked at."""
        return len(self.contrast.span) <= _MOST_COLUMNS and len(self.problem.shape) == 1

    def finish(self) -> None:
        """Go back to just before the boundary."""
        owner = np.flatnonzero(self.best.success & ~self.exact)
        if len(owner):
            settle(self.problem, self.best, self.best.points[owner], owner, _FINAL)

    def _feature_by_feature(self, levels: Levels | None, step: Step) -> None:
        contrast, incumbents = self.contrast, self.incumbents
        if contrast.price != "linf":
            fresh = Incumbents.untouched(contrast)  # it begins at the samples, whatever was found before
            fresh.begin(contrast)
            pool, outputs, budget = self.knowledge.pool, self.knowledge.classes, self._budget(levels)
            coordinate_search(contrast, fresh, pool, budget, step.part(0.0, 0.8), self.partial, outputs)
            incumbents.better(contrast, np.arange(len(incumbents.cost)), fresh)
            trim(contrast, incumbents, step.part(0.8, 1.0), rows=self.problem.rows, levels=levels)
        else:
            shrink_cube(contrast, incumbents, _CHANGES, step)
        self._note("feature by feature")

    def _budget(self, levels: Levels | None) -> Budget:
        width = len(self.contrast.span)
        count = max(2, min(_LEVELS, _MOVES // max(1, width)))
        return Budget(count, min(width, _CHANGES), self.problem.rows, levels)

    def _along_slopes(self, step: Step) -> Contrast | None:
        """Walk from tangent plane to tangent plane, if predictions are smooth; return the contrast with slopes.

        None where they are not.
        """
        contrast, scorer, space = self.contrast, self.contrast.scorer, self.problem.space
        if scorer.gradient is None:
            differences = Differences.of(space)
            if not is_smooth(scorer, differences, self.knowledge.pool, self.seed):
                return None
            contrast = replace(contrast, scorer=replace(scorer, differences=differences))
        approach(contrast, self.incumbents, _APPROACH, step.part(0.0, 0.5))
        polish(contrast, self.incumbents, _POLISH, step.part(0.5, 1.0))
        self._note("along slopes")
        return contrast

    def _note(self, method: str) -> None:
        """Put what is found into ``best``, under the name of the method that found it."""
        owner = np.flatnonzero(self.incumbents.done)
        if not len(owner):
            return
        space = self.problem.space
        points = space.to_coordinates(self.incumbents.points[owner])
        distance = self.problem.distances(points, owner)
        nearer = distance < self.best.distance[owner]
        points, owner, distance = points[nearer], owner[nearer], distance[nearer]
        origins, waiting = self.problem.origins[owner], np.arange(len(owner))
        for further in _FURTHER:  # what lies just beyond the boundary may be rounded back on the way to coordinates
            tried = origins[waiting] + (1 + further) * (points[waiting] - origins[waiting])
            points[waiting] = tried
            waiting = waiting[~self.problem.adversarial(tried, owner[waiting])]
        broken = np.setdiff1d(np.arange(len(owner)), waiting)
        points, owner = points[broken], owner[broken]
        distance = self.problem.distances(points, owner)
        self.method[owner[distance < self.best.distance[owner] * (1 - _GAIN)]] = method
        self.best.take(points, owner, distance)
