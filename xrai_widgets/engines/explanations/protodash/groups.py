"""Whom the prototypes stand for, and among whom they are chosen."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from xrai_widgets.core import Array, Predict, Step, closest
from xrai_widgets.core.decision import labels as classes_of


@dataclass(frozen=True, eq=False)
class SampleInfo:
    """What is known of the samples.

    Parameters
    ----------
    part : {"X", "X_train"}
        Which samples are explained.
    ids, train_ids : array
        Names of the explained part, and of the training samples.
    classes, train_classes : int array or None
        Class of each of them, by label or by prediction; None if there are no classes.
    names : tuple of str
        Of the classes.
    missing : str
        Why there are no classes.
    """

    part: str
    ids: Array
    train_ids: Array
    classes: Array | None
    train_classes: Array | None
    names: tuple[str, ...]
    missing: str


@dataclass(frozen=True, eq=False)
class SampleColumns:
    """What the samples' labels are and what the model predicts, as columns of a table; both for X and for X_train."""

    explained: dict[str, Array]
    train: dict[str, Array]
    predictions: Array | None
    train_predictions: Array | None


def predictions_of(
    predict: Predict | None,
    decide: Predict | None,
    task: str,
    samples: tuple[Array, Array],
    explain: str,
    step: Step,
) -> tuple[Array | None, Array | None]:
    """Return the classes, or values, that the model predicts for the explained and for the training samples."""
    step(0.0, "predictions of the model")
    if predict is None:
        return None, None
    ask = predict if task == "regression" else partial(classes_of, predict, decide)
    train = ask(samples[1])
    step(0.5, "predictions of the model")
    return (ask(samples[0]) if explain == "X" else train), train


def describe_samples(
    explain: str,
    class_by: str,
    task: str,
    labels: tuple[Array | None, Array | None],
    predictions: tuple[Array | None, Array | None],
    ids: tuple[Array | None, Array | None],
    classes: tuple[Any, ...],
    samples: tuple[Array, Array],
) -> tuple[SampleInfo, SampleColumns]:
    """Return classes, names and what the tables say of the explained and of the training samples."""
    here = 0 if explain == "X" else 1
    names = tuple(str(label) for label in classes)
    numbers = [np.arange(len(part)) if given is None else given for part, given in zip(samples, ids, strict=True)]
    if task == "regression":
        train = {"target": labels[1], "answer": predictions[1]}
        table_columns = SampleColumns(
            {}, {key: column for key, column in train.items() if column is not None}, None, None
        )
        return SampleInfo(explain, numbers[here], numbers[1], None, None, (), "this is regression"), table_columns
    codes_given = [part for part in (*labels, *predictions) if part is not None]
    names = names or tuple(map(str, range(1 + max((int(part.max()) for part in codes_given), default=-1))))
    words = np.array(names, dtype=object)
    columns: list[dict[str, Array]] = []
    for label, prediction in ((labels[here], predictions[0]), (labels[1], predictions[1])):
        both = {"class": label, "answer": prediction}
        columns.append({key: words[part] for key, part in both.items() if part is not None})
    codes, train_codes = (predictions[0], predictions[1]) if class_by == "answer" else (labels[here], labels[1])
    missing = "class_by='answer' needs predict" if class_by == "answer" else "class_by='label' needs y and y_train"
    info = SampleInfo(explain, numbers[here], numbers[1], codes, train_codes, names, missing)
    return info, SampleColumns(columns[0], columns[1], predictions[0], predictions[1])


Pool = Literal["all", "same class", "other classes"]


@dataclass(frozen=True, eq=False)
class Group:
    """Rows of the explained part, and rows of the training samples to choose from."""

    name: str
    explained: Array
    pool: Array


def groups(
    info: SampleInfo, per_class: bool, only_class: str, sample: str, pool: Pool
) -> tuple[list[Group], list[str]]:
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
    all_rows = np.arange(len(info.train_ids))
    if sample.strip():
        return [_one_sample(info, sample.strip(), pool)], []
    if per_class or only_class.strip():
        return _classes(info, only_class.strip(), pool, given[0])
    if pool == "other classes":
        raise ValueError("choose_from='other classes' needs per_class, only_class or sample, got none of them")
    return [Group("all", np.arange(len(info.ids)), all_rows)], []


def _one_sample(info: SampleInfo, sample: str, pool: Pool) -> Group:
    matches = np.flatnonzero(info.ids.astype(str) == sample)
    if not len(matches):
        few = ", ".join(map(str, info.ids[:3]))
        raise ValueError(f"sample must be the id of a sample of {info.part}, such as {few}, got {sample!r}")
    row = matches[:1]
    if pool == "all":
        chosen = np.arange(len(info.train_ids))
    else:
        classes, train_classes = _require_classes(info, f"choose_from={pool!r}")
        chosen = np.flatnonzero((train_classes == classes[row[0]]) == (pool == "same class"))
    if info.part == "X_train":
        chosen = chosen[chosen != row[0]]
    if not len(chosen):
        raise ValueError(f"there is no training sample to choose from for sample={sample!r} and choose_from={pool!r}")
    return Group(f"sample {info.ids[row[0]]}", row, chosen)


def _classes(info: SampleInfo, only: str, pool: Pool, asked: str) -> tuple[list[Group], list[str]]:
    classes, train_classes = _require_classes(info, asked)
    if only and only not in info.names:
        allowed = ", ".join(info.names)
        raise ValueError(f"only_class must be one of {allowed}, got {only!r}{closest(only, info.names)}")
    selected, notes = [], []
    for code, name in _wanted(info.names, only):
        explained = np.flatnonzero(classes == code)
        match pool:
            case "all":
                chosen = np.arange(len(info.train_ids))
            case _:
                chosen = np.flatnonzero((train_classes == code) == (pool == "same class"))
        lacking = info.part if not len(explained) else "X_train" if not len(chosen) else ""
        if not lacking:
            selected.append(Group(name, explained, chosen))
            continue
        why = f"no sample of {lacking} {'to choose from for' if len(explained) else 'is of'} the class {name!r}"
        if only:
            raise ValueError(f"only_class={only!r}: {why}; classes are counted by class_by")
        notes.append(f"No prototypes for one class: {why}.")
    if not selected:
        raise ValueError("; ".join(notes))
    return selected, notes


def _wanted(names: tuple[str, ...], only: str) -> Iterator[tuple[int, str]]:
    return ((code, name) for code, name in enumerate(names) if not only or name == only)


def _require_classes(info: SampleInfo, asked: str) -> tuple[Array, Array]:
    if info.classes is None or info.train_classes is None:
        raise ValueError(f"{asked} needs classes: {info.missing}")
    return info.classes, info.train_classes
