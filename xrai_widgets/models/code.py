"""A digest of what a function does: its code and what it refers to, the same in every process."""

import functools
import hashlib
import types
from collections.abc import Iterator
from typing import Any

from xrai_widgets.models.state import digest


def code_digest(function: Any) -> str:
    """Return SHA-256 over a function's instructions, constants, defaults and the things that it names.

    Functions and classes of the same module are read in turn, so that a change in one of them shows. What cannot be
    read counts by its type.
    """
    sha, seen = hashlib.sha256(), set[int]()
    for word in _words(function, getattr(function, "__module__", None), seen):
        sha.update(word.encode() + b";")
    return sha.hexdigest()


def _words(value: Any, home: str | None, seen: set[int]) -> Iterator[str]:
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, types.ModuleType):
        yield value.__name__
    elif isinstance(value, functools.partial):
        for part in (value.func, *value.args, *value.keywords.items()):
            yield from _words(part, home, seen)
    elif isinstance(value, types.MethodType):
        yield from _words(value.__func__, home, seen)
        yield from _words(value.__self__, home, seen)
    elif isinstance(value, types.FunctionType) and value.__module__ == home:
        yield from _of_function(value, home, seen)
    elif isinstance(value, type) and value.__module__ == home:
        yield value.__qualname__
        for name, part in sorted(vars(value).items()):
            if isinstance(part, types.FunctionType):
                yield name
                yield from _of_function(part, home, seen)
    else:
        yield digest(value) or f"{type(value).__module__}.{type(value).__qualname__}"
        call = getattr(type(value), "__call__", None)  # noqa: B004 - its code is wanted, not whether there is one
        if isinstance(call, types.FunctionType) and call.__module__ == home:
            yield from _of_function(call, home, seen)


def _of_function(function: types.FunctionType, home: str | None, seen: set[int]) -> Iterator[str]:
    names: set[str] = set()
    yield from _of_code(function.__code__, names)
    for value in (function.__defaults__, function.__kwdefaults__):
        yield digest(value) or ""
    for cell in function.__closure__ or ():
        yield from _words(cell.cell_contents, home, seen)
    for name in sorted(names & set(function.__globals__)):
        yield name
        yield from _words(function.__globals__[name], home, seen)


def _of_code(code: types.CodeType, names: set[str]) -> Iterator[str]:
    names |= set(code.co_names)
    yield code.co_code.hex()
    yield repr((code.co_names, code.co_varnames, code.co_freevars))
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            yield from _of_code(constant, names)
        else:
            yield repr(sorted(constant, key=repr) if isinstance(constant, frozenset) else constant)
