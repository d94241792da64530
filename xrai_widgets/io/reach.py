"""Parameters of a stranger's model that reach a file, the network, a process or code: one table, applied everywhere."""

import functools
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

_GETTER = re.compile(r"[a-zA-Z]\w*(\.[a-zA-Z]\w*)*")


def _nothing(value: Any) -> bool:
    return value is None or value is False or (isinstance(value, list | tuple | dict) and not value)


def _one(value: Any) -> bool:
    return value is None or (isinstance(value, int) and value == 1)


def _number(value: Any) -> bool:
    return value is None or isinstance(value, int | float)


@dataclass(frozen=True)
class Rule:
    """What a parameter may hold, and what becomes of another value.

    Parameters
    ----------
    allowed : callable
        Whether a value reaches nothing.
    why : str
        What another value reaches.
    instead : tuple, optional
        Holds the value that an estimator gets instead, where that changes none of its predictions; else it is refused.
    """

    allowed: Callable[[Any], bool]
    why: str
    instead: tuple[Any, ...] = ()


_PICKLES = "joblib writes pickles of the training data there and runs those that it finds"
_FOLDER = "it names a file or folder on this machine"
_PROCESS = "it starts processes"
_NETWORK = "it names another machine"
_CODE = "it is called with the data"
_LOG = "it writes to a log"

# by the last word of a name: memory, pipeline__memory and _memory are one
TABLE: dict[str, Rule] = {
    "memory": Rule(_nothing, _PICKLES, (None,)),
    **{name: Rule(_nothing, _PICKLES) for name in ("cache", "cachedir", "cache_dir", "location", "store_backend")},
    "input": Rule(lambda value: value == "content", "cells of the table are opened as files"),
    "n_jobs": Rule(_one, _PROCESS, (None,)),
    "n_threads": Rule(_one, _PROCESS, (1,)),
    "pre_dispatch": Rule(lambda value: value in ("2*n_jobs", "n_jobs", "all"), "its text is computed", ("2*n_jobs",)),
    **{
        name: Rule(_nothing, _PROCESS) for name in ("backend", "joblib_backend", "parallel_backend", "executor", "pool")
    },
    **{name: Rule(_nothing, _PROCESS) for name in ("client", "scheduler", "command", "cmd", "executable")},
    **{name: Rule(_nothing, _LOG) for name in ("logger", "log", "log_file", "log_cout", "log_cerr")},
    **{name: Rule(_nothing, _CODE) for name in ("callback", "callbacks", "skl_callbacks", "hook", "hooks")},
    **{name: Rule(_nothing, _FOLDER) for name in ("temp_folder", "tmp_dir", "train_dir", "data_home", "mmap_mode")},
    **{name: Rule(_nothing, _FOLDER) for name in ("filename", "file", "filepath", "path", "folder", "directory")},
    **{name: Rule(_number, _NETWORK) for name in ("url", "uri", "host", "address", "endpoint", "proxy", "socket")},
    "importance_getter": Rule(
        lambda value: isinstance(value, str) and _GETTER.fullmatch(value) is not None, "it reads private attributes"
    ),
}


# fitted attributes that are not named as scikit-learn names them
_ODD = {("_BinaryGaussianProcessClassifierLaplace", name) for name in ("rng", "f_cached", "kernel_", "rng_")}


def rule_of(name: str) -> Rule | None:
    """Return the rule for a parameter, an attribute or the key of a grid of parameters."""
    return TABLE.get(name.rpartition("__")[2].strip("_").lower())


def check_attribute(owner: Any, name: str, value: Any) -> None:
    """Check one attribute of an object; a value that only reaches out is reset where the predictions stay the same.

    Raises
    ------
    ValueError
        if the attribute takes the place of a method, is none that an estimator of this kind has, or reaches out.
    """
    kind = type(owner)
    if name.startswith("__") and name.endswith("__"):
        raise ValueError(f"a {kind.__name__} in it has an attribute {name!r} of its own: the file is forged")
    if hasattr(inspect.getattr_static(kind, name, None), "__get__"):
        raise ValueError(f"a {kind.__name__} in it has {name!r} in place of a method: the file is forged")
    if hasattr(kind, "get_params") and not (
        name.startswith("_") or name.endswith("_") or name in parameters(kind) or (kind.__name__, name) in _ODD
    ):
        raise ValueError(f"a {kind.__name__} in it has an attribute {name!r}, which no {kind.__name__} has")
    rule = rule_of(name)
    if rule is None or rule.allowed(value):
        return
    if rule.instead and name in parameters(kind):
        vars(owner)[name] = rule.instead[0]
        return
    raise ValueError(_refusal(f"{kind.__name__} in it has", name, value, rule))


def check_entry(name: Any, value: Any) -> None:
    """Check one entry of a dictionary: a grid of parameters, keyword arguments, or words of the data.

    A plain number says nothing but how often: words of the data (a vocabulary) may have any name. A list of numbers is
    what a search would try.

    Raises
    ------
    ValueError
        if the entry is a parameter that reaches out.
    """
    rule = rule_of(name) if isinstance(name, str) else None
    if rule is None or _number(value):
        return
    for leaf in _leaves(value):
        if not rule.allowed(leaf):
            raise ValueError(_refusal("dictionary in it has", name, leaf, rule))


def parameters(kind: type) -> frozenset[str]:
    """Return the names of what a class, or one that it is made from, takes when it is made."""
    return _parameters(kind.__mro__[:-1])


@functools.cache
def _parameters(bases: tuple[type, ...]) -> frozenset[str]:
    made = [vars(base)["__init__"] for base in bases if "__init__" in vars(base)]
    return frozenset(name for init in made for name in inspect.signature(init).parameters) - {"self"}


def _leaves(value: Any) -> list[Any]:
    leaves, todo, seen = [], [value], set()
    while todo:
        part = todo.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, list | tuple | set | frozenset):
            todo.extend(part)
        elif isinstance(part, dict):
            todo.extend(part.values())
        elif getattr(part, "dtype", None) is not None and part.dtype.kind in "OUS" and hasattr(part, "ravel"):
            todo.extend(part.ravel().tolist())
        else:
            leaves.append(part)
    return leaves


def _refusal(owner: str, name: str, value: Any, rule: Rule) -> str:
    shown = repr(value) if isinstance(value, str | int | float | None) else f"a {type(value).__name__}"
    return f"a {owner} {name}={shown[:80]}, and {rule.why}: set it to its default, fit and save the model again"
