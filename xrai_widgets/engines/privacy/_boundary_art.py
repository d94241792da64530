"""The label-only attack of the Adversarial Robustness Toolbox, as a second opinion."""

import numpy as np
from scipy import special

from xrai_widgets.core import Array, NotApplicable, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._art_space import classifier, global_seed
from xrai_widgets.engines._hop_skip_jump import Settings
from xrai_widgets.engines._problem import Best, Problem

_TAU = 1e-12  # its threshold must be positive; the distance is read from its probability


def art_distances(
    problem: Problem, best: Best, n_classes: int, settings: Settings, seed: int, step: Step, partial: Partial = None
) -> None:
    """Fill in the distances of ``LabelOnlyDecisionBoundary``, one sample after the other.

    A distance of 0 of a rightly answered sample is a search that failed and came back with the sample itself: it stays
    "not found".
    """
    from art.attacks.inference.membership_inference import LabelOnlyDecisionBoundary

    if problem.space.blanks is not None:
        raise NotApplicable("ART's distances would count moves along missing numbers", "implementation='native'")
    budget = {"max_iter": settings.max_iter, "max_eval": settings.max_eval, "init_eval": settings.init_eval}
    for number in range(len(problem.samples)):
        step(number / len(problem.samples), "ART label-only boundary distance", partial)
        attack = LabelOnlyDecisionBoundary(classifier(problem, number, n_classes, None), _TAU)
        label = np.eye(n_classes)[problem.labels[[number]]]
        with global_seed(seed + int(problem.numbers[number])):
            share: Array = attack.infer(
                problem.origins[[number]], label, probabilities=True, verbose=False, norm=2, **budget
            )
        distance = float(special.logit(np.float64(share[0, 1])))
        if distance > 1e-6:
            best.distance[number] = distance
