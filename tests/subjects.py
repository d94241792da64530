"""Small subjects of the kinds of the built-in examples: what a test proves on them costs a fraction of its time."""

from functools import cache
from typing import Any

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import load_digits
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from xrai_widgets.core import Subject
from xrai_widgets.data.german_credit import FIXED, german_credit

# words and numbers, of which one number and two words that nobody can change
COLUMNS = [
    *("checking_status", "credit_history", "savings", "personal_status_sex", "housing"),
    *("foreign_worker", "duration_months", "credit_amount", "age"),
]


@cache
def small_credit() -> Subject:
    """A pipeline on a DataFrame with text columns: 10 trees, 9 columns, 300 applicants on either side."""
    X, y = german_credit()
    fixed = {name: kind for name, kind in FIXED.items() if name in COLUMNS}
    return _split(
        make_pipeline(
            make_column_transformer(
                (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
                remainder="passthrough",
                sparse_threshold=0,
            ),
            RandomForestClassifier(10, random_state=0),
        ),
        X[COLUMNS],
        y,
        name="small_credit_forest",
        constraints=fixed,
    )


@cache
def small_digits() -> Subject:
    """A network on images."""
    X, y = load_digits(return_X_y=True)
    model = MLPClassifier((16,), max_iter=30, batch_size=20, random_state=0)
    return _split(model, X / 16.0, y, name="small_digits_network", image_shape=(8, 8), bounds=(0.0, 1.0))


def _split(model: Any, X: Any, y: Any, **words: Any) -> Subject:
    X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=300, test_size=300, random_state=0, stratify=y)
    model.fit(X_train, y_train)
    return Subject.of(model, X_test, y_test, X_train=X_train, y_train=y_train, **words)
