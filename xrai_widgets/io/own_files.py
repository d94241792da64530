"""A subject from the user's own files: a model, a table, and what the table's columns are."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd

from xrai_widgets.core import Constraint, Origin, Subject, closest
from xrai_widgets.core.origin import Files
from xrai_widgets.io.batches import BatchFile
from xrai_widgets.io.csv_format import CsvFormat
from xrai_widgets.io.model_files import read_model
from xrai_widgets.io.table_files import read_table
from xrai_widgets.models.booster_files import BoosterFile
from xrai_widgets.models.codes import category_words
from xrai_widgets.models.frame import few, same_columns
from xrai_widgets.models.networks import Network

_GROUPS = "\0group"  # a name that no file has


@dataclass(frozen=True)
class OwnFiles:
    """Which files, and the role of each column. Columns without a role are features.

    Parameters
    ----------
    model : Path
        ``.skops``, ``.onnx``, ``.safetensors``, or a booster's ``.ubj``, ``.json``, ``.txt``, ``.cbm``.
    data : Path
        Table of held-out samples, or of all samples where ``split`` is given.
    target : str
        Column of the true labels or values.
    train : Path, optional
        Table of the samples that the model was trained on.
    ids : str
        Column that names the samples; by default they are numbered.
    ignore : tuple of str
        Columns that the model does not take.
    immutable : tuple of str
        Features that no one can change about themselves.
    split : float, optional
        Share of the rows of ``data`` that is held out; the others are the training samples. Rows are drawn as
        ``sklearn.model_selection.train_test_split(data, test_size=split, random_state=seed)`` draws them, which is only
        right where the model was trained on exactly these rows.
    seed : int
        Of the split.
    stratify : bool
        The split keeps the shares of the classes.
    style : CsvFormat
        How CSV tables are written, where that cannot be detected.
    groups : str
        Column of subgroups; it may be one that is ignored.
    classes : tuple of str
        Labels in the order of the model's outputs, as text; each must be one of the target.
    text : tuple of str
        Columns that are read as text.
    name : str
        What the model is called; by default the name of its file.
    weights : str
        Column of the weights that the training samples had; the held-out table need not have it.
    new : Path, optional
        Batch to be judged: a table, which may lack target, ids and ignored columns; a picture, or a folder of them.
    foreign : str
        Column of that table which says True for a sample of another kind than the model was made for; of a folder of
        pictures, the subfolder of those.
    """

    model: Path
    data: Path
    target: str
    train: Path | None = None
    ids: str = ""
    ignore: tuple[str, ...] = ()
    immutable: tuple[str, ...] = ()
    split: float | None = None
    seed: int = 0
    stratify: bool = False
    style: CsvFormat = field(default_factory=CsvFormat)
    groups: str = ""
    classes: tuple[str, ...] = ()
    text: tuple[str, ...] = ()
    name: str = ""
    weights: str = ""
    new: Path | None = None
    foreign: str = ""

    def __post_init__(self) -> None:
        if not self.target:
            raise ValueError("the target must be given: the column of the true labels or values")
        if self.split is not None and self.train is not None:
            raise ValueError("either a table of training samples or a split of one table must be given, got both")
        if self.split is not None and not 0 < self.split < 1:
            raise ValueError(f"split must be the share of rows held out, between 0 and 1, got {self.split:g}")
        if self.weights and self.split is None and self.train is None:
            raise ValueError(f"weights ({self.weights!r}) are of training samples: give their table, or a split")
        if self.foreign and self.new is None:
            raise ValueError(f"foreign ({self.foreign!r}) is a column of a batch of new samples: give its table, too")
        if not 0 <= self.seed < 2**32:
            raise ValueError(f"seed must lie in [0, {2**32 - 1}], got {self.seed}")
        roles: list[tuple[str, tuple[str, ...]]] = [("the target", (self.target,))]
        roles += [("the ids", (self.ids,) if self.ids else ())]
        roles += [("the weights", (self.weights,) if self.weights else ())]
        roles += [("foreign", (self.foreign,) if self.foreign else ())]
        roles += [("to be ignored", self.ignore), ("immutable", self.immutable)]
        seen: dict[str, str] = {}
        for role, columns in roles:
            for column in dict.fromkeys(columns):
                if column in seen:
                    raise ValueError(f"a column must have one role, got {column!r} as {seen[column]} and {role}")
                seen[column] = role

    def subject(self) -> Subject:
        """Read the files and make the subject.

        Raises
        ------
        ValueError, TypeError
            naming the file or column that does not fit.
        """
        model = read_model(self.model)
        words = self._words(model)
        test = self._table(self.data, words)
        train = None if self.train is None else self._table(self.train, words)
        if self.split is not None:
            train, test = self._halves(test)
        given: dict[str, Any] = dict(zip(("X", "y", "ids"), self._columns(test, self.data), strict=True))
        if train is not None:
            given |= {"sample_weight": self._weights(train)} if self.weights else {}
            names = ("X_train", "y_train", "train_ids")
            given |= zip(names, self._columns(train, self.train or self.data), strict=True)
        fixed = {column: Constraint(immutable=True) for column in self.immutable}
        missing = [column for column in fixed if column not in given["X"].columns]
        if missing:
            raise ValueError(f"{self.data.name} must have the immutable column(s) {few(missing)}")
        given = self._grouped(given)
        network = getattr(model, "network", None)
        if self.new is not None:
            shape = network.inputs if isinstance(network, Network) and network.kind == "cnn" else None
            labels = frozenset(label for label in given["y"].tolist() if isinstance(label, str))
            given |= self._batch(self.new).read(given["X"], shape, {**words, self.target: labels} if labels else words)
        if isinstance(network, Network):
            given |= _arrays(given, network)
        given |= self._task_and_classes(model, given)
        made = Subject.of(model, **given, constraints=fixed, name=self.name or self.model.stem)
        return replace(made, origin=self.origin)

    @property
    def origin(self) -> Origin:
        """These files, by name, and the roles that were given."""
        optional: Mapping[str, Any] = {
            "train": self.train.name if self.train else None,
            "ids": self.ids,
            "ignore": self.ignore,
            "immutable": self.immutable,
            "split": self.split,
            "seed": self.seed if self.split is not None else 0,
            "stratify": self.stratify,
            "groups": self.groups,
            "classes": self.classes,
            "text": self.text,
            "weights": self.weights,
            "new": self.new.name if self.new else None,
            "foreign": self.foreign,
            "delimiter": self.style.delimiter,
            "decimal": self.style.decimal,
            "encoding": self.style.encoding,
        }
        roles = {word: value for word, value in optional.items() if value}
        return Origin(Files(self.model.name, self.data.name, {"target": self.target, **roles}))

    def _batch(self, new: Path) -> BatchFile:
        return BatchFile(new, self.foreign, self.target, self.ids, self.weights, self.ignore, self.text, self.style)

    def _task_and_classes(self, model: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return task and classes, where the file or the user says them."""
        options: dict[str, Any] = {}
        if isinstance(model, BoosterFile):
            options["task"] = model.task
            options |= {"classes": list(model.labels)} if model.labels else {}
        if self.classes:
            labels = {str(label): label for y in ("y", "y_train") if y in given for label in given[y].tolist()}
            strange = sorted(set(labels) - set(self.classes))
            if strange:
                raise ValueError(f"classes must name every label of {self.target!r}, got none for {few(strange)}")
            number = all(isinstance(label, int | float) for label in labels.values())
            options["classes"] = [labels.get(text, _number(text) if number else text) for text in self.classes]
        return options

    def _grouped(self, given: dict[str, Any]) -> dict[str, Any]:
        """Add the subgroups; a column that is ignored otherwise does not go to the model."""
        if not self.groups:
            return given
        parts = dict(given)
        for samples, groups in (("X", "groups"), ("X_train", "train_groups")):
            if samples in given:
                parts[groups] = given[samples][_GROUPS]
                gone = [_GROUPS, *([self.groups] if self.groups in self.ignore else [])]
                parts[samples] = given[samples].drop(columns=gone)
        return parts

    def _words(self, model: Any) -> dict[str, frozenset[str]]:
        """Return the words that the model knows, by column: those of its encoders, and its classes."""
        labels = list(getattr(model, "classes_", ()))
        of_text = bool(labels) and all(isinstance(label, str) for label in labels)
        return category_words(model) | ({self.target: frozenset(map(str, labels))} if of_text else {})

    def _table(self, path: Path, words: Mapping[str, frozenset[str]]) -> pd.DataFrame:
        written = (self.ids,) if self.ids and ".csv" in path.name.lower() else ()  # other files say what their ids are
        frame = read_table(path, self.style, (*self.text, *written), words)
        columns = {str(column): column for column in frame.columns}
        for column in (self.target, self.ids, self.groups, *self.ignore, *self.text):
            if column and column not in columns:
                near = closest(column, list(columns))
                raise ValueError(f"{path.name} must have the column {column!r}, got {few(list(columns))}{near}")
        if self.groups:  # as they stand in the file, though the column may be a feature of numbers, too
            frame[_GROUPS] = read_table(path, self.style, (self.groups,))[columns[self.groups]]
        frame = frame.drop(columns=[columns[column] for column in self.ignore if column != self.groups])
        target = frame[columns[self.target]]
        empty = int(target.isna().sum())
        if empty:
            raise ValueError(
                f"the target {self.target!r} must be filled in every row of {path.name}, got {empty} empty"
            )
        if target.nunique() < 2 and (len(target) > 1 or self.split is not None):
            raise ValueError(
                f"the target {self.target!r} must hold at least two different values, got only {target.iloc[0]!r} in "
                f"all {len(target)} rows of {path.name}"
            )
        return frame.rename(columns={columns[self.target]: self.target, columns.get(self.ids, self.ids): self.ids})

    def _columns(self, frame: pd.DataFrame, path: Path) -> tuple[pd.DataFrame, pd.Series, Any]:
        ids = frame[self.ids] if self.ids else frame.index
        features = frame.drop(columns=[self.target, *([self.ids] if self.ids else [])])
        features = features.drop(columns=[name for name in (self.weights, self.foreign) if name], errors="ignore")
        if not len(features.columns):
            raise ValueError(f"{path.name} must have at least one feature beside target, ids and ignored columns")
        return features, frame[self.target], ids

    def _weights(self, train: pd.DataFrame) -> Any:
        weights = train.get(self.weights)
        if weights is None or weights.dtype.kind not in "iufb" or weights.isna().any():
            path = self.train or self.data
            got = "no such column" if weights is None else f"{int(weights.isna().sum())} empty cells or text"
            raise ValueError(f"{path.name} must have the weights {self.weights!r}, a number in every row, got {got}")
        return weights.to_numpy(dtype="float64")

    def _halves(self, frame: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        from sklearn.model_selection import train_test_split

        by = frame[self.target] if self.stratify else None
        train, test = train_test_split(frame, test_size=self.split, random_state=self.seed, stratify=by)
        return train, test


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            raise ValueError(f"classes must be numbers, as the labels of the target are, got {text!r}") from None


def _arrays(given: Mapping[str, Any], network: Network) -> dict[str, Any]:
    """Return what a network of this package takes: arrays, their columns in its order."""
    expected = list(network.features) or [str(column) for column in given["X"].columns]
    made: dict[str, Any] = {}
    for role in ("X", "X_train", "X_new"):
        if role in given:
            frame = given[role].rename(columns=str)
            same_columns(frame, expected, role, "those of the network" if network.features else "as in X")
            words = [column for column in expected if frame[column].dtype.kind not in "iufb"]
            if words:
                raise ValueError(f"a network takes numbers, but the column(s) {few(words)} hold text")
            made[role] = frame[expected].to_numpy(dtype="float64")
    width = len(expected)
    count = math.prod(network.inputs)
    if width != count:
        raise ValueError(f"X must have {count} features, those of the network, got {width}")
    made["feature_names"] = expected
    if network.kind == "cnn":
        made["image_shape"] = network.inputs
    if network.classes:
        made["classes"], made["task"] = list(network.classes), "classification"
    return made
