"""scikit-learn models in skops files: audited before anything is made, walked before anything is asked."""

import io
import json
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from xrai_widgets.io.forged_state import check_states
from xrai_widgets.io.reach import check_attribute, check_entry
from xrai_widgets.io.skops_types import (
    CALLED,
    CHECK,
    DICTS,
    FUNCTIONS,
    LOADERS,
    NODES,
    OBJECTS,
    REMADE,
    REVIEWED,
    SCORED,
)

_MOST_BYTES = 4 * 2**30
_MOST_SCHEMA = 2**28
_OLDEST = 1  # the protocol before it names functions in a way of its own
_NUMBERS = (int, float, complex, bool, str, bytes, bytearray, slice, range, type(None), np.generic, np.dtype)
_RANDOM = (np.random.RandomState, np.random.Generator)
_COMPILED = ("_loss", "_sgd_fast", "sklearn._loss._loss", "sklearn.linear_model._sgd_fast")  # losses: no state
_WAY_OUT = "export the model to ONNX, or audit it in a notebook of your own"


def read_skops(file: Path) -> Any:
    """Read a model. Types are audited by name, then every object that can be reached is checked.

    Raises
    ------
    ValueError
        if it unpacks to more than 4 GiB, names a type or function that was not reviewed, holds a parameter that
        reaches a file, the network, a process or code, or a state that cannot be.
    """
    from xrai_widgets.io.skops_reader import get_untrusted_types, load, loads

    schema = _schema(file)
    dropped = _audit(schema)
    content = _without_trees(file, schema) if dropped else None
    source = {"file": file} if content is None else {"data": content}
    foreign = sorted(set(get_untrusted_types(**source)) - REVIEWED)
    if foreign:
        raise ValueError(f"it holds types that are not trusted: {', '.join(foreign[:5])}; {_WAY_OUT}")
    trusted = sorted(REVIEWED)
    model = load(file, trusted=trusted) if content is None else loads(content, trusted=trusted)
    check_states(list(walk(model)))
    return model


def walk(model: Any) -> Iterator[Any]:
    """Yield every object that can be reached from a model; check its type, its attributes and what it would call.

    Raises
    ------
    ValueError
        naming the first thing that was not reviewed or reaches out.
    """
    seen: set[int] = set()
    todo: list[tuple[str, Any]] = [("", model)]
    while todo:
        name, value = todo.pop()
        if isinstance(value, _NUMBERS) or id(value) in seen:
            continue
        seen.add(id(value))
        if callable(value) and not hasattr(type(value), "get_params"):
            if not _may_be_called(name, value):
                raise ValueError(
                    f"it holds a function or type ({getattr(value, '__name__', type(value).__name__)}) as {name!r}, "
                    f"which would be called with the data; {_WAY_OUT}"
                )
            if isinstance(value, partial):
                todo.append((name, value.keywords))
            if not _allowed(value):
                continue
        yield value
        todo.extend(_inside(name, value))


def _inside(name: str, value: Any) -> list[tuple[str, Any]]:
    kind = type(value)
    if isinstance(value, dict):
        if _named(kind) not in {"builtins.dict", "collections.OrderedDict", "collections.defaultdict", *DICTS}:
            raise ValueError(_unknown(value))
        for key, entry in value.items():
            check_entry(key, entry)
        factory = [("default_factory", value.default_factory)] if hasattr(value, "default_factory") else []
        return [(str(key), entry) for key, entry in value.items()] + [("", key) for key in value] + factory
    if isinstance(value, np.ndarray):
        return [(name, cell) for cell in value.ravel().tolist()] if value.dtype == object else []
    if isinstance(value, list | tuple | set | frozenset):
        return [(name, entry) for entry in value]
    if isinstance(value, _RANDOM) or kind.__module__ in _COMPILED or kind.__module__.startswith("scipy.sparse"):
        return []
    if not _allowed(value):
        raise ValueError(_unknown(value))
    if not hasattr(value, "__dict__"):
        return []  # a decision tree: its arrays are checked
    attributes = list(vars(value).items())
    for attribute, held in attributes:
        check_attribute(value, attribute, held)
    return list(vars(value).items())


def _allowed(value: Any) -> bool:
    kind = type(value)
    module = kind.__module__
    sklearn_estimator = module.startswith("sklearn.") and hasattr(kind, "get_params") and "<" not in kind.__qualname__
    return sklearn_estimator or _named(kind) in OBJECTS or module.startswith("sklearn._loss.") or module in _COMPILED


def _may_be_called(name: str, value: Any) -> bool:
    if isinstance(value, type):
        return (value.__module__ == "numpy" and issubclass(value, np.generic)) or value in (
            int,
            float,
            str,
            bool,
            list,
            set,
        )
    if isinstance(value, np.ufunc):
        return name in CALLED
    if isinstance(value, partial):
        checks = type(value) is partial and _path(value.func) == CHECK and not value.args and not vars(value)
        return name in CALLED and checks
    if type(value).__name__ == "interp1d":  # no file may hold one: an isotonic regression made it when it was read
        return name == "f_"
    if hasattr(value, "__name__"):
        return name in SCORED and _path(value) in FUNCTIONS
    return _allowed(value)  # an object that can also be called: a kernel, a scorer, a choice of columns


def _path(function: Any) -> str:
    return f"{getattr(function, '__module__', '')}.{getattr(function, '__name__', '')}"


def _named(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


def _unknown(value: Any) -> str:
    return f"it holds a {_named(type(value))}, which was not reviewed; {_WAY_OUT}"


def _schema(file: Path) -> Any:
    with zipfile.ZipFile(file) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
        if size > _MOST_BYTES:
            raise ValueError(f"it must unpack to at most {_MOST_BYTES / 2**30:g} GiB, got {size / 2**30:.3g} GiB")
        if archive.getinfo("schema.json").file_size > _MOST_SCHEMA:
            raise ValueError(f"its schema must have at most {_MOST_SCHEMA / 2**20:g} MiB")
        schema = json.loads(archive.read("schema.json"))
    if not isinstance(schema, dict) or not isinstance(schema.get("protocol"), int):
        raise ValueError("its schema says no protocol")
    if schema["protocol"] < _OLDEST:
        raise ValueError("it was saved by a version of skops before 0.7: load and save it with a newer one")
    return schema


def _audit(schema: Any) -> bool:
    """Check every node of a schema; a reviewed type may only come as what it was reviewed as.

    Search trees are replaced by nothing, in place; return whether there were any.
    """
    dropped, todo = False, [schema]
    while todo:
        part = todo.pop()
        if isinstance(part, dict):
            loader = part.get("__loader__")
            if isinstance(loader, str):
                named = f"{part.get('__module__')}.{part.get('__class__')}"
                if loader not in NODES:
                    raise ValueError(f"it holds a {loader} of {named}, which was not reviewed; {_WAY_OUT}")
                if loader != LOADERS.get(named, loader) and loader != "CachedNode":
                    raise ValueError(f"it holds {named} as a {loader}: the file is damaged or forged")
                if named in REMADE:
                    if loader != "ObjectNode":
                        raise ValueError(f"it holds {named} as a {loader}: the file is damaged or forged")
                    part.clear()
                    part.update(__class__="str", __module__="builtins", __loader__="JsonNode", content="null")
                    dropped = True
                    continue
            todo.extend(part.values())
        elif isinstance(part, list):
            todo.extend(part)
    return dropped


def _without_trees(file: Path, schema: Any) -> bytes:
    """Return the archive with another schema."""
    made = io.BytesIO()
    with zipfile.ZipFile(file) as archive, zipfile.ZipFile(made, "w") as copy:
        for name in dict.fromkeys(archive.namelist()):
            copy.writestr(name, json.dumps(schema) if name == "schema.json" else archive.read(name))
    return made.getvalue()
