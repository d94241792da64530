"""The samples that stand out most, with their contents in original units where the subject is at hand."""

import base64
import io
from dataclasses import dataclass

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Finding, Subject
from xrai_widgets.results.words import interval

MOST = 200
_COLUMNS = 40
_IDS = {"X": ("ids", "y"), "X_train": ("train_ids", "y_train"), "X_new": ("new_ids", "y_new")}


@dataclass(frozen=True)
class Contents:
    """What is in some samples: a table in original units, or pictures as data URIs; ``note`` says what is left out."""

    table: pd.DataFrame
    pictures: tuple[str, ...] = ()
    note: str = ""


def top_samples(chart: Chart, finding: Finding, most: int = MOST) -> pd.DataFrame:
    """Return the samples that stand out most in a histogram, the furthest first: part, id, class, score and interval.

    They are those of the part that the chart names. Where it names none, of training and other samples the training
    samples: they are what a leak exposes. Its index is that of the table.
    """
    frame = finding.tables[chart.table].dropna(subset=[chart.x])
    part = chart.part or ("X_train" if (frame["part"] == "X_train").any() else "")
    frame = frame[frame["part"] == part] if part else frame
    frame = frame.sort_values(chart.x, ascending=chart.beyond == "below", kind="stable").head(most)
    shown = frame[[name for name in ("part", "id", "class", chart.x) if name in frame.columns]].copy()
    if {"low", "high"} <= set(frame.columns) and (frame["high"] > frame["low"]).any():
        shown["interval"] = [interval(low, high) for low, high in zip(frame["low"], frame["high"], strict=True)]
    if "p_value" in frame.columns:
        shown["p_value"] = frame["p_value"]
    return shown


def contents(subject: Subject, samples: pd.DataFrame) -> Contents:
    """Return what is in the samples of a table with the columns ``part`` and ``id``, row by row.

    Parameters
    ----------
    subject : Subject
        The one that was measured.
    samples : DataFrame
        Of any parts: a name is looked up among those of its own part.
    """
    if samples.empty:
        return Contents(pd.DataFrame())
    parts, names = samples["part"].astype(str).to_numpy(), samples["id"].astype(str).to_numpy()
    X = np.empty((len(samples), *subject.X.shape[1:]), dtype=subject.X.dtype)
    truth = np.full(len(samples), np.nan)
    for part in dict.fromkeys(parts.tolist()):
        mine = parts == part
        place = places(subject, part)
        if place is None:
            return Contents(
                pd.DataFrame(), note="Several samples have the same id: their contents cannot be distinguished."
            )
        if not place.keys() >= set(names[mine]):
            return Contents(pd.DataFrame(), note="Some of these samples are not among those of the model.")
        rows = np.array([place[name] for name in names[mine]], dtype=np.intp)
        X[mine] = getattr(subject, part)[rows]
        targets = getattr(subject, _IDS[part][1])
        truth[mine] = np.nan if targets is None else targets[rows]
    if subject.inputs == "image":
        return Contents(pd.DataFrame(), tuple(png(image) for image in X))
    table = subject.decode(X) if subject.decode is not None else _numbers(X, subject.feature_names)
    table = table.reset_index(drop=True)
    note = "" if table.shape[1] <= _COLUMNS else f"The first {_COLUMNS} of {table.shape[1]} columns are shown."
    table = table.iloc[:, :_COLUMNS]
    if subject.task == "regression" and not np.isnan(truth).all():
        table.insert(0, "true value", truth, allow_duplicates=True)
    return Contents(table, note=note)


def places(subject: Subject, part: str) -> dict[str, int] | None:
    """Return the row of each sample of a part by its name; None where two have the same."""
    X = getattr(subject, part) if part in _IDS else None
    if X is None:
        return {}
    ids = getattr(subject, _IDS[part][0])
    names = np.arange(len(X)) if ids is None else ids
    rows = {str(name): row for row, name in enumerate(names)}
    return rows if len(rows) == len(names) else None


def _numbers(X: Array, names: tuple[str, ...]) -> pd.DataFrame:
    flat = X.reshape(len(X), -1)
    return pd.DataFrame(flat, columns=list(names) if len(names) == flat.shape[1] else None)


def png(image: Array, ends: tuple[float, float] | None = None) -> str:
    """Return an image (channels, height, width) as a data URI.

    ``ends`` are shown black and white; by default the image's own lowest and highest value.
    """
    from PIL import Image

    low, high = ends or (float(image.min()), float(image.max()))
    grey = np.rint(255 * np.clip((image - low) / (high - low or 1.0), 0.0, 1.0)).astype(np.uint8)
    shown = Image.fromarray(np.moveaxis(grey, 0, -1)) if len(image) == 3 else Image.fromarray(grey[0])
    buffer = io.BytesIO()
    shown.save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
