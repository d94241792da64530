"""The ensemble on real tables: its rule was fixed on them, and it holds what was hoped for."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score

from xrai_widgets.core import Array, Constraint
from xrai_widgets.engines.ood._synthetic import synthetic
from xrai_widgets.engines.ood._watches import Seen, ensemble

FILES = {"adult": "adult/adult_train.csv.gz", "california housing": "california_housing/housing.csv.gz"}
TARGETS = {"income", "median_house_value"}


def numbers(table: pd.DataFrame) -> tuple[Array, tuple[Constraint, ...]]:
    """Return a table as codes and numbers, and which columns are categories."""
    words = [not pd.api.types.is_numeric_dtype(table[name]) for name in table]
    columns = [pd.factorize(table[name])[0] if word else table[name] for name, word in zip(table, words, strict=True)]
    kinds = tuple(Constraint("category") if word else Constraint() for word in words)
    return np.column_stack(columns).astype(np.float64), kinds


def areas(X: Array, constraints: tuple[Constraint, ...]) -> dict[str, float]:
    X = X[np.random.default_rng(0).permutation(len(X))]
    train, test = X[: min(len(X) * 7 // 10, 4000)], X[-min(len(X) * 3 // 10, 500) :]
    fitted = ensemble(Seen(None, train.shape[1:], False, constraints)).detector.fit(train)
    normal = -fitted.score_samples(test)
    found = {}
    for made in synthetic(test, train, constraints, 1):
        scores = np.concatenate([normal, -fitted.score_samples(made.samples)])
        found[made.name] = float(roc_auc_score(np.arange(len(scores)) >= len(normal), scores))
    return found


def test_breast_cancer() -> None:
    found = areas(load_breast_cancer().data, ())
    assert found["columns shuffled"] >= 0.95
    assert found["one number beyond"] >= 0.90


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_larger_tables(name: str, shared_data: Path) -> None:
    table = pd.read_csv(shared_data / FILES[name])
    found = areas(*numbers(table.drop(columns=list(TARGETS & {*table.columns}))))
    assert found["columns shuffled"] >= 0.95
    assert found["one number beyond"] >= 0.90
