"""Which samples an engine looks at: those that are named, or a draw."""

from collections.abc import Iterable
from typing import Annotated, Literal

import numpy as np

from xrai_widgets.core import Array, Label, Requires

Part = Annotated[
    Literal["X", "X_train"],
    Requires("X_train", "X_train"),
    Label("samples of"),
    "X: held-out samples; X_train: those that the model was trained on",
]
Named = Annotated[str, Label("ids of samples"), "ids of the samples to look at, separated by commas, instead of a draw"]
CHOSEN = "the samples were named, not drawn, so that the value speaks of them alone"


def named_rows(text: str, ids: Array, parameter: str = "samples") -> Array | None:
    """Return the rows of the samples whose ids the text names, in its order and once each; None if it names none.

    Raises
    ------
    ValueError
        for an id that no sample has.
    """
    wanted = list(dict.fromkeys(word.strip() for word in text.split(",") if word.strip()))
    if not wanted:
        return None
    place = {str(name): row for row, name in enumerate(ids.tolist())}
    unknown = [name for name in wanted if name not in place]
    if unknown:
        few, got = ", ".join(list(place)[:5]), ", ".join(map(repr, unknown[:5]))
        raise ValueError(f"{parameter} must be ids of the samples, such as {few}, got {got}")
    return np.array([place[name] for name in wanted], dtype=np.intp)


def not_judged(text: str, keys: Iterable[str]) -> dict[str, str]:
    """Say why nobody may judge the values where samples were chosen by name."""
    return dict.fromkeys(keys, CHOSEN) if text.strip() else {}
