"""Digests of a subject and of its data."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from xrai_widgets.core.missing import one_nan

if TYPE_CHECKING:
    from xrai_widgets.core.subject import Array, Subject


def fingerprint_of(subject: Subject) -> str:
    """Return the digest of everything that a subject's numbers depend on."""
    digest = hashlib.sha256()
    for name in ("X", "y", "X_train", "y_train", "X_new", "y_new"):
        digest.update(_bytes_of(name, getattr(subject, name)))
    words = (subject.task, subject.outputs, subject.feature_names, subject.classes, subject.image_shape, subject.state)
    digest.update(repr(words).encode())
    if subject.unstable:  # predictions at random: they say nothing about what the model is
        digest.update(b"predict:random")
    else:
        digest.update(_bytes_of("predict", np.asarray(subject.predict(subject.X[:256]))))
        if subject.decide is not None:
            digest.update(_bytes_of("decide", np.asarray(subject.decide(subject.X))))
    digest.update(_bytes_of("bounds", subject.bounds))
    digest.update(repr(subject.constraints).encode())
    for array in (subject.ids, subject.train_ids, subject.new_ids, subject.groups):  # text has no bytes of its own
        digest.update(repr(None if array is None else array.tolist()).encode())
    if subject.foreign is not None:
        digest.update(_bytes_of("foreign", subject.foreign))
    if subject.train_groups is not None:
        digest.update(repr(subject.train_groups.tolist()).encode())
    return digest.hexdigest()


def parts_of(subject: Subject) -> dict[str, str]:
    """Return the digest of each part of the data that the subject has: samples, labels and names."""
    found = {}
    for part, target, ids in (("X", "y", "ids"), ("X_train", "y_train", "train_ids"), ("X_new", "y_new", "new_ids")):
        if getattr(subject, part) is not None:
            digest = hashlib.sha256(_bytes_of("samples", getattr(subject, part)))
            digest.update(_bytes_of("labels", getattr(subject, target)))
            digest.update(repr(None if getattr(subject, ids) is None else getattr(subject, ids).tolist()).encode())
            if part == "X_new" and subject.foreign is not None:
                digest.update(_bytes_of("foreign", subject.foreign))
            found[part] = digest.hexdigest()
    return found


def _bytes_of(name: str, array: Array | None) -> bytes:
    if array is None:
        return f"{name}:none".encode()
    head = f"{name}:{array.dtype.str}:{array.shape}".encode()
    return head + np.ascontiguousarray(one_nan(array)).tobytes()
