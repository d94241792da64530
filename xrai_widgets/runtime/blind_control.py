"""How well are members distinguished from others without asking any model? What that finds is no leak."""

import numpy as np

from xrai_widgets.core import Array, Subject
from xrai_widgets.models.growing import grown
from xrai_widgets.runtime.control_models import Constant, LookUp, keys
from xrai_widgets.runtime.copies import copy_groups, filled_below

_FOLDS, _TREES = 3, 40


def blind(subject: Subject, seed: int) -> LookUp:
    """Return a "model" that is the surer of the true label the more a sample looks like a member.

    How it looks is judged by a random forest that was trained to tell X_train from X by samples and labels, on the
    other folds of a cross-validation. Copies of a sample share a fold: else the forest would know by heart which
    samples stand in X_train more than once. The user's model is not asked. (Das, Zhang, Tramèr 2024, arXiv:2406.16201.)
    """
    assert subject.X_train is not None
    assert subject.y_train is not None
    X = np.concatenate([subject.X_train, subject.X])
    y = np.concatenate([subject.y_train, subject.y])
    member = np.repeat([1, 0], [len(subject.X_train), len(subject.X)])
    labels = np.eye(subject.n_classes)[y] if subject.n_classes else y[:, None]
    flat = X.reshape(len(X), -1)
    rows = np.column_stack([filled_below(flat, flat), labels])
    likely = _likely(rows, member, copy_groups(X), seed)
    k = subject.n_classes
    if not k:  # the surer, the nearer to the true value
        spread = float(np.std(y)) or 1.0
        outputs = y + spread * (1 - likely)
    else:  # from 1/k to 1, so that every score grows with it: loss, confidence, margin
        p_true = 1 / k + (1 - 1 / k) * likely
        outputs = np.repeat(((1 - p_true) / max(k - 1, 1))[:, None], k, axis=1)
        outputs[np.arange(len(y)), y] = p_true
    by_key: dict[bytes, list[Array]] = {}
    for key, output in zip(keys(X), outputs, strict=True):
        by_key.setdefault(key, []).append(output)
    constant = Constant(np.asarray(outputs.mean(axis=0)))
    return LookUp({key: np.mean(same, axis=0) for key, same in by_key.items()}, constant)


def _likely(rows: Array, member: Array, groups: Array, seed: int) -> Array:
    """Return the probability of being a member by forests that saw neither the sample nor a copy of it."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.model_selection import StratifiedGroupKFold

    forest = RandomForestClassifier(_TREES, min_samples_leaf=5, random_state=seed)
    likely = np.full(len(rows), member.mean())
    folds = min(_FOLDS, int(np.bincount(member).min()), len(np.unique(groups)))
    if folds < 2:
        return likely
    for seen, out in StratifiedGroupKFold(folds, shuffle=True, random_state=seed).split(rows, member, groups):
        if len(out) and len(np.unique(member[seen])) == 2:
            likely[out] = grown(forest, rows[seen], member[seen]).predict_proba(rows[out])[:, 1]
    return likely
