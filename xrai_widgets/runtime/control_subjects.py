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

    ``ask`` answers in place of the subject's own function where a control is made of the model's answers.
    """
    rng = np.random.default_rng((seed, 3))
    name = f"{subject.name} · {name_of(control)}"
    if control.kind == "shuffled":
        assert subject.y_train is not None
        return replace(subject, name=name, y_train=rng.permutation(subject.y_train))
    if control.kind == "chance":
        return replace(_members_dealt(subject, rng), name=name)
    if control.kind == "dealt":
        ask = ask or shown(subject.predict, subject.decide, subject.n_classes)
        return subject.answering(_answers_dealt(subject, ask, rng), name=name, source=subject.source)
    if control.kind == "blind":
        return subject.answering(blind(subject, seed), name=name, source=subject.source)
    fit = Learner(control.kind == "memorising", subject.n_classes, subject.outputs == "labels")
    X, y = subject.X_train, subject.y_train
    predict = fit(subject.X, subject.y) if X is None or y is None else fit(X, y)
    inside = predict.inside(subject) if isinstance(predict, Constant) else {}
    return subject.answering(predict, name=name, fit=fit, source=subject.source, **inside)


def _answers_dealt(subject: Subject, ask: Predict, rng: np.random.Generator) -> LookUp:
    """Deal the model's answers to the samples at random, those for X among X, and those for X_train among X_train."""
    parts = [part for part in (subject.X, subject.X_train) if part is not None]
    answers = [np.asarray(ask(part)) for part in parts]
    known = {key: answer for part, own in zip(parts, answers, strict=True) for key, answer in _dealt(part, own, rng)}
    return LookUp(known, Constant(np.asarray(np.concatenate(answers).mean(axis=0))))


def _dealt(part: Array, answers: Array, rng: np.random.Generator) -> Iterator[tuple[bytes, Array]]:
    return zip(keys(part), rng.permutation(answers), strict=True)


def _members_dealt(subject: Subject, rng: np.random.Generator) -> Subject:
    """Deal members and non-members anew."""
    assert subject.X_train is not None
    order = rng.permutation(len(subject.X_train) + len(subject.X))
    fields: dict[str, Any] = {}
    for inside, outside in (("X_train", "X"), ("y_train", "y"), ("train_ids", "ids")):
        first, second = getattr(subject, inside), getattr(subject, outside)
        if first is None:
            continue
        # names of both parts may be equal, and are shown to nobody here
        both = np.arange(len(order)) if inside == "train_ids" else np.concatenate([first, second])
        fields[inside], fields[outside] = np.split(both[order], [len(subject.X_train)])
    return replace(subject, **fields)


def fewer(subject: Subject, seed: int) -> Subject:
    """Return the subject with at most `MOST` samples in X and X_train, the shares of the classes kept."""
    rng = np.random.default_rng((seed, 2))
    fields: dict[str, Any] = dict.fromkeys(("groups", "train_groups", "X_new", "y_new", "new_ids", "foreign"))
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
