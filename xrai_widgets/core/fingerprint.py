"""Digests of a subject: of all that it is, of its data, and of some of its fields."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from xrai_widgets.core.missing import one_nan

if TYPE_CHECKING:
    from xrai_widgets.core.subject import Array, Subject

_LARGE = ("X", "y", "X_train", "y_train", "X_new", "y_new")  # read where the model is asked, not when a page needs it
_FIRST = 256  # rows at which outputs and contents are looked at


class Identified:
    """What distinguishes one subject from another. The model is asked once, by whichever of these is wanted first."""

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of arrays, names, outputs and state: it identifies a run and proves nothing about its origin."""
        subject = cast("Subject", self)
        for name in _LARGE:
            self._digests[name] = _digest_of(subject, name)
        return fingerprint_of(subject, self._output_bytes)

    @cached_property
    def parts(self) -> dict[str, str]:
        """Digest of each part of the data: equal ones are the same samples, labels and names, whatever the model."""
        return parts_of(cast("Subject", self))

    def digest(self, names: Iterable[str]) -> str:
        """Return a SHA-256 of the model and of some fields: where it is equal, so is what depends on nothing else.

        Parameters
        ----------
        names : iterable of str
            Fields, or properties. Of functions and of what is read of the inside of the model only whether they are
            there counts: the model itself is identified by its state and its outputs, which always belong.
        """
        subject, digest = cast("Subject", self), hashlib.sha256(self._model.encode())
        for name in sorted({*names}):
            if name not in self._digests:
                self._digests[name] = _digest_of(subject, name)
            digest.update(f"{name}:{self._digests[name]};".encode())
        return digest.hexdigest()

    @cached_property
    def _output_bytes(self) -> tuple[bytes, ...]:
        return _output_bytes_of(cast("Subject", self))

    @cached_property
    def _model(self) -> str:
        subject = cast("Subject", self)
        digest = hashlib.sha256(repr((subject.task, subject.outputs, subject.image_shape, subject.state)).encode())
        for part in self._output_bytes:
            digest.update(part)
        return digest.hexdigest()

    @cached_property
    def _digests(self) -> dict[str, str]:
        return {}


def fingerprint_of(subject: Subject, outputs: Iterable[bytes]) -> str:
    """Return the digest of everything that a subject's numbers depend on."""
    digest = hashlib.sha256()
    for name in ("X", "y", "X_train", "y_train", "X_new", "y_new"):
        digest.update(_bytes_of(name, getattr(subject, name)))
    words = (subject.task, subject.outputs, subject.feature_names, subject.classes, subject.image_shape, subject.state)
    digest.update(repr(words).encode())
    for part in outputs:
        digest.update(part)
    digest.update(_bytes_of("bounds", subject.bounds))
    digest.update(repr(subject.constraints).encode() + (repr(subject.expected).encode() if subject.expected else b""))
    for array in (subject.ids, subject.train_ids, subject.new_ids, subject.groups):  # text has no bytes of its own
        digest.update(repr(None if array is None else array.tolist()).encode())
    if subject.foreign is not None:
        digest.update(_bytes_of("foreign", subject.foreign))
    digest.update(_unseen(subject))
    if subject.train_groups is not None:
        digest.update(repr(subject.train_groups.tolist()).encode())
    if subject.new_groups is not None:
        digest.update(b"new_groups:" + repr(subject.new_groups.tolist()).encode())
    return digest.hexdigest()


def parts_of(subject: Subject) -> dict[str, str]:
    """Return the digest of each part of the data that the subject has: samples, labels and names."""
    digests = {}
    for part, target, ids in (("X", "y", "ids"), ("X_train", "y_train", "train_ids"), ("X_new", "y_new", "new_ids")):
        if getattr(subject, part) is not None:
            digest = hashlib.sha256(_bytes_of("samples", getattr(subject, part)))
            digest.update(_bytes_of("labels", getattr(subject, target)))
            digest.update(repr(None if getattr(subject, ids) is None else getattr(subject, ids).tolist()).encode())
            if part == "X_new":
                digest.update(_unseen(subject))
                digest.update(b"" if subject.foreign is None else _bytes_of("foreign", subject.foreign))
            digests[part] = digest.hexdigest()
    return digests


def _output_bytes_of(subject: Subject) -> tuple[bytes, ...]:
    """Return what the model says of the first held-out samples, and how it decides."""
    if subject.unstable:  # predictions at random: they say nothing about what the model is
        return (b"predict:random",)
    output = _bytes_of("predict", np.asarray(subject.predict(subject.X[:_FIRST])))
    if subject.decide is None:
        return (output,)
    return output, _bytes_of("decide", np.asarray(subject.decide(subject.X)))


def _digest_of(subject: Subject, name: str) -> str:
    value = getattr(subject, name)
    if name == "unstable":  # how much is measured, and never the same
        value = bool(value)
    elif name == "decode" and value is not None:
        kinds = tuple((kind.kind, kind.categories) for kind in subject.constraints)
        value = (value(subject.X[:_FIRST]).to_csv(), kinds)
    elif name == "X_new":
        value = (value, _unseen(subject))
    elif any(field.name == name and field.metadata.get("sees_inside") for field in fields(subject)) or name == "model":
        value = value is not None
    digest = hashlib.sha256()
    for part in _fed(value):
        digest.update(part)
    return digest.hexdigest()


def _unseen(subject: Subject) -> bytes:
    """Return the words that only X_new holds: their codes, which stand after the last category, do not tell them."""
    batch, decode = subject.X_new, subject.decode
    if batch is None or decode is None:
        return b""
    kinds = enumerate(subject.constraints)
    columns = [(c, batch[:, c] >= len(k.categories)) for c, k in kinds if k.kind == "category"]
    words = [decode(batch[rows]).iloc[:, column].tolist() for column, rows in columns if rows.any()]
    return repr(words).encode() if words else b""


def _fed(value: Any) -> Iterable[bytes]:
    """Yield what a value is, so that equal ones tell the same in every process; of a function only that it is one."""
    if isinstance(value, np.ndarray):
        yield repr(value.tolist()).encode() if value.dtype.hasobject else _bytes_of("array", value)
    elif callable(value):
        yield b"function;"
    elif isinstance(value, tuple | list):
        yield f"{len(value)} of:".encode()
        for item in value:
            yield from _fed(item)
    elif is_dataclass(value):
        for field in fields(value):
            yield f"{field.name}:".encode()
            yield from _fed(getattr(value, field.name))
    else:
        yield f"{value!r};".encode()


def _bytes_of(name: str, array: Array | None) -> bytes:
    if array is None:
        return f"{name}:none".encode()
    head = f"{name}:{array.dtype.str}:{array.shape}".encode()
    return head + np.ascontiguousarray(one_nan(array)).tobytes()
