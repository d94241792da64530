"""How the instances of CEM are explained: one kind of explanation after the other, then noisy copies."""

from dataclasses import replace

import numpy as np

from xrai_widgets.core import Array, Finding, Step
from xrai_widgets.engines._search.contrast import Answers, Contrast
from xrai_widgets.engines._search.differences import Differences, is_smooth
from xrai_widgets.engines._search.found import Found
from xrai_widgets.engines._space import Space
from xrai_widgets.engines.explanations._cem_finding import Explained, cem_finding
from xrai_widgets.engines.explanations._instances import exact_bounds
from xrai_widgets.engines.explanations._question import Question
from xrai_widgets.engines.explanations._search import Means, explain
from xrai_widgets.engines.explanations._stability import noisy, stability_table


def flat(samples: Array) -> Array:
    return samples.reshape(len(samples), -1).astype(np.float64)


def asked(answers: Answers, search: str, space: Space, pool: Array, seed: int) -> Answers:
    """Return the answers with finite differences if the search is to use them."""
    if search == "finite differences":
        return replace(answers, gradient=None, differences=Differences.of(space))
    if search != "automatic" or answers.gradient is not None:
        return answers
    differences = Differences.of(space)
    return replace(answers, differences=differences) if is_smooth(answers, differences, pool, seed) else answers


def explain_all(explained: Explained, question: Question, means: Means, noise: float, seed: int, step: Step) -> None:
    """Explain the instances, then noisy copies of them; what is found stands in ``explained`` at once."""

    def partial() -> Finding:
        return cem_finding(explained, finished=False)

    again = noise > 0 and "PN" in explained.parts
    end = len(explained.parts) / (len(explained.parts) + again)
    for number, (part, found) in enumerate(explained.parts.values()):
        share = end / len(explained.parts)
        settled = explain(part, found, means, step.part(number * share, (number + 1) * share), partial)
        if part.mode == "PN" and settled.all():
            explained.bounds = exact_bounds(part, question.adds)
    if again:
        part, found = explained.parts["PN"]
        copy, other = fresh(question.about("PN", noisy(part, noise, np.random.default_rng([seed, 1]))))
        explain(copy, other, means, step.part(end, 1.0), partial)
        explained.stability = stability_table(explained, part, found, copy, other)


def fresh(contrast: Contrast) -> tuple[Contrast, Found]:
    return contrast, Found.untouched(contrast)
