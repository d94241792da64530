"""How an evasion goes: exactly where that can be done, else all attacks that fit, or the one that is asked for.

And what the reader must know about how it went.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from xrai_widgets.core import Finding, NotApplicable, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._problem import Best, settle
from xrai_widgets.engines.robustness.evasion.attacks import LAST, REFINING, Attack, by_name, least_budget
from xrai_widgets.engines.robustness.evasion.ground import AttackBest, Budget, Ground
from xrai_widgets.engines.robustness.evasion.lint import beaten
from xrai_widgets.engines.robustness.evasion.native import ITERATIONS, LIGHT, effort_of
from xrai_widgets.engines.robustness.evasion.noise import near_hits, noise_note
from xrai_widgets.engines.robustness.evasion.parts import Attacked
from xrai_widgets.engines.robustness.evasion.prepared import Prepared
from xrai_widgets.engines.robustness.evasion.search import REFINED, Search
from xrai_widgets.engines.robustness.evasion.strongest import Tally, run_strongest

_FINAL = 1e-5
_NOISE = 20  # draws of plain noise per sample that was not broken
_ROUNDS = 30  # of refining what the union holds
_AT_LAST = "plain noise, and back to the boundary"
_BESIDE = "searches beside it, from what it found"
UNFINISHED = "The attack was not finished: distances are larger than they would become."


def attack_all(
    made: Prepared,
    budget: Budget,
    attack: str,
    implementation: str,
    labels_only: bool,
    step: Step,
    finding: Callable[..., Finding],
) -> list[str]:
    """Attack, fill ``attacked.best`` in place, and return what the reader must know about how it went."""
    attacked, knowledge = made.attacked, made.knowledge
    problem, best = attacked.problem, attacked.best
    if not len(problem.samples):
        return ["The model classifies none of the drawn samples correctly: there is nothing to attack."]

    def partial() -> Finding:
        return finding(attacked, [UNFINISHED], finished=False)

    search = Search(problem, best, knowledge, budget.seed, step.part(0.6, 0.97), partial)
    ground = Ground(problem, knowledge, search, budget, made.counter, attacked.epsilon, labels_only)
    chosen = None if attack == "strongest" else by_name(attack, ground)
    if chosen is not None and chosen.through_art:
        return _alone(chosen, ground, attacked, step, partial)[1]
    if implementation == "art":
        return _art(ground, attacked, attack, step, partial)
    attacked.search = search
    step(0.0, "exact distances, where the model's form gives them", partial)
    if search.solve():
        return ["All distances are exact: the model is linear, or a single tree."]
    knowledge.classes = problem.outputs(knowledge.pool)
    search.learn_rule()
    if chosen is None:
        notes = _all_that_fit(ground, attacked, step, finding)
        if attacked.idle:
            return notes
    else:
        notes = _named(chosen, ground, attacked, step, partial)
    tally, before = attacked.tally, best.distance.copy()
    assert tally is not None
    ground.meter.open(tally.granted(LAST))
    search.finish()
    broken = near_hits(problem, best, attacked.epsilon, _NOISE, budget.seed)
    tally.after(_AT_LAST, LAST, ground.meter.spent, best.distance, before)
    return notes + tally.gain(best) + noise_note(attacked, broken)


def _all_that_fit(ground: Ground, attacked: Attacked, step: Step, finding: Callable[..., Finding]) -> list[str]:
    """Run the list of ``strongest``, and make what its attacks found a little smaller."""
    notes: list[str] = []
    starts = run_strongest(ground, attacked, step.part(0.02, 0.9), finding, notes)
    search, tally, best = ground.search, attacked.tally, attacked.best
    assert tally is not None
    if not tally.distances and not search.exact.any():
        attacked.idle = True
        return _nothing_was_run(ground)
    before = best.distance.copy()
    ground.meter.open(tally.granted(REFINING))
    search.refine(starts, _ROUNDS, step.part(0.9, 0.97))
    tally.after(REFINED, REFINING, ground.meter.spent, best.distance, before)
    return notes


def _nothing_was_run(ground: Ground) -> list[str]:
    """Return what to say where the budget pays for no attack.

    Raises
    ------
    NotApplicable
        for a regression, of which there is nothing else to say.
    """
    least = least_budget(ground)
    reason = f"a budget of {ground.budget.queries} queries per sample pays for no attack, and nothing was attacked"
    if ground.problem.offsets is not None:
        raise NotApplicable(reason, f"queries={least}")
    return [f"{reason[0].upper()}{reason[1:]}: this is the accuracy alone. The cheapest needs queries={least}."]


def _named(chosen: Attack, ground: Ground, attacked: Attacked, step: Step, partial: Partial) -> list[str]:
    """Run one attack, then the searches from what it has found."""
    best, search = attacked.best, ground.search
    tally, notes = _alone(chosen, ground, attacked, step.part(0.02, 0.6), partial)
    search.attacked(chosen.title)
    after = best.distance.copy()
    ground.meter.open(None)
    search.run(LIGHT if "gradient" in chosen.needs else effort_of(ground))
    tally.after(_BESIDE, 1.0, ground.meter.spent, best.distance, after)
    return notes + beaten(after, best, chosen.title)


def _alone(chosen: Attack, ground: Ground, attacked: Attacked, step: Step, partial: Partial) -> tuple[Tally, list[str]]:
    """Run one attack and nothing beside it; in a norm that it knows."""
    best, problem, first = attacked.best, ground.problem, ground.counter.queries
    ground.meter.open(None)
    tally = attacked.tally = Tally(attacked.epsilon, len(problem.samples))
    if problem.norm in chosen.norms:
        notes = chosen.run(ground, best, None, step, partial)
    else:
        notes = _in_another_norm(chosen, ground, best, step, partial)
    asked = (ground.counter.queries - first) / max(1, len(problem.samples))
    spent = np.full(len(problem.samples), asked) if chosen.through_art else ground.meter.spent
    tally.ran(chosen.title, 1.0, spent, best.distance.copy())
    return tally, notes


def _in_another_norm(chosen: Attack, ground: Ground, best: Best, step: Step, partial: Partial) -> list[str]:
    """Run an attack in a norm that it knows, and count what it finds in the one that is asked for."""
    problem, norm = ground.problem, chosen.norms[0]
    other = replace(problem, norm=norm)
    fresh = AttackBest.nothing(other)
    notes = chosen.run(replace(ground, problem=other), fresh, None, step, partial)
    reached = np.flatnonzero(fresh.success)
    settle(problem, best, fresh.points[reached], reached, _FINAL)
    return [
        *notes,
        f"The attack {chosen.title} {chosen.foreign(problem.norm)}. It ran in {norm}, and what it found counts by its "
        f"size in {problem.norm}.",
    ]


def _art(ground: Ground, attacked: Attacked, attack: str, step: Step, partial: Partial) -> list[str]:
    """Attack by ART alone: a second opinion gets no help."""
    from xrai_widgets.engines.robustness.evasion import art_attacks as art

    if attacked.band is not None:
        raise NotApplicable("ART's attacks are made for classifiers", "implementation='native'")
    problem, best, budget = ground.problem, attacked.best, ground.budget
    if attack == "pgd" and ground.knowledge.gradient is not None:
        art.art_gradient_descent(
            problem, best, ground.knowledge.gradient, budget.n_classes, budget.pgd, budget.seed, step, partial
        )
        return []
    if attack != "hop_skip_jump":
        reason = f"implementation='art' is a second opinion on hop_skip_jump and pgd, not on attack={attack!r}"
        raise NotApplicable(reason, "attack='hop_skip_jump'")
    settings = replace(budget.hsj, max_iter=budget.max_iter or ITERATIONS)
    art.art_hop_skip_jump(problem, best, budget.n_classes, settings, budget.seed, step, partial)
    return ["ART's HopSkipJump stops short of the boundary: its distances are too large."]
