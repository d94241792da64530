"""A digest of a model's parameters that does not depend on the process that computes it."""

import functools
import hashlib
import types
from typing import Any, Protocol

import numpy as np
import pandas as pd

from xrai_widgets.models.keras_state import is_keras, keras_state


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...


class _Steady:
    """A hash that random generators do not enter."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()

    def update(self, data: bytes, /) -> None:
        self._sha.update(data)

    def hexdigest(self) -> str:
        return self._sha.hexdigest()


class Unreadable(Exception):
    """Part of the state is of a kind that has no canonical bytes."""


def digest(model: object, chance: bool = True) -> str | None:
    """Return SHA-256 over the model's attributes in canonical order; None where they cannot be read.

    Without ``chance`` the states of random generators do not count: they change with every prediction of a model that
    draws from them.
    """
    sha = hashlib.sha256() if chance else _Steady()
    try:
        _feed(sha, model, depth=0)
    except (Unreadable, RecursionError):
        return None
    return sha.hexdigest()


def _feed(sha: _Digest, value: Any, depth: int) -> None:
    if depth > 30:
        raise Unreadable("nested too deeply")
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | bytearray | slice | np.generic):
        sha.update(f"{type(value).__name__}:{value!r};".encode())
    elif isinstance(value, np.ndarray) and value.dtype.names:  # by field: the bytes between them hold anything
        for name in value.dtype.names:
            _feed(sha, [name, np.ascontiguousarray(value[name])], depth + 1)
    elif isinstance(value, np.ndarray) and value.dtype != object:
        sha.update(f"{value.dtype.str}{value.shape}".encode() + np.ascontiguousarray(value).tobytes())
    elif isinstance(value, list | tuple | np.ndarray):
        sha.update(f"{type(value).__name__}[{len(value)}]".encode())
        for item in value:
            _feed(sha, item, depth + 1)
    elif isinstance(value, dict):
        sha.update(f"dict[{len(value)}]".encode())
        for key in sorted(value, key=repr):
            _feed(sha, key, depth + 1)
            _feed(sha, value[key], depth + 1)
    elif isinstance(value, pd.Index | pd.Series | pd.api.extensions.ExtensionArray):
        _feed(sha, [repr(value.dtype), value.tolist()], depth + 1)
    elif isinstance(value, set | frozenset):
        _feed(sha, sorted(value, key=repr), depth + 1)
    elif isinstance(value, types.MethodType):  # what it returns depends on what it is bound to
        _feed(sha, [value.__func__, value.__self__], depth + 1)
    elif isinstance(value, functools.partial):
        _feed(sha, [value.func, value.args, value.keywords], depth + 1)
    elif isinstance(value, type) or (callable(value) and hasattr(value, "__qualname__")):
        _named(sha, value)
    elif isinstance(value, np.random.RandomState | np.random.Generator | np.random.BitGenerator) and isinstance(
        sha, _Steady
    ):
        sha.update(type(value).__name__.encode())
    elif isinstance(value, np.random.RandomState):
        _feed(sha, value.get_state(legacy=False), depth + 1)
    elif isinstance(value, np.dtype | pd.api.extensions.ExtensionDtype):
        sha.update(repr(value).encode())
    else:
        _feed_object(sha, value, depth)


def _named(sha: _Digest, value: Any) -> None:
    name = f"{value.__module__}.{value.__qualname__}"
    if "<" in name:  # a lambda or local function: its name does not say what it does
        raise Unreadable(name)
    sha.update(name.encode())


def _feed_object(sha: _Digest, value: Any, depth: int) -> None:
    kind = type(value)
    if is_keras(value):
        try:
            parts = keras_state(value)
        except Exception as error:
            raise Unreadable(str(error)) from error
        _feed(sha, [f"{kind.__module__}.{kind.__qualname__}", *parts], depth + 1)
        return
    if hasattr(value, "state_dict"):  # torch: the tensors, not the module's private attributes
        try:
            state = {key: tensor.detach().cpu().numpy() for key, tensor in value.state_dict().items()}
        except Exception as error:  # extra state that is no tensor, or a type that NumPy lacks
            raise Unreadable(str(error)) from error
        sha.update(f"{kind.__module__}.{kind.__qualname__}:{value!r}".encode())
        _feed(sha, state, depth + 1)
        return
    try:
        state = value.__getstate__()
    except Exception as error:
        raise Unreadable(str(error)) from error
    if state is None and not hasattr(value, "__dict__"):
        raise Unreadable(repr(kind))
    sha.update(f"{kind.__module__}.{kind.__qualname__}".encode())
    _feed(sha, state, depth + 1)
