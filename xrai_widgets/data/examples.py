"""Built-in subjects: fitted when asked for, in seconds, offline."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from xrai_widgets.core import Origin, Subject, closest
from xrai_widgets.core.origin import Example
from xrai_widgets.data.drawn_pictures import drawn, picture
from xrai_widgets.data.foreign_pictures import as_batch, foreign_digits
from xrai_widgets.data.german_credit import FIXED, german_credit
from xrai_widgets.data.new_samples import digits_and_letters, shifted
from xrai_widgets.data.patches import photograph_patches
from xrai_widgets.data.public_pictures import public_pictures
from xrai_widgets.data.splits import breast_cancer_split, diabetes_split, digits_split, german_credit_split
from xrai_widgets.data.stream import drifting_stream
from xrai_widgets.data.two_cue_models import two_cue_models
from xrai_widgets.data.two_cues import two_cues
from xrai_widgets.io.batches import BatchFile
from xrai_widgets.io.csv_format import CsvFormat

__all__ = [
    "as_batch",
    "drawn",
    "drifting_stream",
    "foreign_digits",
    "german_credit",
    "load",
    "load_with",
    "names",
    "photograph_patches",
    "picture",
    "public_pictures",
    "summary",
    "two_cue_models",
    "two_cues",
]
_KEPT_DIGITS, _KEPT_OF_SETS, _KEPT_APPLICANTS = 600, 360, 250  # held out; the rest of them is the batch
# gets X, and the shape of pictures that are flat rows; returns X_new, y_new, foreign, new_ids for Subject.of
Batch = Callable[..., dict[str, Any]]


def no_batch(*_: Any) -> dict[str, Any]:
    """Return nothing: no new samples."""
    return {}


def breast_cancer_forest(batch: Batch = no_batch) -> Subject:
    """Random forest on measurements of breast tumours, scaled to [0, 1]."""
    from sklearn.ensemble import RandomForestClassifier

    X_train, X, y_train, y = breast_cancer_split()
    model = RandomForestClassifier(100, random_state=0).fit(X_train, y_train)
    return Subject.of(model, X, y, X_train=X_train, y_train=y_train, bounds=(0.0, 1.0), **batch(X))


def breast_cancer_logistic(batch: Batch = no_batch) -> Subject:
    """Logistic regression on measurements of breast tumours: small, smooth and differentiable."""
    from sklearn.linear_model import LogisticRegression

    X_train, X, y_train, y = breast_cancer_split()
    model = LogisticRegression(max_iter=1000).fit(X_train, y_train)
    return Subject.of(model, X, y, X_train=X_train, y_train=y_train, bounds=(0.0, 1.0), **batch(X))


def german_credit_forest(batch: Batch = no_batch) -> Subject:
    """Random forest on a table of credit applicants with text columns; it memorises its training data."""
    from sklearn.ensemble import RandomForestClassifier

    return _german_credit(RandomForestClassifier(random_state=0), batch)


def german_credit_pruned(batch: Batch = no_batch) -> Subject:
    """The credit forest with small trees: it memorises less, and calls hardly any applicant bad."""
    from sklearn.ensemble import RandomForestClassifier

    return _german_credit(RandomForestClassifier(max_depth=4, min_samples_leaf=10, random_state=0), batch)


def digits_network(batch: Batch = no_batch) -> Subject:
    """Neural network (scikit-learn) on pictures of handwritten digits, 8 × 8."""
    return _digits_beside(batch)


def digits_convolution(batch: Batch = no_batch) -> Subject:
    """Convolutional network (torch) on pictures of handwritten digits, 8 × 8."""
    import torch
    from torch import nn

    X_train, X, y_train, y = (part.reshape(-1, 1, 8, 8) if part.ndim == 2 else part for part in digits_split())
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(
            nn.Conv2d(1, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(16, 32, 3, padding=1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(512, 10),
        )
        optimizer = torch.optim.Adam(model.parameters(), 2e-3)
        images, labels = torch.as_tensor(X_train, dtype=torch.float32), torch.as_tensor(y_train)
        for _ in range(12):
            for rows in torch.split(torch.randperm(len(images)), 64):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(images[rows]), labels[rows])
                torch.autograd.backward(loss)
                optimizer.step()
    return Subject.of(model, X, y, X_train=X_train, y_train=y_train, bounds=(0.0, 1.0), **batch(X))


def digits_with_letters(batch: Batch = no_batch) -> Subject:
    """The digits network with a batch to be judged: unseen digits, mirrored ones and letters, which are foreign."""
    return _digits_beside(batch, _KEPT_DIGITS, digits_and_letters)


def digits_with_sets(batch: Batch = no_batch) -> Subject:
    """The digits network with sets to be judged: turned digits, letters, photographs, a chicken; and paler digits."""

    return _digits_beside(batch, _KEPT_OF_SETS, lambda X, y: as_batch(foreign_digits(X.reshape(-1, 8, 8), y)))


def german_credit_shifted(batch: Batch = no_batch) -> Subject:
    """The credit forest with a batch to be judged: younger applicants, larger credits, a purpose never seen."""
    from sklearn.ensemble import RandomForestClassifier

    return _german_credit(RandomForestClassifier(random_state=0), batch, _KEPT_APPLICANTS)


def diabetes_tree(batch: Batch = no_batch) -> Subject:
    """Deep regression tree on the progression of diabetes: it memorises its training data."""
    from sklearn.tree import DecisionTreeRegressor

    return _diabetes(DecisionTreeRegressor(min_samples_leaf=2, random_state=0), batch)


def diabetes_ridge(batch: Batch = no_batch) -> Subject:
    """Ridge regression on the progression of diabetes."""
    from sklearn.linear_model import Ridge

    return _diabetes(Ridge(), batch)


_MAKERS: dict[str, Callable[..., Subject]] = {
    maker.__name__: maker
    for maker in (
        breast_cancer_forest,
        breast_cancer_logistic,
        german_credit_forest,
        german_credit_pruned,
        digits_network,
        digits_convolution,
        digits_with_letters,
        digits_with_sets,
        german_credit_shifted,
        diabetes_tree,
        diabetes_ridge,
    )
}
_NEEDS = {"digits_convolution": "torch"}


def names() -> list[str]:
    """Return the names of the built-in subjects that can be made with what is installed."""
    return [name for name in _MAKERS if name not in _NEEDS or find_spec(_NEEDS[name]) is not None]


def summary(name: str) -> str:
    """Return one sentence on a built-in subject."""
    return (_maker(name).__doc__ or "").strip()


@cache
def load(name: str) -> Subject:
    """Fit and return a built-in subject.

    Raises
    ------
    ValueError
        for an unknown name, or where a library it needs is not installed.
    """
    return replace(_available(name)(), name=name, origin=Origin(Example(name)))


def load_with(
    name: str,
    new: str | Path,
    *,
    foreign: str = "",
    target: str = "",
    ids: str = "",
    ignore: Sequence[str] = (),
    text: Sequence[str] = (),
    delimiter: str | None = None,
    decimal: str | None = None,
    encoding: str | None = None,
) -> Subject:
    """Fit and return a built-in subject with a batch of new samples from a file.

    Parameters
    ----------
    name : str
    new : str or Path
        Table (``.csv``, ``.csv.gz``, ``.parquet``, ``.npz``) with the columns of the example; for pictures also a PNG
        or JPEG, or a folder of them.
    foreign : str
        Column that says True for samples of another kind than the model was made for; of a folder of pictures, the
        subfolder of those.
    target, ids : str
        Columns of the true labels and of the samples' names, where the table has them.
    ignore, text : sequence of str
        Columns that the model does not take; that are read as text.
    delimiter, decimal, encoding : str, optional
        How a CSV is written, where that cannot be detected.

    Raises
    ------
    ValueError, TypeError
        for an unknown name, and naming what in the file does not fit.
    """
    maker = _available(name)
    style = CsvFormat(delimiter, decimal, encoding)
    file = BatchFile(Path(new), foreign, target, ids, "", tuple(ignore), tuple(text), style)
    options: dict[str, object] = {
        "foreign": foreign,
        "target": target,
        "ids": ids,
        "ignore": tuple(ignore),
        "text": tuple(text),
    }
    options |= {"delimiter": delimiter, "decimal": decimal, "encoding": encoding}
    roles = {"new": file.path.name, **{word: value for word, value in options.items() if value}}
    return replace(maker(file.read), name=name, origin=Origin(Example(name, roles)))


def _available(name: str) -> Callable[..., Subject]:
    maker = _maker(name)
    if name not in names():
        raise ValueError(f"{name} needs {_NEEDS[name]}: pip install 'xrai-widgets[{_NEEDS[name]}]'")
    return maker


def _maker(name: str) -> Callable[..., Subject]:
    if name not in _MAKERS:
        raise ValueError(f"there is no example {name!r}; allowed: {', '.join(names())}{closest(name, _MAKERS)}")
    return _MAKERS[name]


def _german_credit(forest: Any, batch: Batch, kept: int = 0) -> Subject:
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    X_train, X_test, y_train, y_test = german_credit_split()
    words = make_column_selector(dtype_exclude="number")
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), words), remainder="passthrough", sparse_threshold=0
    )
    model = make_pipeline(encoder, forest).fit(X_train, y_train)
    given = batch(X_test)
    if kept:
        given = given or shifted(X_test[kept:], y_test[kept:])
        X_test, y_test = X_test[:kept], y_test[:kept]
    return Subject.of(model, X_test, y_test, X_train=X_train, y_train=y_train, constraints=FIXED, **given)


def _digits_beside(batch: Batch, kept: int | None = None, made: Batch = no_batch) -> Subject:
    from sklearn.neural_network import MLPClassifier

    X_train, X, y_train, y = digits_split()
    model = MLPClassifier((64, 32), max_iter=60, early_stopping=True, random_state=0).fit(X_train, y_train)
    shape = (8, 8)
    given = batch(X, shape)
    if kept is not None:
        given = given or made(X[kept:], y[kept:])
        given["X_new"] = np.reshape(given["X_new"], (-1, 64))
        X, y = X[:kept], y[:kept]
    return Subject.of(model, X, y, X_train=X_train, y_train=y_train, image_shape=shape, bounds=(0.0, 1.0), **given)


def _diabetes(model: Any, batch: Batch) -> Subject:
    X_train, X_test, y_train, y_test = diabetes_split()
    fitted = model.fit(X_train, y_train)
    return Subject.of(fitted, X_test, y_test, X_train=X_train, y_train=y_train, **batch(X_test))
