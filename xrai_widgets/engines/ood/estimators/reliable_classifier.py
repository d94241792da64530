"""A classifier that predicts or abstains: where an alarm rings, the model is not trusted."""

from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils.validation import check_is_fitted

from xrai_widgets.core import Array
from xrai_widgets.engines.ood import _conformal as conformal
from xrai_widgets.engines.ood._alarm import ENOUGH, Alarm, calibrated, cross_calibrated, split_calibrated
from xrai_widgets.engines.ood._asked import Asked, AskedSubject, asked


class ForeignInput(ValueError):
    """Rows for which the alarm rings.

    Attributes
    ----------
    rows : int array
        Their places in the call.
    p_values : array
    """

    def __init__(self, rows: Array, p_values: Array, alpha: float) -> None:
        self.rows, self.p_values = rows, p_values
        places = ", ".join(map(str, rows[:5].tolist())) + (", …" if len(rows) > 5 else "")
        super().__init__(
            f"{len(rows)} of the rows are foreign at α = {alpha:g} (rows {places}; smallest p-value "
            f"{float(p_values.min()):.3g}): look at them, or pass on_foreign='mask' to get the other predictions"
        )
        self._alpha = alpha

    def __reduce__(self) -> tuple[Any, ...]:  # workers send it home
        return type(self), (self.rows, self.p_values, self._alpha)


class ReliableClassifier(BaseEstimator):  # type: ignore[misc]  # without types
    """Join a fitted model and a detector of foreign inputs: predict, or abstain where a row is too foreign.

    Parameters
    ----------
    model : estimator, Subject, torch module or function
        Fitted; it is asked, and never changed. A function gives labels (n,), or scores or probabilities (n, k) of the
        classes 0…k−1; a torch module logits or probabilities (n, k).
    detector : estimator
        One of ``xrai_widgets.engines.ood.estimators``, or any with ``fit`` and ``score_samples`` (high is normal), as
        a pipeline. A copy is fitted.
    features : callable, optional
        Rows → array (n, d) that the detector looks at: embeddings, logits. By default the rows themselves.
    alpha : float
        Share of normal rows for which it may abstain.
    on_foreign : {"mask", "raise"}
        `predict` returns a masked array, or raises `ForeignInput`.
    random_state : int
        Of the split into rows that fit and rows that calibrate.

    Attributes
    ----------
    n_calibration_ : int
        Rows that calibrate.
    smallest_alpha_ : float
        1 / (n + 1): below it the alarm cannot ring.
    guarantee_ : float
        What the share of false alarms is at most, on average: α, or 2α where it is calibrated fold by fold.

    Notes
    -----
    p = (1 + number of calibrating rows that are as foreign) / (n + 1) (split conformal; Vovk et al. 2005). Of fewer
    than 500 rows each tenth is scored by a detector fitted on the others (cross-conformal; Vovk 2015).
    """

    alarm_: Alarm
    asked_: Asked

    def __init__(
        self,
        model: Any,
        detector: Any,
        features: Callable[[Any], Any] | None = None,
        alpha: float = 0.05,
        *,
        on_foreign: Literal["mask", "raise"] = "mask",
        random_state: int = 0,
    ) -> None:
        self.model, self.detector, self.features, self.alpha = model, detector, features, alpha
        self.on_foreign, self.random_state = on_foreign, random_state

    def fit(self, X: Any, y: Any = None, *, X_calibration: Any = None) -> Self:
        """Fit and calibrate the alarm; the model stays as it is.

        Parameters
        ----------
        X : array (n, …)
            Normal rows. Without ``X_calibration`` half of them calibrate, or each tenth in turn: then they must be rows
            that the model was not trained on, if the features ask the model.
        y : array (n,), optional
            Their classes, for detectors that use them.
        X_calibration : array (m, …), optional
            Normal rows that neither model nor detector learned from.

        Raises
        ------
        ValueError
            if the alarm could never ring at α, naming the smallest α.
        TypeError
            for a model that cannot be asked.
        """
        if not 0 < self.alpha <= 0.5:
            raise ValueError(f"alpha must lie in (0, 0.5], got {self.alpha!r}")
        if self.on_foreign not in ("mask", "raise"):
            raise ValueError(f"on_foreign must be 'mask' or 'raise', got {self.on_foreign!r}")
        self.asked_ = asked(self.model, X)
        rows, labels = self._features(X), None if y is None else np.asarray(y)
        if X_calibration is not None:
            self.alarm_ = calibrated(clone(self.detector).fit(rows, labels), self._features(X_calibration))
        elif len(rows) < ENOUGH:
            self.alarm_ = cross_calibrated(self.detector, rows, labels, self.random_state)
        else:
            self.alarm_ = split_calibrated(self.detector, rows, labels, 0.5, self.random_state)
        self.n_calibration_, self.smallest_alpha_ = self.alarm_.n, self.alarm_.smallest_alpha
        self.guarantee_ = self.alpha * self.alarm_.factor
        if conformal.rank(self.alpha, self.n_calibration_) < 1:
            need = int(np.ceil(1 / self.alpha - 1e-9)) - 1
            raise ValueError(
                f"alpha must be at least {self.smallest_alpha_:.3g} with {self.n_calibration_} rows that calibrate, or "
                f"the alarm can never ring, got {self.alpha!r}: it takes {need} rows"
            )
        return self

    def score_samples(self, X: Any) -> Array:
        """Return how normal each row (n, …) is to the detector: higher is more normal."""
        return -self._ask(X)[0]

    def p_values(self, X: Any) -> Array:
        """Return for each row the share of normal rows that are as foreign: at most α is foreign."""
        return self._ask(X)[1]

    def foreign(self, X: Any) -> Array:
        """Return the mask of the rows for which the alarm rings."""
        return conformal.rings(self.p_values(X), self.alpha)

    def discoveries(self, X: Any, rate: float = 0.1) -> Array:
        """Return which rows of a batch are picked out, at most a share ``rate`` of them falsely (Bates et al. 2023)."""
        return conformal.discoveries(self.p_values(X), rate)

    def predict(self, X: Any) -> Any:
        """Return the model's predictions, masked where it abstains; or raise `ForeignInput`."""
        return self._unless_foreign(X, self._asked().predict)

    def predict_proba(self, X: Any) -> Any:
        """Return the model's probabilities (n, k), masked where it abstains; or raise `ForeignInput`."""
        return self._unless_foreign(X, self._asked().predict_proba)

    @property
    def classes_(self) -> Any:
        """The model's classes."""
        return self._asked().classes_

    def _unless_foreign(self, X: Any, ask: Callable[[Any], Any]) -> Any:
        p = self.p_values(X)
        away = conformal.rings(p, self.alpha)
        if self.on_foreign == "raise" and away.any():
            raise ForeignInput(np.flatnonzero(away), p[away], self.alpha)
        outputs = np.asarray(ask(X))
        mask = np.broadcast_to(away.reshape((-1,) + (1,) * (outputs.ndim - 1)), outputs.shape)
        return np.ma.masked_array(outputs, mask)  # type: ignore[no-untyped-call]  # without types

    def _ask(self, X: Any) -> tuple[Array, Array]:
        check_is_fitted(self, "alarm_")
        return self.alarm_.ask(self._features(X))

    def _features(self, X: Any) -> Any:
        if self.features is not None:
            return np.asarray(self.features(X))
        return self.asked_.rows(X) if isinstance(self.asked_, AskedSubject) else X

    def _asked(self) -> Asked:
        check_is_fitted(self, "asked_")
        return self.asked_
