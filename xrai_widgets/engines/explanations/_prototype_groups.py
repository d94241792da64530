"""Whom the prototypes stand for, and among whom they are chosen."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from xrai_widgets.core import Array, closest
from xrai_widgets.engines.explanations._prototype_people import People

Pool = Literal["all", "same class", "other classes"]


@dataclass(frozen=True, eq=False)
class Group:
    """Rows of the explained part, and rows of the training samples to choose from."""

    name: str
    explained: Array
    pool: Array


def groups(people: People, per_class: bool, only_class: str, sample: str, pool: Pool) -> tuple[list[Group], list[str]]:
    """Return what is to be explained, and what the reader must know about it.

    Raises
    ------
    ValueError
        if more than one of per_class, only_class and sample is given, if a class or an id is unknown, or if classes
        are asked for where there are none.
    """
    given = [f"per_class={per_class}"] * per_class
    given += [f"{key}={value!r}" for key, value in (("only_class", only_class), ("sample", sample)) if value.strip()]
    if len(given) > 1:
        raise ValueError(f"only one of per_class, only_class and sample can be given, got {' and '.join(given)}")
    everybody = np.arange(len(people.train_ids))
    if sample.strip():
        return [_one_sample(people, sample.strip(), pool)], []
    if per_class or only_class.strip():
        return _classes(people, only_class.strip(), pool, given[0])
    if pool == "other classes":
        raise ValueError("choose_from='other classes' needs per_class, only_class or sample, got none of them")
    return [Group("all", np.arange(len(people.ids)), everybody)], []


def _one_sample(people: People, sample: str, pool: Pool) -> Group:
    found = np.flatnonzero(people.ids.astype(str) == sample)
    if not len(found):
        few = ", ".join(map(str, people.ids[:3]))
        raise ValueError(f"sample must be the id of a sample of {people.part}, such as {few}, got {sample!r}")
    row = found[:1]
    if pool == "all":
        chosen = np.arange(len(people.train_ids))
    else:
        classes, train_classes = _known(people, f"choose_from={pool!r}")
        chosen = np.flatnonzero((train_classes == classes[row[0]]) == (pool == "same class"))
    if people.part == "X_train":
        chosen = chosen[chosen != row[0]]
    if not len(chosen):
        raise ValueError(f"there is no training sample to choose from for sample={sample!r} and choose_from={pool!r}")
    return Group(f"sample {people.ids[row[0]]}", row, chosen)


def _classes(people: People, only: str, pool: Pool, asked: str) -> tuple[list[Group], list[str]]:
    classes, train_classes = _known(people, asked)
    if only and only not in people.names:
        allowed = ", ".join(people.names)
        raise ValueError(f"only_class must be one of {allowed}, got {only!r}{closest(only, people.names)}")
    found, notes = [], []
    for code, name in _wanted(people.names, only):
        explained = np.flatnonzero(classes == code)
        match pool:
            case "all":
                chosen = np.arange(len(people.train_ids))
            case _:
                chosen = np.flatnonzero((train_classes == code) == (pool == "same class"))
        lacking = people.part if not len(explained) else "X_train" if not len(chosen) else ""
        if not lacking:
            found.append(Group(name, explained, chosen))
            continue
        why = f"no sample of {lacking} {'to choose from for' if len(explained) else 'is of'} the class {name!r}"
        if only:
            raise ValueError(f"only_class={only!r}: {why}; classes are counted by class_by")
        notes.append(f"No prototypes for one class: {why}.")
    if not found:
        raise ValueError("; ".join(notes))
    return found, notes


def _wanted(names: tuple[str, ...], only: str) -> Iterator[tuple[int, str]]:
    return ((code, name) for code, name in enumerate(names) if not only or name == only)


def _known(people: People, asked: str) -> tuple[Array, Array]:
    if people.classes is None or people.train_classes is None:
        raise ValueError(f"{asked} needs classes: {people.missing}")
    return people.classes, people.train_classes
