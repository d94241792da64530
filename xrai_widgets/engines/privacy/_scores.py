"""Membership scores: how much more familiar does a sample look to the model? High means member."""

import numpy as np

from xrai_widgets.core import Array, NotApplicable

TINY = 1e-12  # a probability of 0 would make every loss infinite and tie them all
SCORES = ("loss", "confidence", "margin")


def membership_scores(outputs: Array, y: Array, task: str) -> dict[str, Array]:
    """Return every score that is defined for the task, by name.

    Parameters
    ----------
    outputs : array (n, k) or (n,)
        Class probabilities, or predicted values.
    y : array (n,)
        Labels or true values.

    Notes
    -----
    ``loss``: log p_y (Yeom et al. 2018, arXiv:1709.01604), or minus the squared error in regression.
    ``confidence``: the largest probability, which needs no label (Salem et al. 2019, arXiv:1806.01246, adversary 3).
    ``margin``: p_y minus the largest other probability.
    """
    if task == "regression":
        return {"loss": -np.square(y - outputs)}
    rows = np.arange(len(y))
    own = outputs[rows, y]
    others = outputs.copy()
    others[rows, y] = -np.inf
    return {
        "loss": np.log(np.maximum(own, TINY)),
        "confidence": outputs.max(axis=1),
        "margin": own - others.max(axis=1),
    }


def chosen_score(scores: dict[str, Array], name: str) -> Array:
    """Return the score of that name, or say that a regression has none of it."""
    if name not in scores:
        raise NotApplicable(f"a regression has no {name}: it gives no class probabilities", "score='loss'")
    return scores[name]
