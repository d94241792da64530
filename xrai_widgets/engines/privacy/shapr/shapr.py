"""SHAPr: which training samples does the model's output space lean on?"""

from typing import Annotated, Literal

import numpy as np

from xrai_widgets.core import UNNAMED, Array, Control, Finding, Names, NotApplicable, Predict, Score, assessment
from xrai_widgets.core.marks import Label, MemoryLimit, Range, Seed, When
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines.privacy.shapr.finding import shapr_finding
from xrai_widgets.engines.privacy.shapr.knn_shapley import Shapley, knn_shapley

_NATIVE = When("implementation", "native")


@assessment(
    title="SHAPr membership exposure",
    words={
        "knn_accuracy": "K-neighbour accuracy in output space",
        "shapr": "SHAPr",
        "shapr_p50": "SHAPr, median",
        "shapr_p95": "SHAPr, 95 % quantile",
        "shapr_p99": "SHAPr, 99 % quantile",
        "share_above": "share of samples above",
    },
    reference="Duddu, Szyller, Asokan 2021, arXiv:2112.02230",
    missing="kept",
    controls=(
        Control("constant", "anything", "all outputs are alike: no sample counts more than another of its class"),
        Control("memorising", "anything", "a full leak, and yet it need not be high: this measures no leak"),
        Control("shuffled", "anything", "your model, labels dealt at random: what accuracy by luck looks like"),
    ),
    score=Score(("shapr",), worse="higher"),
)
def shapr(
    predict: Predict,
    X_train: Array,
    y_train: Array,
    X: Array,
    y: Array,
    naming: Annotated[Names, "train_ids", "classes"] = UNNAMED,
    *,
    n_neighbors: Annotated[int, Range(1, 50), Label("neighbours"), "neighbours that vote for each test sample"] = 1,
    implementation: Annotated[
        Literal["native", "art"], "whose code computes it; art knows one neighbour only"
    ] = "native",
    permutations: Annotated[
        int, Range(0, 1000), _NATIVE, "times to permute the training labels, to show values that mean nothing"
    ] = 10,
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    step: Step = quiet,
) -> Finding:
    """Rank the training samples by their KNN-Shapley value in the model's output space.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities.
    X_train, y_train : array (n, …), int array (n,)
        Training samples, ranked.
    X, y : array (m, …), int array (m,)
        Held-out samples, whose labels the training samples vote on.
    naming : Names, optional

    Returns
    -------
    Finding
        ``knn_accuracy`` with a Wilson interval over test samples; ``shapr_p50``, ``_p95``, ``_p99`` over training
        samples, in units of the mean sample's share (values are multiplied by n), with order-statistic intervals.
        Table ``samples``: ``shapr`` per training sample, with Student's interval over test samples; ``classes``:
        median, quartiles and 95 % quantile with its interval by class; ``null``: share of the samples above a value, as
        measured (Wilson's interval) and with permuted training labels (2.5 to 97.5 % of the permutations).

    Raises
    ------
    ValueError
        if there are fewer training samples than neighbours.

    Interpretation
    --------------
    A high value means that this training sample, by itself, decides how many test samples are classified: an outsider
    who sees the outputs can tell that it took part more easily than others. Read the order and the tail, not the mean.

    Limitations
    -----------
    The mean over all samples equals the accuracy of the K-nearest-neighbour vote in output space (Shapley efficiency),
    so it measures accuracy and not leakage, and the values are not judged by default. A model that memorises noise can
    have low values throughout: use membership inference to see whether the model leaks at all. Permuted labels cannot
    fail for the same reason and give no threshold: they show what is accuracy and chance in the values.

    Recommendations
    ---------------
    Look at the most exposed samples first: are they rare groups, label errors, or people who withdrew consent? Remove
    or regularise, refit, and run membership inference to confirm that the leak is smaller.
    """
    if n_neighbors > len(X_train):
        raise ValueError(f"n_neighbors must be at most the {len(X_train)} training samples, got {n_neighbors}")
    if implementation == "art":
        result = _by_art(predict, X_train, y_train, X, y, n_neighbors, step)
    else:
        step(0.0, "outputs of the model")
        train, test = predict(X_train), predict(X)
        part = step.part(0.1, 1.0)
        rng = np.random.default_rng(seed)
        permuted = np.array([rng.permutation(y_train) for _ in range(permutations)]).reshape(permutations, len(y_train))
        k, memory = n_neighbors, memory_limit
        result = knn_shapley(train, y_train, test, y, n_neighbors=k, memory=memory, step=part, permuted=permuted)
    return shapr_finding(result, y_train, naming.train_ids, naming.classes, n_neighbors)


def _by_art(predict: Predict, X_train: Array, y_train: Array, X: Array, y: Array, k: int, step: Step) -> Shapley:
    if k != 1:
        raise NotApplicable(f"ART's SHAPr has one neighbour only, got n_neighbors={k}", "implementation='native'")
    from art.metrics import SHAPr

    from xrai_widgets.models.art import black_box

    step(0.0, "Adversarial Robustness Toolbox (cannot say how far it is)")
    classifier = black_box(predict, X_train.shape[1:], predict(X_train[:1]).shape[1])
    values = np.asarray(SHAPr(classifier, X_train, y_train, X, y), dtype=np.float64) / len(X_train)
    return Shapley(values, np.full(len(values), np.nan), np.full(len(X), values.sum()))
