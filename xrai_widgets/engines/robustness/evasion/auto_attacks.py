"""The parts of AutoAttack, and FMN, as the gate runs them: by the user's settings, or within a share of the budget."""

from xrai_widgets.core import Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._problem import Best
from xrai_widgets.engines.robustness.evasion.auto_attack.apgd import Loss, apgd
from xrai_widgets.engines.robustness.evasion.auto_attack.apgd import Settings as ClimbSettings
from xrai_widgets.engines.robustness.evasion.auto_attack.fab import Settings as TangentSettings
from xrai_widgets.engines.robustness.evasion.auto_attack.fab import fab
from xrai_widgets.engines.robustness.evasion.auto_attack.fmn import Settings as NormSettings
from xrai_widgets.engines.robustness.evasion.auto_attack.fmn import fmn
from xrai_widgets.engines.robustness.evasion.auto_attack.slopes import Slopes
from xrai_widgets.engines.robustness.evasion.auto_attack.square import Settings as SquareSettings
from xrai_widgets.engines.robustness.evasion.auto_attack.square import square
from xrai_widgets.engines.robustness.evasion.ground import Ground


def by_cross_entropy(ground: Ground, best: Best, queries: int | None, step: Step, partial: Partial) -> list[str]:
    """Run APGD on the cross-entropy."""
    return _climb("ce", ground, best, queries, step, partial)


def towards_rivals(ground: Ground, best: Best, queries: int | None, step: Step, partial: Partial) -> list[str]:
    """Run APGD towards each likely rival by the ratio of logits."""
    return _climb("targeted", ground, best, queries, step, partial)


def between_planes(ground: Ground, best: Best, queries: int | None, step: Step, partial: Partial) -> list[str]:
    """Run FAB towards each likely rival."""
    budget = ground.budget
    if queries is None:
        settings = TangentSettings(budget.pgd.steps, budget.pgd.restarts, max(1, min(9, budget.n_classes - 1)))
    else:
        settings = TangentSettings.within(queries, budget.n_classes)
    return fab(ground.problem, best, _slopes(ground), settings, budget.seed, step, partial).notes


def by_shrinking(ground: Ground, best: Best, queries: int | None, step: Step, partial: Partial) -> list[str]:
    """Run FMN, the minimal-norm attack."""
    budget = ground.budget
    if queries is None:
        settings = NormSettings(budget.pgd.steps, budget.pgd.restarts)
    else:
        settings = NormSettings.within(queries, budget.n_classes)
    return fmn(ground.problem, best, _slopes(ground), settings, budget.seed, step, partial).notes


def by_squares(ground: Ground, best: Best, queries: int | None, step: Step, partial: Partial) -> list[str]:
    """Run Square."""
    settings = SquareSettings(ground.epsilon) if queries is None else SquareSettings.within(ground.epsilon, queries)
    return square(ground.problem, best, _slopes(ground), settings, ground.budget.seed, step, partial).notes


def _climb(loss: Loss, ground: Ground, best: Best, queries: int | None, step: Step, partial: Partial) -> list[str]:
    budget = ground.budget
    if queries is None:
        settings = ClimbSettings(
            ground.epsilon, loss, budget.pgd.steps, budget.pgd.restarts, max(1, min(9, budget.n_classes - 1))
        )
    else:
        settings = ClimbSettings.within(ground.epsilon, loss, queries, budget.n_classes)
    return apgd(ground.problem, best, _slopes(ground), settings, budget.seed, step, partial).notes


def _slopes(ground: Ground) -> Slopes:
    knowledge = ground.knowledge
    return Slopes(ground.problem, knowledge.gradient, knowledge.logits, knowledge.logit_gradient)
