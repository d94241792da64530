"""A table as training and test samples with preprocessing that learns from the training samples alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Subject, closest
from xrai_widgets.data._leaks import leaking, repeated

_FEW = 5


@dataclass(frozen=True, eq=False)
class Prepared:
    """Both parts of a table, what was done to it, and what is suspicious about it.

    Parameters
    ----------
    X_train, X_test : DataFrame
        Features as they stand in the table.
    y_train, y_test : Series
        The target, untouched.
    preprocessing : ColumnTransformer
        Fitted on ``X_train``: numbers filled by their median where cells are empty, and scaled; words one-hot encoded.
    notes : tuple of str
        Columns left out, test rows that stand in the training part, columns that tell the target.
    code : str
        Python that does the same to ``table``.
    """

    X_train: pd.DataFrame
    y_train: pd.Series[Any]
    X_test: pd.DataFrame
    y_test: pd.Series[Any]
    preprocessing: Any
    notes: tuple[str, ...]
    code: str

    def pipeline(self, estimator: Any) -> Any:
        """Return the preprocessing and an estimator as one pipeline, fitted on the training samples."""
        from sklearn.base import clone
        from sklearn.pipeline import make_pipeline

        return make_pipeline(clone(self.preprocessing), clone(estimator)).fit(self.X_train, self.y_train)

    def subject(self, estimator: Any, **words: Any) -> Subject:
        """Return the subject of such a pipeline; ``words`` are those of `Subject.of`."""
        model = self.pipeline(estimator)
        given: dict[str, Any] = {
            "X_train": self.X_train,
            "y_train": self.y_train,
            "name": type(estimator).__name__,
        } | words
        return Subject.of(model, self.X_test, self.y_test, **given)

    def __repr__(self) -> str:
        counts = f"{len(self.X_train)} training and {len(self.X_test)} test rows, {self.X_train.shape[1]} features"
        return "\n".join([f"Prepared({counts})", *(f"- {note}" for note in self.notes), "", self.code])


def prepare(table: pd.DataFrame, target: str, test: float = 0.3, seed: int = 0, groups: str | None = None) -> Prepared:
    """Split a table, then learn its preprocessing from the training part alone.

    Parameters
    ----------
    table : DataFrame
        One row per sample. It is not changed.
    target : str
        Column of the labels or values.
    test : float
        Share of the rows (with ``groups``, of the groups) that is held out.
    seed : int
        Of the split.
    groups : str, optional
        Column of what rows belong to, as a person with several visits: each is on one side of the split only. It is no
        feature.

    Returns
    -------
    Prepared

    Raises
    ------
    ValueError, TypeError
        naming the column or option that does not fit.

    Examples
    --------
    >>> made = xw.prepare(table, "risk")
    >>> print(made.code)
    >>> subject = made.subject(RandomForestClassifier(random_state=0))
    """
    _check(table, target, test, seed, groups)
    left, why = _left_out(table, target, groups)
    features = [name for name in table.columns if name not in {target, groups, *left}]
    if not features:
        raise ValueError(f"the table must have at least one feature beside the target; left out: {'; '.join(why)}")
    y = table[target]
    classes = not _is_regression(y)
    stratify = classes and groups is None and int(y.value_counts().min()) >= 2
    train, held = _split(table, y if stratify else None, test, seed, groups)
    X_train, X_test = train[features], held[features]
    numbers = [name for name in features if _holds_numbers(table[name])]
    words = [name for name in features if name not in numbers]
    gaps = any(table[name].isna().any() for name in numbers)
    preprocessing = _preprocessing(numbers, words, gaps).fit(X_train)
    notes = [*why, *repeated(X_train, X_test), *leaking(X_train, train[target], classes)]
    if classes and (lost := set(y) - set(train[target])):
        notes.append(f"no training row has the label {', '.join(map(str, sorted(lost, key=str)))}")
    code = _code(target, features, numbers, words, gaps, test, seed, groups, stratify)
    return Prepared(X_train, train[target], X_test, held[target], preprocessing, tuple(notes), code)


def _check(table: Any, target: Any, test: Any, seed: Any, groups: Any) -> None:
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"table must be a DataFrame, got {type(table).__name__}")
    if not table.columns.is_unique:
        raise ValueError(f"the columns must differ from each other, got {list(table.columns)[:8]}")
    for role, name in (("target", target), ("groups", groups)):
        if name is not None and name not in table.columns:
            near = closest(str(name), list(map(str, table.columns)))
            raise ValueError(f"{role} must be a column of the table, got {name!r}{near}")
        if name is not None and (empty := int(table[name].isna().sum())):
            raise ValueError(f"the column {name!r} must be filled in every row, got {empty} empty: drop these rows")
    if target == groups:
        raise ValueError(f"target and groups must be two columns, got {target!r} twice")
    if table[target].nunique() < 2:
        raise ValueError(f"the target {target!r} must hold at least two different values")
    if groups is not None and table[groups].nunique() < 2:
        raise ValueError(f"the groups {groups!r} must be at least two")
    if isinstance(test, bool) or not isinstance(test, int | float) or not 0 < test < 1:
        raise ValueError(f"test must be the share of rows held out, between 0 and 1, got {test!r}")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise ValueError(f"seed must be a whole number from 0 to {2**32 - 1}, got {seed!r}")


def _left_out(table: pd.DataFrame, target: str, groups: str | None) -> tuple[list[str], list[str]]:
    """Return the columns that cannot be features, and why."""
    reasons: dict[str, list[str]] = {}
    for name in table.columns:
        if name in (target, groups):
            continue
        column = table[name]
        if column.nunique(dropna=False) < 2:
            reasons.setdefault("always the same", []).append(name)
        elif column.dtype.kind in "mM" or isinstance(column.dtype, pd.PeriodDtype | pd.DatetimeTZDtype):
            reasons.setdefault("a time, no number or word", []).append(name)
        elif _names_rows(column):
            reasons.setdefault("another one in every row: it names the rows", []).append(name)
    left = [name for names in reasons.values() for name in names]
    return left, [f"left out: {', '.join(map(str, names))} ({reason})" for reason, names in reasons.items()]


def _names_rows(column: pd.Series[Any]) -> bool:
    if column.nunique() < len(column) or len(column) < 3:
        return False
    if not _holds_numbers(column):
        return True
    counted = column.dtype.kind in "iu" and set(np.diff(np.sort(column.to_numpy())).tolist()) == {1}
    return bool(counted)


def _holds_numbers(column: pd.Series[Any]) -> bool:
    return column.dtype.kind in "iuf"


def _is_regression(y: pd.Series[Any]) -> bool:
    """Whether the target is an amount: fractions, or more whole numbers than classes would have."""
    if y.dtype.kind == "f" and (y % 1 != 0).any():
        return True
    return y.dtype.kind in "iuf" and y.nunique() > max(20, len(y) // 20)


def _split(
    table: pd.DataFrame, by: Any, test: float, seed: int, groups: str | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    from sklearn.model_selection import GroupShuffleSplit, train_test_split

    if groups is None:
        train, held = train_test_split(table, test_size=test, random_state=seed, stratify=by)
        return train, held
    splitter = GroupShuffleSplit(n_splits=1, test_size=test, random_state=seed)
    first, second = next(splitter.split(table, groups=table[groups]))
    return table.iloc[first], table.iloc[second]


def _preprocessing(numbers: list[str], words: list[str], gaps: bool) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    scale = make_pipeline(SimpleImputer(strategy="median"), StandardScaler()) if gaps else StandardScaler()
    parts = [(scale, numbers)] if numbers else []
    return make_column_transformer(*parts, *([(OneHotEncoder(handle_unknown="ignore"), words)] if words else []))


def _code(
    target: str,
    features: list[str],
    numbers: list[str],
    words: list[str],
    gaps: bool,
    test: float,
    seed: int,
    groups: str | None,
    stratify: bool,
) -> str:
    """Return the same as Python."""
    y = f"table[{target!r}]"
    scale = 'make_pipeline(SimpleImputer(strategy="median"), StandardScaler())' if gaps else "StandardScaler()"
    lines = ["from sklearn.compose import make_column_transformer"]
    lines += ["from sklearn.impute import SimpleImputer"] * gaps
    lines += [f"from sklearn.model_selection import {'train_test_split' if groups is None else 'GroupShuffleSplit'}"]
    lines += ["from sklearn.pipeline import make_pipeline"] * gaps
    lines += ["from sklearn.preprocessing import OneHotEncoder, StandardScaler", "", "# split first"]
    if groups is None:
        by = f", stratify={y}" if stratify else ""
        lines += [f"train, test = train_test_split(table, test_size={test!r}, random_state={seed}{by})"]
    else:
        lines += [f"splitter = GroupShuffleSplit(n_splits=1, test_size={test!r}, random_state={seed})"]
        lines += [f"rows, others = next(splitter.split(table, groups=table[{groups!r}]))"]
        lines += ["train, test = table.iloc[rows], table.iloc[others]"]
    lines += [f"features = {features!r}"]
    lines += [f"X_train, y_train = train[features], train[{target!r}]"]
    lines += [f"X_test, y_test = test[features], test[{target!r}]", "", "# then learn from the training part alone"]
    parts = [f"({scale}, {numbers!r})"] * bool(numbers)
    parts += [f'(OneHotEncoder(handle_unknown="ignore"), {words!r})'] * bool(words)
    lines += ["preprocessing = make_column_transformer(", *(f"    {part}," for part in parts), ").fit(X_train)"]
    return "\n".join(lines) + "\n"
