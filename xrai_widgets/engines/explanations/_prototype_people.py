"""Names, labels and answers of the samples that are explained and of those to choose from."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Predict, Step
from xrai_widgets.core.decision import labels as classes_of


@dataclass(frozen=True, eq=False)
class People:
    """What is known of the samples.

    Parameters
    ----------
    part : {"X", "X_train"}
        Which samples are explained.
    ids, train_ids : array
        Names of the explained part, and of the training samples.
    classes, train_classes : int array or None
        Class of each of them, by label or by answer; None if there are no classes.
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
class Said:
    """What the samples' labels are and what the model answers, as columns of a table; both for X and for X_train."""

    explained: dict[str, Array]
    train: dict[str, Array]
    answers: Array | None
    train_answers: Array | None


def answers_of(
    predict: Predict | None,
    decide: Predict | None,
    task: str,
    samples: tuple[Array, Array],
    explain: str,
    step: Step,
) -> tuple[Array | None, Array | None]:
    """Return the classes, or values, that the model answers with for the explained and for the training samples."""
    step(0.0, "answers of the model")
    if predict is None:
        return None, None
    ask = predict if task == "regression" else partial(classes_of, predict, decide)
    train = ask(samples[1])
    step(0.5, "answers of the model")
    return (ask(samples[0]) if explain == "X" else train), train


def people_of(
    explain: str,
    class_by: str,
    task: str,
    labels: tuple[Array | None, Array | None],
    told: tuple[Array | None, Array | None],
    ids: tuple[Array | None, Array | None],
    classes: tuple[Any, ...],
    samples: tuple[Array, Array],
) -> tuple[People, Said]:
    """Return classes, names and what the tables say of the explained and of the training samples."""
    here = 0 if explain == "X" else 1
    names = tuple(str(label) for label in classes)
    numbers = [np.arange(len(part)) if given is None else given for part, given in zip(samples, ids, strict=True)]
    if task == "regression":
        train = {"target": labels[1], "answer": told[1]}
        said = Said({}, {key: column for key, column in train.items() if column is not None}, None, None)
        return People(explain, numbers[here], numbers[1], None, None, (), "this is regression"), said
    known = [part for part in (*labels, *told) if part is not None]
    names = names or tuple(map(str, range(1 + max((int(part.max()) for part in known), default=-1))))
    words = np.array(names, dtype=object)
    columns: list[dict[str, Array]] = []
    for label, answer in ((labels[here], told[0]), (labels[1], told[1])):
        both = {"class": label, "answer": answer}
        columns.append({key: words[part] for key, part in both.items() if part is not None})
    codes, train_codes = (told[0], told[1]) if class_by == "answer" else (labels[here], labels[1])
    missing = "class_by='answer' needs predict" if class_by == "answer" else "class_by='label' needs y and y_train"
    people = People(explain, numbers[here], numbers[1], codes, train_codes, names, missing)
    return people, Said(columns[0], columns[1], told[0], told[1])
