"""Detectors keep scikit-learn's contract, and score each row by itself."""

from typing import Any

from sklearn.utils.estimator_checks import parametrize_with_checks

from xrai_widgets.engines.ood.estimators.knn import KNNDetector
from xrai_widgets.engines.ood.estimators.mahalanobis import MahalanobisDetector
from xrai_widgets.engines.ood.estimators.outputs import EnergyDetector, GENDetector, MaxSoftmaxDetector

DETECTORS = [MahalanobisDetector(), KNNDetector(), EnergyDetector(), GENDetector(), MaxSoftmaxDetector()]


def _own_rows(estimator: Any) -> dict[str, str]:
    why = "its own rows are never foreign to it: they lie at distance 0 from themselves"
    return dict.fromkeys(("check_outliers_train", "check_outliers_fit_predict"), why) if estimator.holds_rows else {}


@parametrize_with_checks(DETECTORS, expected_failed_checks=_own_rows)
def test_scikit_learns_checks_pass(estimator: Any, check: Any) -> None:
    check(estimator)
