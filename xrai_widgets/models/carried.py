"""Columns that go to the model as they are: it is unknown what else a point in time or a remark could be."""

from dataclasses import replace
from typing import Any

import pandas as pd

from xrai_widgets.models.estimator_check import text_columns
from xrai_widgets.models.frame import Column
from xrai_widgets.models.inputs import Inputs

_FEW = 5


def held(model: Any, inputs: Inputs) -> Inputs:
    """Return what was learned with immutable columns of free text, and a note of all that is held as it is.

    Free text is what a vectorizer of words in the model reads. Columns of times, decimals and the like were found with
    the types; what the user says of a column is heard after this.
    """
    if inputs.codec is None:
        return inputs
    read = {str(name) for part in text_columns(model) for name in part}
    free = [name in read for name in inputs.names]
    columns = inputs.codec.columns
    entries = [
        f"{c.name} ({_kind(c)})" if c.carried else f"{c.name} (free text)"
        for c, is_free in zip(columns, free, strict=True)
        if c.carried or is_free
    ]
    if not entries:
        return inputs
    limits = tuple(
        replace(limit, immutable=limit.immutable or is_free)
        for limit, is_free in zip(inputs.constraints, free, strict=True)
    )
    note = f"held as they are: {', '.join(entries[:_FEW])}{', …' if len(entries) > _FEW else ''}"
    return replace(inputs, constraints=limits, notes=(*inputs.notes, note))


def _kind(column: Column) -> str:
    if column.dtype != object:
        return str(column.dtype)
    return type(next(label for label in column.categories if not pd.isna(label))).__name__
