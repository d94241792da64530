"""Fifteen small networks on the two-cue images, whose trainings differ in what they let a network read."""

from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from xrai_widgets.core import Subject
from xrai_widgets.data.two_cues import CLASSES, two_cues
from xrai_widgets.io.network_files import read_network

TRAININGS = ("plain", "low-pass", "high-pass", "noise", "adversarial")
SEEDS = (0, 1, 2)
_OF_TEST = 1_000  # seed of the held-out images: no training uses it


def weights_of(training: str, seed: int) -> Path:
    """Return the file of a network's weights."""
    return Path(str(resources.files("xrai_widgets.data"))) / "two_cue_weights" / f"{training}_{seed}.safetensors"


@cache
def _network(training: str, seed: int) -> Any:
    return read_network(weights_of(training, seed))


def two_cue_models(n: int = 200) -> list[Subject]:
    """Return fifteen convolutional networks on the same held-out two-cue images: five trainings, three seeds each.

    Parameters
    ----------
    n : int
        Held-out images, in all of which shape and texture both tell the label.

    Returns
    -------
    list of Subject
        Named by training and seed: ``plain 0`` to ``adversarial 2``. *plain*: images as they are; *low-pass* and
        *high-pass*: only the lower, or the upper, half of the eight bands while training; *noise*: with Gaussian
        noise of standard deviation up to 0.3; *adversarial*: attacked by projected gradient descent, l∞ ≤ 0.1. The
        weights ship with the package; ``python -m xrai_widgets.data.train_two_cue_models`` makes them anew.

    Raises
    ------
    ValueError
        where torch is not installed.
    """
    try:
        import torch  # noqa: F401
    except ImportError:
        raise ValueError("two_cue_models needs torch: pip install 'xrai-widgets[torch]'") from None
    data = two_cues(n, seed=_OF_TEST)
    return [
        Subject.of(
            _network(training, seed),
            data.X,
            np.array(CLASSES)[data.y],
            classes=CLASSES,
            bounds=(0.0, 1.0),
            name=f"{training} {seed}",
        )
        for training in TRAININGS
        for seed in SEEDS
    ]
