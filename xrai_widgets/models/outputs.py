"""What a model answers and the labels it is judged by, brought to the same classes."""

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
        The model's answers for the first samples.
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
        found = {role: labels.targets(y, role) for role, y in vectors.items()}
        return {**found, "predict": adapted.predict, "classes": ()}
    everything = [label for role, y in vectors.items() if role != "y_new" for label in y.tolist()]  # it teaches nothing
    if adapted.outputs == "labels":
        _check_column(looked)
        known = _said(classes, adapted.classes) or _seen(everything, looked.tolist())
        labels.encode(looked, known, "the model's answers")
        predict: Callable[[Array], Array] = OneHot(Decision(adapted.predict, known), len(known))
    else:
        require_probabilities(looked)
        known = _said(classes, adapted.classes) or labels.infer_classes(everything, looked.shape[1])
        if looked.shape[1] != len(known):
            raise ValueError(
                f"classes must name the model's {looked.shape[1]} output columns, got {len(known)}: {list(known)[:8]}"
            )
        predict = adapted.predict
    found = {role: labels.encode(y, known, role) for role, y in vectors.items()}
    return {**found, "predict": predict, "classes": known}


def _said(classes: Sequence[Any] | None, own: tuple[Any, ...] | None) -> tuple[Any, ...] | None:
    """Return the classes that the user or the model names; both must name the same."""
    if classes is None:
        return own
    said = tuple(label.item() if isinstance(label, np.generic) else label for label in classes)
    if not all(isinstance(label, Hashable) for label in said) or len(set(said)) < max(len(said), 2):
        raise ValueError(f"classes must be at least two labels that differ, got {list(said)[:8]}")
    if own is not None and said != own:
        raise ValueError(f"classes must be the model's own, in its order, {list(own)[:8]}, got {list(said)[:8]}")
    return said


def _seen(given: Sequence[Any], answers: Sequence[Any]) -> tuple[Any, ...]:
    if not set(given) & set(answers):
        few = [sorted(set(part), key=str)[:5] for part in (given, answers)]
        raise ValueError(f"the model must answer with the labels in y, {few[0]}, got {few[1]}")
    known = tuple(sorted(set(given) | set(answers), key=str))
    if len(known) < 2:
        raise ValueError(f"the model answers {known[0]!r} alone: pass classes=[…], all of its labels")
    return known


def _check_column(out: Array) -> None:
    if out.ndim > 1 and out.shape[1] > 1:
        raise Refused(
            f"multi-label and multi-output models are not supported: the model gives {out.shape[1]} answers per "
            "sample; allowed: one"
        )
