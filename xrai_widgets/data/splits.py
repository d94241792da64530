"""Training and held-out samples of the built-in examples: ``X_train, X_test, y_train, y_test``, always the same."""

from typing import Any

import numpy as np

from xrai_widgets.data.german_credit import german_credit


def breast_cancer_split() -> Any:
    """Return the tumours with every column scaled to [0, 1] by the training samples, and the diagnoses as words."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.model_selection import train_test_split

    data = load_breast_cancer(as_frame=True)
    X, y = data.data, data.target.map(dict(enumerate(data.target_names)))
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.4, random_state=0, stratify=y)
    low, high = X_train.min(), X_train.max()
    return (X_train - low) / (high - low), ((X_test - low) / (high - low)).clip(0, 1), y_train, y_test


def german_credit_split() -> Any:
    """Return the applicants, with words where the data set has words."""
    from sklearn.model_selection import train_test_split

    X, y = german_credit()
    return train_test_split(X, y, test_size=0.4, random_state=0, stratify=y)


def digits_split() -> Any:
    """Return the handwritten digits as rows of 64 pixels between 0 and 1."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    X, y = load_digits(return_X_y=True)
    return train_test_split(X / 16.0, y.astype(np.int64), test_size=0.4, random_state=0, stratify=y)


def diabetes_split() -> Any:
    """Return the patients in the units of the data set, and how far their diabetes went on in a year."""
    from sklearn.datasets import load_diabetes
    from sklearn.model_selection import train_test_split

    X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
    return train_test_split(X, y, test_size=0.5, random_state=0)
