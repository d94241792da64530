"""Detectors keep scikit-learn's contract, and score each row by itself."""

from typing import Any

from sklearn.utils.estimator_checks import parametrize_with_checks

from xrai_widgets.engines.ood.estimators.ensemble import EnsembleDetector
from xrai_widgets.engines.ood.estimators.forests import (
    IsolationForestDetector,
    LocalOutlierFactorDetector,
    ShuffleForestDetector,
)
from xrai_widgets.engines.ood.estimators.knn import KNNDetector
from xrai_widgets.engines.ood.estimators.mahalanobis import MahalanobisDetector
from xrai_widgets.engines.ood.estimators.outputs import EnergyDetector, GENDetector, MaxSoftmaxDetector
from xrai_widgets.engines.ood.estimators.table_encoder import TableEncoder

DETECTORS = [
    MahalanobisDetector(),
    KNNDetector(),
    EnergyDetector(),
    GENDetector(),
    MaxSoftmaxDetector(),
    ShuffleForestDetector(n_estimators=10),
    IsolationForestDetector(n_estimators=10),
    LocalOutlierFactorDetector(),
    EnsembleDetector([("mahalanobis", MahalanobisDetector()), ("knn", KNNDetector())]),
]


def _own_rows(estimator: Any) -> dict[str, str]:
    why = "its own rows are never foreign to it: it knows them by heart"
    by_heart = isinstance(estimator, KNNDetector | ShuffleForestDetector)
    return dict.fromkeys(("check_outliers_train", "check_outliers_fit_predict"), why) if by_heart else {}


@parametrize_with_checks([*DETECTORS, TableEncoder()], expected_failed_checks=_own_rows)  # type: ignore[untyped-decorator]  # without types
def test_scikit_learns_checks_pass(estimator: Any, check: Any) -> None:
    check(estimator)
