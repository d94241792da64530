"""What a model predicts and the labels it is judged by, brought to the same classes."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from xrai_widgets.core.decision import OneHot
from xrai_widgets.core.subject import Array
from xrai_widgets.models import labels
from xrai_widgets.models.adapted import Adapted, Refused, require_finite, require_probabilities
from xrai_widgets.models.decisions import Decision


def in_classes(
    adapted: Adapted, looked: Array, vectors: Mapping[str, Array], classes: Sequence[Any] | None
) -> dict[str, Any]:
    """Return the subject's fields ``predict`` and ``classes``, and the encoded labels by field name.

    Parameters
    ----------
    adapted : Adapted
    looked : array
        The model's outputs for the first samples.
    vectors : mapping
        The user's labels by field name: ``y``, ``y_train``, ``y_new``.
    classes : sequence, optional
        What the user says the classes are.
    """
    if adapted.task == "regression":
        if classes is not None:
            raise ValueError(f"classes go with a classification, got {list(classes)[:8]} for a regression")
        _check_column(looked)
        require_finite(looked)
        encoded = {role: labels.targets(y, role) for role, y in vectors.items()}
        return {**encoded, "predict": adapted.predict, "classes": ()}
    everything = [label for role, y in vectors.items() if role != "y_new" for label in y.tolist()]  # it teaches nothing
    if adapted.outputs == "labels":
        _check_column(looked)
        names = _named(classes, adapted.classes) or _seen(everything, looked.tolist())
        labels.encode(looked, names, "the model's labels")
        predict: Callable[[Array], Array] = OneHot(Decision(adapted.predict, names), len(names))
    else:
        require_probabilities(looked)
        names = _named(classes, adapted.classes) or labels.infer_classes(everything, looked.shape[1])
        if looked.shape[1] != len(names):
            raise ValueError(
                f"classes must name the model's {looked.shape[1]} output columns, got {len(names)}: {list(names)[:8]}"
            )
        predict = adapted.predict
    encoded = {role: labels.encode(y, names, role) for role, y in vectors.items()}
    return {**encoded, "predict": predict, "classes": names}


def _named(classes: Sequence[Any] | None, of_model: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    """Return the classes that the user or the model names; both must name the same."""
    if classes is None:
        return of_model
    named = tuple(label.item() if isinstance(label, np.generic) else label for label in classes)
    if not all(isinstance(label, Hashable) for label in named) or len(set(named)) < max(len(named), 2):
        raise ValueError(f"classes must be at least two labels that differ, got {list(named)[:8]}")
    if of_model is not None and named != of_model:
        raise ValueError(f"classes must be the model's own, in its order, {list(of_model)[:8]}, got {list(named)[:8]}")
    return named


def _seen(given: Sequence[Any], predicted: Sequence[Any]) -> tuple[Any, ...]:
    if not set(given) & set(predicted):
        few = [sorted(set(part), key=str)[:5] for part in (given, predicted)]
        raise ValueError(f"the model must give the labels in y, {few[0]}, got {few[1]}")
    everything = tuple(sorted(set(given) | set(predicted), key=str))
    if len(everything) < 2:
        raise ValueError(f"the model gives {everything[0]!r} alone: pass classes=[…], all of its labels")
    return everything


def _check_column(out: Array) -> None:
    if out.ndim > 1 and out.shape[1] > 1:
        raise Refused(
            f"multi-label and multi-output models are not supported: the model gives {out.shape[1]} outputs per "
            "sample; allowed: one"
        )
