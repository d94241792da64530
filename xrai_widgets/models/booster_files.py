"""Boosters in the files of their own libraries: XGBoost, LightGBM and CatBoost, asked on one thread."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core.subject import Array, Task
from xrai_widgets.models.adapted import Refused
from xrai_widgets.models.frame import few, same_columns

LIBRARIES = {".ubj": "xgboost", ".json": "xgboost", ".txt": "lightgbm", ".cbm": "catboost"}
_SHARES = ("binary:logistic", "multi:softprob", "multi:softmax", "binary", "multiclass", "Logloss", "MultiClass")
_VALUES = (
    *("reg:squarederror", "reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror", "reg:quantileerror"),
    *("reg:gamma", "reg:tweedie", "count:poisson", "regression", "regression_l1", "huber", "fair", "poisson"),
    *("quantile", "mape", "gamma", "tweedie", "RMSE", "MAE", "Quantile", "MAPE", "Poisson", "Huber", "Tweedie"),
    *("Expectile", "LogCosh"),
)


class BoosterFile:
    """The bytes of a booster's file; its library opens them when it is first asked, in every process anew.

    Called with samples (a DataFrame, or an array), it returns (n, k) class probabilities or (n,) values, by the
    objective it was trained for and the best iteration it knows of.

    Parameters
    ----------
    content : bytes
    ending : {".ubj", ".json", ".txt", ".cbm"}

    Attributes
    ----------
    features : tuple of str
        Names of the columns; empty where the booster has none of its own.
    width : int
    task : {"classification", "regression"}
    labels : tuple
        Of the classes, where the file says so (CatBoost); else empty.

    Raises
    ------
    Refused
        if it was trained for something else, such as ranking, or takes categories that its file does not name.
    """

    def __init__(self, content: bytes, ending: str) -> None:
        self.content, self.ending = content, ending
        self.features: tuple[str, ...] = ()
        self.width = 0
        self.labels: tuple[Any, ...] = ()
        self._predict: Callable[[Any], Any] | None = None
        self._class: Callable[[Any], Any] | None = None
        objective = self._open()
        if objective not in (*_SHARES, *_VALUES):
            raise Refused(
                f"a booster must classify or give values, got one for {objective!r}; allowed: "
                f"{', '.join((*_SHARES, *_VALUES)[:8])}, … ({len(_SHARES) + len(_VALUES)} in all): audit it in a "
                "notebook of your own, as a function that returns probabilities"
            )
        self.task: Task = "classification" if objective in _SHARES else "regression"

    @property
    def library(self) -> str:
        """Name of the library."""
        return LIBRARIES[self.ending]

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_predict": None, "_class": None}

    def __deepcopy__(self, _: Any) -> "BoosterFile":
        return self  # nothing in it can be changed

    def __call__(self, samples: Any) -> Array:
        """Return (n, k) probabilities, or (n,) values."""
        if self._predict is None:
            self._open()
        assert self._predict is not None
        out = np.asarray(self._predict(self._columns(samples)), dtype=np.float64)
        if self.task == "classification" and out.ndim == 1:
            return np.column_stack([1.0 - out, out])
        return out

    @property
    def decide(self) -> Callable[[Any], Array] | None:
        """Samples → (n,) numbers of the classes, where the file may hold a threshold of its own (CatBoost)."""
        return self._decided if self.labels else None

    def _decided(self, samples: Any) -> Array:
        if self._class is None:
            self._open()
        assert self._class is not None
        places = {str(label): place for place, label in enumerate(self.labels)}
        return np.array([places[str(label)] for label in np.ravel(self._class(self._columns(samples)))], dtype=np.int64)

    def _columns(self, samples: Any) -> Any:
        """Return the samples with the columns that it takes, in its order."""
        if samples.shape[1] != self.width:
            raise Refused(f"X must have {self.width} features, those of the booster, got {samples.shape[1]}")
        if isinstance(samples, pd.DataFrame) and self.features:
            named = samples.rename(columns=str)
            same_columns(named, list(self.features), "X", "those of the booster")
            return named[list(self.features)]
        return samples

    def _open(self) -> str:
        """Open the file; return the objective."""
        opened: str = {"xgboost": self._xgboost, "lightgbm": self._lightgbm, "catboost": self._catboost}[self.library]()
        return opened

    def _xgboost(self) -> str:
        import json

        import xgboost

        booster = xgboost.Booster({"nthread": 1, "verbosity": 0})
        booster.load_model(bytearray(self.content))
        booster.set_param({"nthread": 1})
        objective = str(json.loads(booster.save_config())["learner"]["objective"]["name"])
        if objective == "multi:softmax":  # the same trees, asked for shares instead of labels
            booster.set_param({"objective": "multi:softprob"})
        if "c" in (booster.feature_types or []):
            raise Refused(
                "a booster of XGBoost with categorical columns does not say what its categories are in every version: "
                "encode them in a pipeline and export that to ONNX, or audit it in a notebook of your own"
            )
        self.features, self.width = tuple(booster.feature_names or ()), int(booster.num_features())
        best = booster.attr("best_iteration")
        rounds = (0, int(best) + 1) if best is not None else (0, 0)

        def predict(samples: Any) -> Any:
            _refuse_words(samples)
            numbers = np.asarray(samples, dtype=np.float64)
            names = booster.feature_names
            return booster.predict(xgboost.DMatrix(numbers, feature_names=names, nthread=1), iteration_range=rounds)

        self._predict = predict
        return objective

    def _lightgbm(self) -> str:
        import lightgbm

        text = self.content.decode("utf-8")
        booster = lightgbm.Booster(model_str=text)
        objective = next((line for line in text.splitlines() if line.startswith("objective=")), "objective=none")
        names = booster.feature_name()
        self.width = int(booster.num_feature())
        self.features = () if names == [f"Column_{place}" for place in range(self.width)] else tuple(map(str, names))
        words = booster.pandas_categorical or []

        def predict(samples: Any) -> Any:
            asked = samples
            if isinstance(samples, pd.DataFrame):
                asked = _as_categories(samples, words)
                asked = asked if words else asked.to_numpy(dtype=np.float64)
            return booster.predict(asked, num_threads=1)

        self._predict = predict
        return objective.partition("=")[2].split(" ")[0]

    def _catboost(self) -> str:
        import catboost  # type: ignore[import-untyped]  # it has no types

        booster = catboost.CatBoost()
        booster.load_model(blob=self.content)
        names = [str(name) for name in booster.feature_names_]
        self.width = len(names)
        self.features = () if names == [str(place) for place in range(self.width)] else tuple(names)
        self.labels = tuple(np.asarray(booster.classes_).tolist())
        words = booster.get_cat_feature_indices()
        shares = {"prediction_type": "Probability"} if self.labels else {}
        objective = str(booster.get_all_params().get("loss_function", "none")).partition(":")[0]
        if objective in ("Poisson", "Tweedie"):
            shares = {"prediction_type": "Exponent"}

        def asked(how: Mapping[str, str], samples: Any) -> Any:
            frame = samples if isinstance(samples, pd.DataFrame) else pd.DataFrame(np.asarray(samples))
            frame = frame.copy()
            for place in words:
                column = frame.columns[place]
                frame[column] = frame[column].astype(object)
            pool = catboost.Pool(frame, cat_features=words or None)
            return booster.predict(pool, thread_count=1, **how)

        self._predict = partial(asked, shares)
        self._class = partial(asked, {"prediction_type": "Class"})
        return objective


def _refuse_words(samples: Any) -> None:
    if isinstance(samples, pd.DataFrame):
        words = [str(name) for name in samples.columns if samples[name].dtype.kind not in "iufb"]
        if words:
            raise Refused(f"the booster takes numbers, but the column(s) {few(words)} hold text: encode them")


def _as_categories(samples: pd.DataFrame, words: Sequence[Sequence[Any]]) -> pd.DataFrame:
    """Return the samples with columns of text as categories: the booster's own, in the order of the columns."""
    named = [name for name in samples.columns if samples[name].dtype.kind not in "iufb"]
    if len(named) != len(words):
        raise Refused(
            f"the booster was trained with {len(words)} columns of categories, got {len(named)} of text: {few(named)}"
        )
    changed = {
        name: pd.Categorical(samples[name], categories=list(categories))
        for name, categories in zip(named, words, strict=True)
    }
    return samples.assign(**{str(name): column for name, column in changed.items()}) if changed else samples
