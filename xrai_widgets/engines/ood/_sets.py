"""Sets of samples by name and kind: near and far are foreign, shifted ones are valid, so that an alarm is an error."""

import re
from typing import NamedTuple

import numpy as np

from xrai_widgets.core import Array

NORMAL, FOREIGN, NEW = "in distribution", "foreign", "new"
SHOWN = {"near": "near", "far": "far", "shifted": "shifted but valid"}
_KIND = re.compile(r"(near|far|shifted)[:_]")


class Part(NamedTuple):
    """A set of samples: its name and kind, and what the alarm says of them."""

    name: str
    kind: str
    foreignness: Array
    p: Array


def kind_of(name: str) -> str:
    """Return the kind that the name of a set begins with, as in ``near: letters`` or ``far_photographs``, or ""."""
    match = _KIND.match(name)
    return match[1] if match else ""


def foreign_by_sets(foreign: Array | None, sets: Array | None) -> Array | None:
    """Return which new samples are foreign: as told, else by their sets, where the name of every one tells its kind.

    Raises
    ------
    ValueError
        for a set that is told to be foreign and calls itself shifted, or is not and calls itself near or far.
    """
    if sets is None:
        return None if foreign is None else np.asarray(foreign, dtype=bool)
    names = np.asarray(sets).astype(str)
    kinds = {name: kind_of(name) for name in np.unique(names).tolist()}
    by_name = np.array([kinds[name] in ("near", "far") for name in names.tolist()], dtype=bool)
    if foreign is None:
        return by_name if len(names) and all(kinds.values()) else None
    labels = np.asarray(foreign, dtype=bool)
    for name, kind in kinds.items():
        wrong = kind and (labels != by_name)[names == name].any()
        if wrong:
            says = "not foreign" if kind == "shifted" else "foreign"
            raise ValueError(
                f"the set {name!r} of new samples calls itself {kind}, which is {says}, and foreign= says otherwise of "
                "some of its samples: name it otherwise, or correct foreign="
            )
    return labels


def shown_groups(foreign: Array | None, sets: Array | None, count: int) -> Array:
    """Return in which group of the figure each new sample stands: as few as there are kinds."""
    plain = np.full(count, NEW, dtype=object) if foreign is None else np.where(foreign, FOREIGN, NEW).astype(object)
    if sets is None:
        return plain
    kinds = [SHOWN.get(kind_of(name), "") for name in np.asarray(sets).astype(str).tolist()]
    groups: Array = np.array([kind or other for kind, other in zip(kinds, plain.tolist(), strict=True)], dtype=object)
    return groups


def new_parts(new: tuple[Array, Array], foreign: Array | None, sets: Array | None) -> list[Part]:
    """Return the sets of the new samples in the order in which they stand, or what is foreign and what is not."""
    if sets is None:
        if foreign is None:
            return [_part(NEW, "not known", new, np.ones(len(new[1]), dtype=bool))]
        named = (("new, not foreign", "shifted", ~foreign), ("new, foreign", FOREIGN, foreign))
        return [_part(name, kind, new, rows) for name, kind, rows in named]
    names = np.asarray(sets).astype(str)
    parts = []
    for name in dict.fromkeys(names.tolist()):
        rows = names == name
        if kind_of(name) or foreign is None:
            parts.append(_part(name, kind_of(name) or "not known", new, rows))
            continue
        mixed = bool(foreign[rows].any() and not foreign[rows].all())
        for strange, kind in ((False, "shifted"), (True, FOREIGN)):
            called = f"{name}, {'' if strange else 'not '}foreign" if mixed else name
            parts.append(_part(called, kind, new, rows & (foreign == strange)))
    return [part for part in parts if len(part.p)]


def _part(name: str, kind: str, new: tuple[Array, Array], rows: Array) -> Part:
    return Part(name, kind, new[0][rows], new[1][rows])
