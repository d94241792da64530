"""The subjects of the controls, made of the samples of the user's own."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Control, Predict, Subject
from xrai_widgets.core.control import BLIND
from xrai_widgets.core.decision import shown
from xrai_widgets.runtime.blind_control import blind
from xrai_widgets.runtime.control_models import Constant, Learner, LookUp, keys

MOST = 500  # samples of X and of X_train that a control is made of
_DROPPED = ("groups", "train_groups", "new_groups", "X_new", "y_new", "new_ids", "foreign")
_NAMES = {
    "constant": "constant model",
    "memorising": "memorising model",
    "chance": "members dealt at random",
    "shuffled": "labels dealt at random",
    "blind": BLIND,
    "dealt": "answers dealt at random",
}


def name_of(control: Control) -> str:
    """Return what a control is called where it is shown."""
    return control.kind if control.measured is not None else _NAMES[control.kind]


def control_subject(subject: Subject, control: Control, seed: int, ask: Predict | None = None) -> Subject:
    """Return the subject of a control, made of the samples of ``subject``.

    ``ask`` takes the place of the subject's own function where a control is made from the model's predictions.
    """
    rng = np.random.default_rng((seed, 3))
    name = f"{subject.name} · {name_of(control)}"
    if control.kind == "shuffled":
        assert subject.y_train is not None
        return replace(subject, name=name, y_train=rng.permutation(subject.y_train))
    if control.kind == "chance":
        return replace(_members_shuffled(subject, rng), name=name)
    if control.kind == "dealt":
        ask = ask or shown(subject.predict, subject.decide, subject.n_classes)
        return subject.answering(_predictions_shuffled(subject, ask, rng), name=name, origin=subject.origin)
    if control.kind == "blind":
        return subject.answering(blind(subject, seed), name=name, origin=subject.origin)
    fit = Learner(control.kind == "memorising", subject.n_classes, subject.outputs == "labels")
    X, y = subject.X_train, subject.y_train
    predict = fit(subject.X, subject.y) if X is None or y is None else fit(X, y)
    inside = predict.inside(subject) if isinstance(predict, Constant) else {}
    return subject.answering(predict, name=name, fit=fit, origin=subject.origin, **inside)


def _predictions_shuffled(subject: Subject, ask: Predict, rng: np.random.Generator) -> LookUp:
    """Shuffle the model's predictions among the samples, those for X among X, and those for X_train among X_train."""
    parts = [part for part in (subject.X, subject.X_train) if part is not None]
    outputs = [np.asarray(ask(part)) for part in parts]
    by_key = {
        key: output
        for part, of_part in zip(parts, outputs, strict=True)
        for key, output in _shuffled(part, of_part, rng)
    }
    return LookUp(by_key, Constant(np.asarray(np.concatenate(outputs).mean(axis=0))))


def _shuffled(part: Array, outputs: Array, rng: np.random.Generator) -> Iterator[tuple[bytes, Array]]:
    return zip(keys(part), rng.permutation(outputs), strict=True)


def _members_shuffled(subject: Subject, rng: np.random.Generator) -> Subject:
    """Shuffle who is a member and who is not."""
    assert subject.X_train is not None
    order = rng.permutation(len(subject.X_train) + len(subject.X))
    fields: dict[str, Any] = {}
    for inside, outside in (("X_train", "X"), ("y_train", "y"), ("train_ids", "ids")):
        first, second = getattr(subject, inside), getattr(subject, outside)
        if first is None:
            continue
        # names of both parts may be equal, and are not shown here
        both = np.arange(len(order)) if inside == "train_ids" else np.concatenate([first, second])
        fields[inside], fields[outside] = np.split(both[order], [len(subject.X_train)])
    return replace(subject, **fields)


def fewer(subject: Subject, seed: int) -> Subject:
    """Return the subject with at most `MOST` samples in X and X_train, the shares of the classes kept."""
    rng = np.random.default_rng((seed, 2))
    fields: dict[str, Any] = dict.fromkeys(_DROPPED)
    for part, names in (("y_train", ("X_train", "y_train", "train_ids")), ("y", ("X", "y", "ids"))):
        y = getattr(subject, part)
        if y is not None and len(y) > MOST:
            rows = _drawn(y if subject.task == "classification" else np.zeros(len(y)), rng)
            fields |= {name: getattr(subject, name)[rows] for name in names if getattr(subject, name) is not None}
    return replace(subject, **fields)


def _drawn(groups: Array, rng: np.random.Generator) -> Array:
    """Return `MOST` rows: of groups in random order one after the other, every n/`MOST`-th."""
    order = rng.permutation(len(groups))
    order = order[np.argsort(groups[order], kind="stable")]
    return np.sort(order[np.linspace(0, len(order), MOST, endpoint=False).astype(int)])
