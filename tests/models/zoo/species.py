"""The models of the zoo, by name: how each is made, and the tables that they are fitted on."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from sklearn.datasets import make_classification
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators

from xrai_widgets.core import Array

TRAIN = 100
_TREE = {"max_depth": 4, "random_state": 0}
_PAIR = [("tree", DecisionTreeClassifier(**_TREE)), ("linear", LogisticRegression())]
# where the defaults do not fit the table, are slow, or an argument is needed
ARGUMENTS: dict[str, dict[str, Any]] = {
    "AdaBoostClassifier": {"n_estimators": 10},
    "BaggingClassifier": {"estimator": DecisionTreeClassifier(**_TREE), "random_state": 0},
    "CalibratedClassifierCV": {"estimator": DecisionTreeClassifier(**_TREE), "cv": 3},
    "CCA": {"n_components": 1},
    "ExtraTreesClassifier": {"n_estimators": 20},
    "FixedThresholdClassifier": {"estimator": LogisticRegression(), "threshold": 0.2},
    "GradientBoostingClassifier": {"n_estimators": 20},
    "GridSearchCV": {"estimator": DecisionTreeClassifier(**_TREE), "param_grid": {"max_depth": [2, 4]}, "cv": 3},
    "MLPClassifier": {"hidden_layer_sizes": (8,), "max_iter": 50},
    "MLPRegressor": {"hidden_layer_sizes": (8,), "max_iter": 50},
    "OneVsOneClassifier": {"estimator": DecisionTreeClassifier(**_TREE)},
    "OneVsRestClassifier": {"estimator": DecisionTreeClassifier(**_TREE)},
    "OutputCodeClassifier": {"estimator": DecisionTreeClassifier(**_TREE), "random_state": 0},
    "PLSCanonical": {"n_components": 1},
    "PLSRegression": {"n_components": 1},
    "RadiusNeighborsClassifier": {"radius": 50.0},
    "RadiusNeighborsRegressor": {"radius": 50.0},
    "RandomForestClassifier": {"n_estimators": 20},
    "RandomizedSearchCV": {
        "estimator": DecisionTreeClassifier(**_TREE),
        "param_distributions": {"max_depth": [2, 4]},
        "n_iter": 2,
        "cv": 3,
    },
    "SelfTrainingClassifier": {"estimator": DecisionTreeClassifier(**_TREE)},
    "StackingClassifier": {"estimators": _PAIR},
    "StackingRegressor": {"estimators": [("tree", DecisionTreeRegressor(**_TREE)), ("linear", LinearRegression())]},
    "TunedThresholdClassifierCV": {"estimator": DecisionTreeClassifier(**_TREE), "cv": 3},
    "VotingClassifier": {"estimators": _PAIR, "voting": "soft"},
    "VotingRegressor": {"estimators": [("tree", DecisionTreeRegressor(**_TREE)), ("linear", LinearRegression())]},
}
# several columns of labels or values, or one column of inputs: the zoo's tables have one and four
ANOTHER_TABLE = {
    "ClassifierChain",
    "IsotonicRegression",
    "MultiOutputClassifier",
    "MultiOutputRegressor",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "RegressorChain",
}


def tables() -> tuple[Array, Array, Array]:
    """Samples above 0 (160, 4), their classes, and their values above 0."""
    X, y = make_classification(160, 4, n_informative=4, n_redundant=0, flip_y=0.1, random_state=0)
    X = X - X.min(axis=0) + 0.1
    values = X @ np.array([1.0, 2.0, -1.0, 0.5]) + 0.1 * np.random.default_rng(0).normal(size=len(X))
    return X, y, values - values.min() + 1.0


def estimators(kind: str) -> dict[str, Callable[[], Any]]:
    """Every classifier or regressor of scikit-learn that fits the tables."""
    fitting = {name: made for name, made in all_estimators(kind) if name not in ANOTHER_TABLE}
    return {
        name: lambda made=made, name=name: _seeded(made(**ARGUMENTS.get(name, {}))) for name, made in fitting.items()
    }


def _seeded(estimator: Any) -> Any:
    return estimator.set_params(random_state=0) if "random_state" in estimator.get_params() else estimator


def searches() -> dict[str, Callable[[], Any]]:
    """Searches over the arguments of a tree, and a vote of labels."""
    from sklearn.ensemble import VotingClassifier
    from sklearn.model_selection import GridSearchCV, RandomizedSearchCV

    made: dict[str, Callable[[], Any]] = {
        kind.__name__: lambda kind=kind: kind(**ARGUMENTS[kind.__name__]) for kind in (GridSearchCV, RandomizedSearchCV)
    }
    return made | {"VotingClassifier, hard": lambda: VotingClassifier(_PAIR, voting="hard")}


def boosters(kind: str) -> dict[str, Callable[[], Any]]:
    """Classifiers or regressors ("Classifier", "Regressor") of the three boosting libraries."""
    settings: dict[str, tuple[str, dict[str, Any]]] = {
        "xgboost": ("XGB", {"n_estimators": 10}),
        "lightgbm": ("LGBM", {"n_estimators": 10, "verbosity": -1}),
        "catboost": ("CatBoost", {"iterations": 10, "verbose": 0, "allow_writing_files": False, "thread_count": 1}),
    }
    return {
        f"{short}{kind}": partial(getattr(__import__(library), f"{short}{kind}"), **words)
        for library, (short, words) in settings.items()
    }


def others() -> dict[str, Callable[[], Any]]:
    """A pipeline of imbalanced-learn, and a network in skorch."""
    import torch
    from imblearn.ensemble import BalancedRandomForestClassifier
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.pipeline import make_pipeline
    from skorch import NeuralNetClassifier

    def network() -> Any:
        torch.manual_seed(0)
        module = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2), torch.nn.Softmax(1))
        return NeuralNetClassifier(
            module, criterion=torch.nn.NLLLoss, max_epochs=3, verbose=0, train_split=None, iterator_train__shuffle=False
        )

    return {
        "imbalanced-learn: sampler and tree": lambda: make_pipeline(
            RandomOverSampler(random_state=0), DecisionTreeClassifier(**_TREE)
        ),
        "imbalanced-learn: balanced forest": lambda: BalancedRandomForestClassifier(10, random_state=0),
        "skorch": network,
    }
