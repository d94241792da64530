"""Built-in subjects: fitted when asked for, in seconds, offline."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from xrai_widgets.core import Origin, Subject, closest
from xrai_widgets.core.origin import Example
from xrai_widgets.data.german_credit import FIXED, german_credit

__all__ = ["german_credit", "load", "names", "summary"]


def breast_cancer_forest() -> Subject:
    """Random forest on measurements of breast tumours, scaled to [0, 1]."""
    from sklearn.ensemble import RandomForestClassifier

    X_train, X, y_train, y = _breast_cancer()
    model = RandomForestClassifier(100, random_state=0).fit(X_train, y_train)
    return Subject.of(model, X, y, X_train=X_train, y_train=y_train, bounds=(0.0, 1.0))


def breast_cancer_logistic() -> Subject:
    """Logistic regression on measurements of breast tumours: small, smooth and differentiable."""
    from sklearn.linear_model import LogisticRegression

    X_train, X, y_train, y = _breast_cancer()
    model = LogisticRegression(max_iter=1000).fit(X_train, y_train)
    return Subject.of(model, X, y, X_train=X_train, y_train=y_train, bounds=(0.0, 1.0))


def german_credit_forest() -> Subject:
    """Random forest on a table of credit applicants with text columns; it memorises its training data."""
    from sklearn.ensemble import RandomForestClassifier

    return _german_credit(RandomForestClassifier(random_state=0))


def german_credit_pruned() -> Subject:
    """The credit forest with small trees: it memorises less, and calls hardly any applicant bad."""
    from sklearn.ensemble import RandomForestClassifier

    return _german_credit(RandomForestClassifier(max_depth=4, min_samples_leaf=10, random_state=0))


def digits_network() -> Subject:
    """Neural network (scikit-learn) on pictures of handwritten digits, 8 × 8."""
    from sklearn.neural_network import MLPClassifier

    X_train, X, y_train, y = _digits()
    model = MLPClassifier((64, 32), max_iter=60, early_stopping=True, random_state=0).fit(X_train, y_train)
    return Subject.of(model, X, y, X_train=X_train, y_train=y_train, image_shape=(8, 8), bounds=(0.0, 1.0))


def digits_convolution() -> Subject:
    """Convolutional network (torch) on pictures of handwritten digits, 8 × 8."""
    import torch
    from torch import nn

    X_train, X, y_train, y = (part.reshape(-1, 1, 8, 8) if part.ndim == 2 else part for part in _digits())
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
            for batch in torch.split(torch.randperm(len(images)), 64):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
                torch.autograd.backward(loss)
                optimizer.step()
    return Subject.of(model, X, y, X_train=X_train, y_train=y_train, bounds=(0.0, 1.0))


def diabetes_tree() -> Subject:
    """Deep regression tree on the progression of diabetes: it memorises its training data."""
    from sklearn.tree import DecisionTreeRegressor

    return _diabetes(DecisionTreeRegressor(min_samples_leaf=2, random_state=0))


def diabetes_ridge() -> Subject:
    """Ridge regression on the progression of diabetes."""
    from sklearn.linear_model import Ridge

    return _diabetes(Ridge())


_MAKERS: dict[str, Callable[[], Subject]] = {
    maker.__name__: maker
    for maker in (
        breast_cancer_forest,
        breast_cancer_logistic,
        german_credit_forest,
        german_credit_pruned,
        digits_network,
        digits_convolution,
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
    maker = _maker(name)
    if name not in names():
        raise ValueError(f"{name} needs {_NEEDS[name]}: pip install 'xrai-widgets[{_NEEDS[name]}]'")
    return replace(maker(), name=name, origin=Origin(Example(name)))


def _maker(name: str) -> Callable[[], Subject]:
    if name not in _MAKERS:
        raise ValueError(f"there is no example {name!r}; allowed: {', '.join(names())}{closest(name, _MAKERS)}")
    return _MAKERS[name]


def _breast_cancer() -> Any:
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    data = load_breast_cancer(as_frame=True)
    X, y = data.data, data.target.map(dict(enumerate(data.target_names)))
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=0, stratify=y)
    low, high = X_train.min(), X_train.max()
    return (X_train - low) / (high - low), ((X_test - low) / (high - low)).clip(0, 1), y_train, y_test


def _german_credit(forest: Any) -> Subject:
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.model_selection import train_test_split
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    X, y = german_credit()
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=0, stratify=y)
    words = make_column_selector(dtype_exclude="number")
    encoder = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), words), remainder="passthrough", sparse_threshold=0
    )
    model = make_pipeline(encoder, forest).fit(X_train, y_train)
    return Subject.of(model, X_test, y_test, X_train=X_train, y_train=y_train, constraints=FIXED)


def _digits() -> Any:
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16.0, y.astype(np.int64), test_size=0.4, random_state=0, stratify=y)


def _diabetes(model: Any) -> Subject:
    from sklearn.datasets import load_diabetes
    from sklearn.model_selection import train_test_split

    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, random_state=0)
    return Subject.of(model.fit(X_train, y_train), X_test, y_test, X_train=X_train, y_train=y_train)
