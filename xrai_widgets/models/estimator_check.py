"""Which scikit-learn estimators are no models of one label or value per sample."""

from typing import Any

import numpy as np

from xrai_widgets.models.adapted import Refused


def check_estimator(model: Any) -> None:
    """Refuse an unfitted, multi-output, text or unsupervised estimator by name."""
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    if isinstance(model, type):
        raise TypeError(f"the model must be a fitted estimator, got the class {model.__name__}: call it, then fit")
    try:
        check_is_fitted(model)
    except NotFittedError:
        raise Refused(f"the model must be fitted, got a {type(model).__name__} that is not: call fit first") from None
    beside = text_columns(model)
    for part in parts_of(model):
        if _is_vectorizer(part) and not beside:
            raise Refused(
                f"text models are not supported: the model holds a {type(part).__name__}; allowed: tables (with a "
                "column of text beside others, by a ColumnTransformer) and images"
            )
        if not hasattr(part, "steps") and _gives_several(part):  # a pipeline: its last step is named
            raise Refused(
                f"multi-label and multi-output models are not supported: {type(part).__name__} predicts several "
                "outputs; allowed: one label or value per sample"
            )


def text_columns(model: Any) -> list[list[Any]]:
    """Return the names of the columns that vectorizers of words read in a ColumnTransformer that reads others, too."""
    groups = []
    for part in parts_of(model):
        if type(part).__name__ != "ColumnTransformer":
            continue
        used = [(step, columns) for _, step, columns in part.transformers_ if step != "drop" and np.size(columns)]
        words = [columns for step, columns in used if any(map(_is_vectorizer, parts_of(step)))]
        if 0 < len(words) < len(used):
            groups += [_names(part, columns) for columns in words]
    return groups


def _names(transformer: Any, columns: Any) -> list[Any]:
    names_in = np.asarray(getattr(transformer, "feature_names_in_", []), dtype=object)
    if isinstance(columns, str) or (isinstance(columns, list) and all(isinstance(name, str) for name in columns)):
        return [columns] if isinstance(columns, str) else columns
    return list(np.atleast_1d(names_in[columns])) if names_in.size else []


def _is_vectorizer(part: Any) -> bool:
    return type(part).__module__.startswith("sklearn.feature_extraction.text")


def _gives_several(part: Any) -> bool:
    outputs = getattr(part, "n_outputs_", 1)
    several = isinstance(outputs, int | np.integer) and bool(outputs > 1)
    if type(part).__name__ == "MLPClassifier":  # its outputs are the classes, of which a softmax makes one
        several = several and getattr(part, "out_activation_", "softmax") != "softmax"
    classes = getattr(part, "classes_", None)
    nested = isinstance(classes, list) and any(isinstance(labels, list | np.ndarray) for labels in classes)
    family = any(base.__module__ == "sklearn.multioutput" for base in type(part).__mro__)
    marked = family or bool(getattr(part, "multilabel_", False))
    binarizer = getattr(part, "_label_binarizer", None)
    return several or nested or marked or str(getattr(binarizer, "y_type_", "")).startswith("multilabel")


def parts_of(model: Any) -> list[Any]:
    """Return the model and the fitted estimators inside it: steps, columns, unions, the best of a search."""
    nested = [step for _, step in getattr(model, "steps", [])]
    nested += [step for _, step, *_ in getattr(model, "transformers_", [])]
    nested += [step for _, step in getattr(model, "transformer_list", [])]
    members = getattr(model, "estimators_", None)
    nested += list(members) if isinstance(members, list) else []
    nested += [getattr(model, name, None) for name in ("best_estimator_", "estimator_", "regressor_")]
    nested += [getattr(inner, "estimator", None) for inner in getattr(model, "calibrated_classifiers_", [])]
    return [
        model,
        *(part for step in nested if step is not None and not isinstance(step, str) for part in parts_of(step)),
    ]
