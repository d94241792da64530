"""Keras models on another library than torch: asked in batches. On torch a Keras model is a torch module."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from xrai_widgets.core.subject import Array, Task
from xrai_widgets.models.adapted import Adapted, Declared, Refused
from xrai_widgets.models.asking import refuse_words
from xrai_widgets.models.function import adapt_function
from xrai_widgets.models.inputs import Inputs

_BATCH = 512


class KerasModel:
    """A Keras model, called with arrays or a table of numbers."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __call__(self, rows: Any) -> Array:
        """Return the model's output, (n, k) or (n,)."""
        rows = np.asarray(rows)
        return np.concatenate([self._asked(rows[start : start + _BATCH]) for start in range(0, len(rows), _BATCH)])

    def _asked(self, rows: Array) -> Array:
        # Keras compiles anew for every number of rows: it gets a power of two
        more = (1 << (len(rows) - 1).bit_length()) - len(rows)
        out = self._model.predict_on_batch(np.concatenate([rows, np.repeat(rows[-1:], more, axis=0)]))
        if isinstance(out, dict | list | tuple):
            raise Refused(
                f"the model must have one output, got a {type(out).__name__} of {len(out)}: pass the one that "
                "is meant, keras.Model(model.inputs, model.outputs[0])"
            )
        return np.asarray(out)[: len(rows)]


def adapt_keras(
    model: Any,
    inputs: Inputs,
    parts: Sequence[Array],
    y: Array,
    task: Task | None,
    classes: Sequence[Any] | None = None,
    outputs: Declared | None = None,
) -> Adapted:
    """Adapt a Keras model whose outputs are logits, probabilities, or values of a regression; see `adapt_torch`.

    Parameters
    ----------
    parts : sequence of array
        Samples of the data and changed ones, see `telling_rows`.
    outputs : optional
        What the user says they are.

    Raises
    ------
    Refused
        if there are several outputs, or columns that are no numbers.
    """
    refuse_words("Keras model", inputs)
    adapted = adapt_function(KerasModel(model), inputs, parts, y, task, classes, outputs, scores=True)
    keras = sys.modules.get("keras")
    backend = getattr(getattr(keras, "config", None), "backend", lambda: "tensorflow")()
    return replace(
        adapted,
        notes=(
            *adapted.notes,
            f"gradients: none are taken from Keras on {backend}; with KERAS_BACKEND=torch, set before Keras is "
            "imported, the same model gives them",
        ),
    )
