"""What a defence makes of class probabilities.

The formulas are those of the postprocessors of the Adversarial Robustness Toolbox, to which tests hold them; loading it
would load torch into every worker. Where its outputs are no probabilities or wrong, ours differ, and each says how.
"""

import hashlib
from typing import Annotated

import numpy as np
from scipy.special import expit, logit

from xrai_widgets.core import Label, Range
from xrai_widgets.core.subject import Array

_NEVER = 1e-9


def rounding(
    outputs: Array, _: Array, *, decimals: Annotated[int, Range(1, 9), "digits after the decimal point"] = 1
) -> Array:
    """Round every probability.

    Rows are divided by their sum, so that they stay probabilities; where everything is rounded to 0, all classes are
    equal. ART leaves both as they are.
    """
    return _shares(np.around(outputs, decimals))


def reverse_sigmoid(
    outputs: Array,
    _: Array,
    *,
    beta: Annotated[
        float,
        Range(0.01, 10),
        Label("β (magnitude)"),
        "magnitude; the label may change where it, or it times gamma, exceeds 1",
    ] = 1.0,
    gamma: Annotated[float, Range(0.001, 10), Label("γ (onset)"), "how soon the disturbance sets in"] = 0.1,
) -> Array:
    """Take a sigmoid of the logit from every probability, so that different ones look alike.

    y − β (σ(γ logit y) − ½), clipped to [0, 1] and divided by the sum of the row (Lee, Edwards, Molloy, Su 2018,
    arXiv:1806.00054). With more than two classes the label itself may change: what is impossible is raised most.
    """
    inside = np.clip(outputs, _NEVER, 1 - _NEVER)
    return _shares(np.clip(outputs - beta * (expit(gamma * logit(inside)) - 0.5), 0.0, 1.0))


def high_confidence(
    outputs: Array, _: Array, *, cutoff: Annotated[float, Range(0.01, 1), "smallest probability that is shown"] = 0.25
) -> Array:
    """Set small probabilities to 0.

    Rows are divided by their sum; where nothing reaches the cutoff, all classes are equal. ART leaves both as they are.
    """
    return _shares(np.where(outputs < cutoff, 0.0, outputs))


def gaussian_noise(
    outputs: Array,
    X: Array,
    *,
    scale: Annotated[float, Range(0.001, 1), Label("σ (size of the noise)"), "standard deviation of the noise"] = 0.1,
    seed: Annotated[int, Range(0, 2**31 - 1), Label("random seed"), "of the noise; keep it secret"] = 0,
) -> Array:
    """Add noise to every probability, always the same for the same sample.

    ART draws it anew for every query, so that asking often and taking the mean undoes it. Rows are clipped at 0 and
    divided by their sum.
    """
    key = seed.to_bytes(8, "little")
    rows = np.ascontiguousarray(X, dtype=np.float64)
    noise = np.empty_like(outputs)
    for place, row in enumerate(rows):
        digest = hashlib.blake2b(row.tobytes(), digest_size=16, key=key).digest()
        noise[place] = np.random.default_rng(int.from_bytes(digest, "little")).normal(0.0, scale, outputs.shape[1])
    return _shares(outputs + noise)


def class_labels(outputs: Array, _: Array) -> Array:
    """Give the class alone, without probabilities.

    ART's marks in every row all classes that any row of the same call has.
    """
    labels: Array = np.eye(outputs.shape[1])[outputs.argmax(axis=1)]
    return labels


def _shares(outputs: Array) -> Array:
    """Divide rows by their sum; rows without anything positive become equal shares."""
    positive = np.maximum(outputs, 0.0)
    total = positive.sum(axis=1, keepdims=True)
    empty = total <= 0
    shares: Array = np.where(empty, 1 / outputs.shape[1], positive / np.where(empty, 1.0, total))
    return shares
