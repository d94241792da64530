"""The subjects of the controls, made of the samples of the user's own."""

from dataclasses import replace
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Control, Subject
from xrai_widgets.core.control import BLIND
from xrai_widgets.runtime.blind_control import blind
from xrai_widgets.runtime.control_models import Learner

MOST = 500  # samples of X and of X_train that a control is made of
NAMES = {
    "constant": "constant model",
    "memorising": "memorising model",
    "chance": "members dealt at random",
    "shuffled": "labels dealt at random",
    "blind": BLIND,
}


def control_subject(subject: Subject, control: Control, seed: int) -> Subject:
    """Return the subject of a control, made of the samples of ``subject``."""
    X, y = subject.X_train, subject.y_train
    assert X is not None
    assert y is not None
    rng = np.random.default_rng((seed, 3))
    name = f"{subject.name} · {NAMES[control.kind]}"
    if control.kind == "shuffled":
        return replace(subject, name=name, y_train=rng.permutation(y))
    if control.kind == "chance":
        return replace(_dealt(subject, rng), name=name)
    if control.kind == "blind":
        predict: Any = blind(subject, seed)
        fit = None
    else:
        fit = Learner(control.kind == "memorising", subject.n_classes, subject.outputs == "labels")
        predict = fit(X, y)
    return subject.answering(predict, name=name, fit=fit, source=subject.source)


def _dealt(subject: Subject, rng: np.random.Generator) -> Subject:
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
    fields: dict[str, Any] = dict.fromkeys(("groups", "train_groups", "X_new", "y_new", "new_ids"))
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
