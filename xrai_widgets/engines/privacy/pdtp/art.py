"""PDTP as the Adversarial Robustness Toolbox computes it."""

from typing import Any

import numpy as np

from xrai_widgets.core import Array, Finding, NotApplicable, Step
from xrai_widgets.engines.privacy.pdtp.finding import Leakage, pdtp_finding


def by_art(
    X: Array,
    y: Array,
    model: Any,
    chosen: Array,
    ids: Array,
    classes: tuple[Any, ...],
    repeats: int,
    step: Step,
) -> Finding:
    """Return ART's ratios in the form of a finding."""
    from art.estimators.classification import SklearnClassifier
    from art.metrics import PDTP
    from sklearn.base import clone

    native = "implementation='native'"
    if not hasattr(model, "predict_proba") or hasattr(model, "feature_names_in_") or X.ndim != 2:
        raise NotApplicable("ART's PDTP takes a scikit-learn classifier fitted on a plain array", native)
    step(0.0, "Adversarial Robustness Toolbox (cannot say how far it is)")
    target, fresh = SklearnClassifier(model), SklearnClassifier(clone(model))
    ratios, _, _ = PDTP(target, fresh, X, y, indexes=chosen, num_iter=repeats)
    note = (
        "By ART: the largest ratio at any training sample, in 100 bins, training noise included: no null is taken off."
    )
    nothing = np.empty((len(chosen), 0))
    leak = Leakage(chosen, float(np.log(199)), nothing, nothing, (note,), len(chosen))
    leak.raw[:] = np.log(ratios)
    return pdtp_finding(leak, y, ids, classes, False)
