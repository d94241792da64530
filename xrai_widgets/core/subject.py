"""One fitted model and the data that the claims are about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy.typing as npt

from xrai_widgets.core.batch import Batched
from xrai_widgets.core.capability import says, sees_inside
from xrai_widgets.core.constraint import Constraint
from xrai_widgets.core.fingerprint import Identified
from xrai_widgets.core.inside import Layers, Trees
from xrai_widgets.core.missing import holes
from xrai_widgets.core.names import Decode, names_of
from xrai_widgets.core.origin import Origin
from xrai_widgets.core.segments import groups_of
from xrai_widgets.core.undefended import Undefended

if TYPE_CHECKING:
    from typing import Self

    from xrai_widgets.core.outcome import Outcome

Array = npt.NDArray[Any]
Predict = Callable[[Array], Array]
Gradient = Callable[[Array, Array], Array]
Task = Literal["classification", "regression"]
Outputs = Literal["probabilities", "labels", "values"]


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Subject(Identified, Batched):
    """One fitted model and the data the claims are about. A missing optional field *is* the missing capability.

    Parameters
    ----------
    name, task : str
        What the model is called; "classification" or "regression".
    model : object
        The user's own model; engines never touch it.
    predict : callable
        (n, …) → float64 (n, k) class probabilities, or (n,) values in regression.
    X, y, ids : array
        Held-out samples of the distribution the model was made for, and their names. ``X`` is float64 (n, d), a column
        per original one and NaN where a number is missing, or float32 (n, channels, height, width). ``y`` is int 0…k−1,
        or float in regression.
    X_train, y_train, train_ids : array, optional
        What the model was trained on.
    X_new, y_new, new_ids, foreign : array, optional
        A batch to be judged; foreign: bool per row. Codes after the last category are words that only X_new holds.
    gradient, logit_gradient : callable, optional
        (X, y) → derivative with respect to X, in its shape: of the cross-entropy, or of a regression's prediction;
        (X, V) → of the logits, summed with weights V (n, k), or V(logits) where the callable is ``steerable``.
    logits, embed : callable, optional
        (n, …) → (n, k) before the softmax; (n, …) → (n, e) features of the last hidden layer.
    regions : array (2, leaves, d), optional
        Closed boxes with one prediction each: leaves of a tree. (3, …) where numbers are missing: 1 if it leads there.
    linear : (array (k, d), array (k,)), optional
        Weights and intercepts of scores, linear in the flattened columns of X, whose largest one is the label; a
        regression has one row, which is the prediction. They speak of rows without missing numbers.
    thresholds : tuple of arrays, optional
        For each column of X the values, or codes, at which a model made of trees splits, rising.
    trees, layers : Trees, Layers, optional
        All trees of a classifier, its splits in the columns of X; weights and activations of a network on numbers.
    decide, undefended : callable, Undefended, optional
        (n, …) → int (n,): the classes that the model itself decides for; None: the most probable ones. What the model
        was before it was defended.
    fit : callable, optional
        ``fit(X, y, *, seed, sample_weight=None, rows=None)`` → predict function of a fresh clone; ``rows`` are places
        in X_train, −1 for other samples, and a seed of None is the model's own.
    bounds : array (2, d), optional
        Lowest and highest allowed value per flattened feature.
    feature_names, classes, constraints, expected : tuple
        Names of columns; original labels of the classes 0…k−1; of each column a Constraint and, where any is stated,
        what must hold of the score when it changes: "rising", "falling", "invariant" or "".
    decode, image_shape : callable, tuple of int, optional
        (n, d) → DataFrame in the user's own columns and units; (channels, height, width) of image inputs.
    groups, train_groups, new_groups, outputs
        Subgroup of each row of X, of X_train, of X_new; "probabilities", "labels" or "values".
    state, origin : str, Origin
        Digest of the model's parameters, and how the subject was made, where known.
    trained_with, frozen, seeded : tuple of str, tuple of str, bool
        What ``fit`` hands on beside samples and labels ("fit": it is the user's own), the parts that it leaves as
        they are, and whether the model's own random state settles all chance.
    unstable, notes : float, tuple of str
        Largest difference between predictions for the same sample, asked twice, in another order and alone; what the
        reader must know about how model and data were understood.
    """

    name: str
    task: Task
    model: object
    predict: Predict
    X: Array
    y: Array
    ids: Array
    X_train: Array | None = says("training samples: pass X_train= to Subject.of")
    y_train: Array | None = says("their labels: pass y_train= to Subject.of")
    train_ids: Array | None = None
    X_new: Array | None = says("new samples: pass X_new= to Subject.of")
    y_new: Array | None = says("labels of the new samples: pass y_new= to Subject.of")
    new_ids: Array | None = None
    foreign: Array | None = says("which new samples are foreign: pass foreign= to Subject.of")
    gradient: Gradient | None = sees_inside("gradients (torch modules, linear models and MLPs on numbers have them)")
    logit_gradient: Gradient | None = sees_inside("gradients of logits (what has gradients as a classifier has them)")
    logits: Predict | None = sees_inside("logits (a torch module has them)")
    embed: Predict | None = sees_inside("features of the last hidden layer (a torch module has them)")
    regions: Array | None = sees_inside("the leaves of a single tree on numeric columns")
    linear: tuple[Array, Array] | None = sees_inside("the weights of a linear model on numeric columns")
    thresholds: tuple[Array, ...] | None = sees_inside("the split values of a model made of trees")
    trees: Trees | None = sees_inside("the trees of a single tree, forest or boosting classifier")
    layers: Layers | None = sees_inside("the weights of a small network of linear layers on numeric columns")
    decide: Predict | None = sees_inside("a decision of the model's own that is not its most probable class")
    undefended: Undefended | None = sees_inside("a defence to measure: xw.defended, --defend or a defended copy")
    fit: Callable[..., Predict] | None = says(
        "refitting (a scikit-learn estimator can be cloned and refitted; for other models pass fit= to Subject.of)"
    )
    bounds: Array | None = says(
        "a model that predicts for changed inputs: a table of probabilities cannot be asked anything new"
    )
    feature_names: tuple[str, ...] = ()
    classes: tuple[Any, ...] = ()
    constraints: tuple[Constraint, ...] = ()
    expected: tuple[str, ...] = ()
    decode: Decode | None = None
    image_shape: tuple[int, int, int] | None = None
    groups: Array | None = says("subgroups: pass groups= to Subject.of")
    train_groups: Array | None = None
    new_groups: Array | None = says("subgroups of the new samples: pass new_groups= to Subject.of")
    outputs: Outputs = "probabilities"
    state: str | None = sees_inside()
    origin: Origin = Origin()
    trained_with: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    seeded: bool = False
    unstable: float = 0.0
    notes: tuple[str, ...] = ()
    naming = cached_property(names_of)

    @classmethod
    def of(
        cls,
        model: object,
        X: Any,
        y: Any = None,
        *,
        X_train: Any = None,
        y_train: Any = None,
        X_new: Any = None,
        y_new: Any = None,
        name: str | None = None,
        task: Task | None = None,
        classes: Sequence[Any] | None = None,
        ids: Any = None,
        train_ids: Any = None,
        new_ids: Any = None,
        foreign: Any = None,
        bounds: Any = None,
        constraints: Mapping[str, Constraint | Mapping[str, Any]] | None = None,
        feature_names: Sequence[str] | None = None,
        image_shape: Sequence[int] | None = None,
        groups: Any = None,
        train_groups: Any = None,
        new_groups: Any = None,
        fit: Callable[..., Any] | None = None,
        outputs: Literal["probabilities", "logits", "one-vs-rest", "labels", "values"] | None = None,
        preprocess: Callable[[Any], Any] | None = None,
        decide: Callable[[Any], Any] | None = None,
        sample_weight: Any = None,
        fit_params: Mapping[str, Any] | None = None,
    ) -> Self:
        """Make a subject from any supported kind of model.

        Parameters
        ----------
        model : object
            A fitted scikit-learn estimator or pipeline, a torch module, a Keras model, a function of the inputs, or
            None: then ``X`` is the table of class probabilities (or predicted values) itself. Both are copied. A dict
            or list of models on the same data gives a dict of subjects, by their keys or kinds.
        X, y : DataFrame, Series or array
            Held-out samples, NaN where a number is missing, and their true labels (or values). An outlier detector
            needs no labels: without them its own labels (1: inlier, -1: outlier) stand for the truth.
        X_train, y_train, X_new, y_new, foreign : optional
            The training samples; a batch to be judged, and True for each of its rows that is of another kind.
        name, task, classes : optional
            What the model is called, by default its class name; its task, guessed where that is possible; the labels
            in the order of the model's outputs, where the model does not say.
        ids, train_ids, new_ids : optional
            Names of the samples; by default the index of a DataFrame, else 0…n−1.
        bounds : (low, high), or mapping of column name to (low, high), optional
            Allowed range, as two numbers or two arrays of length d, in which ``X`` lies; by default that of the data.
            By name it is what a sample may become: one that lies outside may stay or come nearer.
        constraints : mapping of column name to Constraint, or to a mapping, optional
            A mapping changes single fields of what the data say: ``{"age": {"immutable": True, "range": (18, 75)}}``.
        feature_names, image_shape : sequence, optional
            Names of the columns; (height, width) or (channels, height, width) of flat image rows.
        groups, train_groups, new_groups : array or str, optional
            Subgroup of each row of ``X``, ``X_train`` and ``X_new``, or the column that says it: each is measured, too.
        fit : callable, optional
            ``fit(X, y, seed)`` trains the model anew on other rows, all chance by the seed, and returns it or its
            predict function; estimators are cloned without it. It may take ``sample_weight``, fit parameters and
            ``rows`` (places in ``X_train``, −1 for others), too.
        sample_weight : array, optional
            Weight of each row of ``X_train`` in the training. Other rows that a refit trains on get the mean weight.
        fit_params : mapping, optional
            What the training was given besides, as ``{"eval_set": [(X_valid, y_valid)]}``; lists and arrays of the
            length of ``X_train`` follow its rows.
        outputs : {"probabilities", "logits", "one-vs-rest", "labels", "values"}, optional
            What the outputs of a function, torch module, ONNX model or table are, where their range on the samples and
            on changed ones does not tell it. One column of logits or probabilities is that of class 1; one-vs-rest
            shares are divided by their sum.
        preprocess : callable, optional
            What is done to samples of the user's own before the model gets them, as ``lambda images: images / 255``.
        decide : callable, optional
            Samples → labels as in ``y``, where they are not the most probable ones: a threshold of one's own. By
            default the ``predict`` of an estimator, or the labels that an ONNX model gives beside its probabilities.

        Raises
        ------
        ValueError, TypeError
            naming what does not fit, what is allowed and what was given.
        """
        from xrai_widgets.models.adapt import describe, each

        given = {key: value for key, value in locals().items() if key not in {"cls", "describe", "each"}}
        if isinstance(model, Mapping | list | tuple):
            return {key: cls(**fields) for key, fields in each(given).items()}  # type: ignore[return-value]  # of several
        return cls(**describe(**given))

    def answering(
        self,
        predict: Predict,
        *,
        name: str | None = None,
        model: object = None,
        fit: Callable[..., Predict] | None = None,
        outputs: Outputs | None = None,
        **passed: Any,
    ) -> Self:
        """Return a copy with another predict function: a defence before the model, a control.

        Whatever sees inside the model (gradient, leaves, state …) speaks of the old function: dropped unless passed.

        Parameters
        ----------
        predict, name, model, fit, outputs : optional but for ``predict``
            As in a Subject; ``model`` is the function itself and ``fit`` is missing unless given.
        **passed
            Other fields of the copy, among them those that see inside the new function.

        Raises
        ------
        TypeError
            naming a field that a Subject does not have.
        """
        names = [f.name for f in fields(self)]
        unknown = [key for key in passed if key not in names]
        if unknown:
            raise TypeError(f"a Subject has no fields {unknown}; it has {names}")
        new: dict[str, Any] = {f.name: None for f in fields(self) if f.metadata.get("sees_inside")}
        new |= {"model": predict if model is None else model, "predict": predict, "fit": fit, "origin": Origin()}
        new |= {"name": name or self.name, "outputs": outputs or self.outputs}
        return replace(self, **{**new, **passed})

    def with_groups(self, outcome: Outcome) -> Self:
        """Return a copy whose ``groups`` are the weak segments that an outcome of robustness.weak_segments names."""
        return replace(self, groups=groups_of(self, outcome))

    def __repr__(self) -> str:
        return f"Subject({self.describe()})"

    @property
    def inputs(self) -> Literal["tabular", "image"]:
        """Kind of the inputs."""
        return "tabular" if self.image_shape is None else "image"

    @property
    def n_classes(self) -> int:
        """Number of classes; 0 in regression."""
        return len(self.classes) if self.task == "classification" else 0

    @property
    def missing(self) -> Array:
        """Mask of the cells of X that hold no number, in its shape."""
        return holes(self.X)

    def describe(self) -> str:
        """Return one line: what the model is and what data it is judged on."""
        kind = getattr(self.model, "kind", None) or type(self.model).__name__  # what lives in a cell says its kind
        parts = [f"{self.name} ({kind})" if self.model is not None else self.name]
        train = f"{len(self.X_train)} train / " if self.X_train is not None else ""
        new = f" / {len(self.X_new)} new" if self.X_new is not None else ""
        parts.append(f"{train}{len(self.X)} test{new} samples")
        size = f"images {'×'.join(map(str, self.image_shape))}" if self.image_shape else f"{self.X.shape[1]} features"
        task = f"{self.n_classes} classes" if self.task == "classification" else "regression"
        return " · ".join([*parts, size, task, *self.notes])
