"""Membership scores: how much more familiar does a sample look to the model? High means member."""

import numpy as np

from xrai_widgets.core import Array, NotApplicable

TINY = 1e-12  # a probability of 0 would make every loss infinite and tie them all
SCORES = ("loss", "confidence", "margin", "modified entropy")


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
    ``modified entropy``: (1 − p_y) log p_y + Σ_{i≠y} p_i log(1 − p_i), with the sign turned so that a sure and right
    prediction scores high (Song and Mittal 2021, arXiv:2003.10595, section 4.1).
    """
    if task == "regression":
        return {"loss": -np.square(y - outputs)}
    rows = np.arange(len(y))
    p_true = outputs[rows, y]
    others = outputs.copy()
    others[rows, y] = -np.inf
    loss = np.log(np.maximum(p_true, TINY))
    surprise = outputs * np.log(np.maximum(1 - outputs, TINY))
    surprise[rows, y] = (1 - p_true) * loss
    return {
        "loss": loss,
        "confidence": outputs.max(axis=1),
        "margin": p_true - others.max(axis=1),
        "modified entropy": surprise.sum(axis=1),
    }


def check_outputs(outputs: Array, part: str, task: str) -> Array:
    """Return the outputs, or say what is wrong with them."""
    if task != "regression" and (outputs.ndim != 2 or outputs.shape[1] < 2):
        raise ValueError(f"membership inference needs probabilities of at least two classes, got shape {outputs.shape}")
    bad = ~np.isfinite(outputs).reshape(len(outputs), -1).all(axis=-1)
    if bad.any():
        many, first = f"{int(bad.sum())} of {len(outputs)}", int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"the model must give finite outputs, got NaN or infinite ones for {many} samples of {part}, the first in "
            f"row {first}"
        )
    return outputs


def chosen_score(scores: dict[str, Array], name: str) -> Array:
    """Return the score of that name, or say that a regression has none of it."""
    if name not in scores:
        raise NotApplicable(f"a regression has no {name}: it gives no class probabilities", "score='loss'")
    return scores[name]
