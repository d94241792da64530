"""What is shown of a training while it runs, and of its end: losses as a curve, and pictures."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.engines._training.loop import History

UNFINISHED = "The training was not finished: nothing is scored yet."
WORDS = {"training": "losses", "part": "measured on", "picture": "picture"}


def loss_table(history: History) -> pd.DataFrame:
    """Return the losses, a row per epoch and part: ``epoch``, ``part``, ``loss`` (their sum), then each by its name."""
    parts = []
    for part, losses in (("training", history.train), ("held out", history.held_out)):
        table = pd.DataFrame(losses, columns=list(history.losses))
        table.insert(0, "loss", losses.sum(axis=1))
        table.insert(0, "part", part)
        table.insert(0, "epoch", np.arange(1, len(losses) + 1))
        parts.append(table[table["loss"].notna()])
    return pd.concat(parts, ignore_index=True)


def rivals_table(history: History) -> pd.DataFrame:
    """Return the losses of networks that learn against each other, whose sum says nothing: a row per epoch and each."""
    parts = [
        pd.DataFrame({"epoch": np.arange(1, len(losses) + 1), "part": name, "loss": losses})
        for name, losses in zip(history.losses, history.train.T, strict=True)
    ]
    return pd.concat(parts, ignore_index=True)


def training_finding(
    history: History,
    pictures: Mapping[str, tuple[Array, list[str]]],
    notes: tuple[str, ...],
    *,
    rivals: bool = False,
) -> Finding:
    """Return a finding without values: the losses, and strips of pictures.

    Parameters
    ----------
    pictures : mapping of title to (uint8 array (n, c, h, w), captions)
        A network may have learned training samples by heart, so that what it draws counts as contents.
    rivals : bool
        The losses are those of networks that learn against each other.
    """
    tables, arrays = {"training": rivals_table(history) if rivals else loss_table(history)}, {}
    charts = [Chart("training", "line", "epoch", "loss", by="part", title="Losses of the training")]
    for title, (shown, captions) in pictures.items():
        name = title.replace(" ", "_")
        tables[name], arrays[name] = pd.DataFrame({"picture": captions}), shown
        charts.append(Chart(name, "images", "picture", array=name, title=title.capitalize()))
    return Finding({}, tables=tables, charts=tuple(charts), arrays=arrays, notes=notes)


def as_bytes(pictures: Array, shape: tuple[int, ...]) -> Array:
    """Return pictures in [0, 1] (n, d) as bytes (n, c, h, w)."""
    made: Array = np.rint(np.clip(pictures, 0.0, 1.0) * 255).astype(np.uint8).reshape(len(pictures), *shape)
    return made
