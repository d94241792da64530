"""PDTP: what does the model say differently when one training sample is left out?"""

from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np

from xrai_widgets.core import (
    Array,
    Control,
    Finding,
    Measure,
    NotApplicable,
    Predict,
    Range,
    Step,
    When,
    assessment,
    quiet,
)
from xrai_widgets.engines.privacy._leave_one_out import closed_form
from xrai_widgets.engines.privacy._pdtp_finding import Leakage, pdtp_finding
from xrai_widgets.engines.privacy._pdtp_statistic import add, choose, scale
from xrai_widgets.engines.privacy._refits import Arms, Fit, Refits, exact_arms, is_deterministic, refitted_arms

_PROBES = 1000
_NATIVE = When("implementation", "native")


@assessment(
    title="PDTP: leakage by leaving one out",
    measures=(Measure("worst_excess", "lower", 0.0),),
    tasks=("classification", "regression"),
    reference="Long, Bindschaedler, Gunter 2017, arXiv:1712.09136",
    # "nothing removed" is the null of every sample already; the ids that are asked for may be absent from a control
    controls=(
        Control("constant", "no leak", params={"samples": ""}),
        Control("memorising", "leak", params={"samples": ""}),
    ),
)
def pdtp(
    predict: Predict,
    X_train: Array,
    y_train: Array,
    X: Array,
    fit: Fit,
    model: Any = None,
    task: str = "classification",
    train_ids: Array | None = None,
    classes: tuple[Any, ...] = (),
    *,
    n_samples: Annotated[int, Range(1, 1_000_000), "training samples to look at, drawn without replacement"] = 50,
    samples: Annotated[str, "ids of the training samples to look at, separated by commas, instead of a draw"] = "",
    at: Annotated[Literal["record", "all"], "compare the answers at the removed sample, or at all of them"] = "record",
    repeats: Annotated[int, Range(1, 1000), "refits in every mean; a deterministic learner needs one"] = 5,
    null_draws: Annotated[int, Range(5, 1000), "means with nothing removed, which show the noise", _NATIVE] = 20,
    closed_form_allowed: Annotated[bool, "compute instead of refitting where that is exact", _NATIVE] = True,
    binned: Annotated[bool, "round probabilities to the centres of 100 bins, as ART does", _NATIVE] = False,
    floor: Annotated[float, Range(1e-6, 0.1), "smallest probability that is told apart from 0", _NATIVE] = 0.005,
    implementation: Annotated[Literal["native", "art"], "whose code computes it; art shows no null"] = "native",
    seed: Annotated[int, Range(0, 2**31 - 1), "of the draw and of the refits"] = 0,
    memory_limit: Annotated[float, Range(0.05, 64), "GB that the working arrays may take"] = 1.0,
    step: Step = quiet,
) -> Finding:
    """Measure how much the model's answers change when a training sample is left out.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities, or (n,) values.
    X_train, y_train : array (n, …), array (n,)
        Training samples; each one that is looked at is left out in turn.
    X : array (m, …)
        Held-out samples, on which two fits are compared to see whether the learner is deterministic.
    fit : callable
        Trains a fresh clone: ``fit(X, y, seed=…)`` → predict.
    model : object, optional
        The fitted estimator; some kinds have a closed form.
    task : {"classification", "regression"}
    train_ids : array (n,), optional
    classes : tuple, optional
        Original labels.

    Returns
    -------
    Finding
        Classification: ``worst_excess``, ``mean_excess``, ``excess_p95``: the largest absolute log-ratio of a class
        probability with and without the sample, less its mean where nothing was removed; ``worst_ratio``: the raw
        ratio. Regression: the shift of the prediction in units of the left-out residuals' root mean square. Intervals:
        of the worst, simultaneous over the samples looked at, and open to the largest possible value while samples are
        left; of the mean, Student's with the finite-population correction; of the quantile, by order statistics.
        ``share_significant`` (Wilson): samples with a p-value of at most 5 %; chance gives 5 %. Table ``samples``:
        ratio, null, excess, interval, randomised rank p-value.

    Raises
    ------
    ValueError
        if an id is unknown, if refitted models give non-finite outputs, or if the arrays exceed the memory limit.
    NotApplicable
        if the estimator cannot be cloned.

    Interpretation
    --------------
    An excess of 0 means that nobody can tell whether the sample took part; 1 means that some answer becomes e = 2.7
    times as likely or unlikely by its presence, which is the point where the authors advise to act (their DTP-1 rule).

    Limitations
    -----------
    Leaving out one sample at a time says nothing about groups. The value holds for this training set and is no
    differential privacy guarantee. Probabilities below the floor are not told apart. A sample that was not looked at
    may leak more than the worst one found.

    Recommendations
    ---------------
    Look at the most exposed samples: rare cases and label errors lead the list. Regularise or train on more data, then
    run this again; for a guarantee train with differential privacy. Membership inference shows what an attacker makes
    of the leak.
    """
    step(0.0, "choosing samples")
    chosen = choose(samples, n_samples, train_ids, len(X_train), seed)
    regression = task == "regression"
    k = 0 if regression else predict(X_train[:1]).shape[1]
    if implementation == "art":
        return _by_art(X_train, y_train, model, chosen, train_ids, classes, repeats, step)
    if at == "all" and (size := len(X_train) * max(k, 1) * (null_draws + 1) * 8 / 2**30) > memory_limit:
        raise ValueError(f"at='all' needs {size:.2g} GB here, memory_limit must be at least that, got {memory_limit}")
    form = closed_form(model, X_train, y_train, predict) if closed_form_allowed else None
    if form is not None:
        arms = exact_arms(form, model, predict, X_train, y_train, chosen, k, at == "all")
    else:
        probes = np.concatenate([X_train[:_PROBES], X[:_PROBES]])
        arms = _refitted(fit, X_train, y_train, probes, chosen, k, at == "all", repeats, null_draws, seed, step)
    logs = None if regression else partial(scale, floor=floor, binned=binned)
    arms = arms if logs is None else replace(arms, reference=logs(arms.reference), null=logs(arms.null))
    bound = float("inf") if regression else float(np.log(1 / (0.005 if binned else floor)))
    leak = Leakage(chosen, arms.exact, bound)
    finish = partial(pdtp_finding, leak, y_train, train_ids, classes, regression, arms.notes)
    rng = np.random.default_rng((seed, 1))
    rest = step.part(0.3, 1.0)
    rows = [int(row) for row in chosen]
    answers = map(arms.ask, rows) if form is not None else rest.map(arms.ask, rows, "leaving one out")
    for place, without in enumerate(answers):
        add(leak, arms, logs, place, without, y_train, rng)
        rest((place + 1) / len(chosen), f"{place + 1} of {len(chosen)} left out", finish if leak.some else None)
    return finish()


def _refitted(
    fit: Fit,
    X: Array,
    y: Array,
    probes: Array,
    chosen: Array,
    k: int,
    everywhere: bool,
    repeats: int,
    null_draws: int,
    seed: int,
    step: Step,
) -> Arms:
    step(0.01, "is the learner deterministic?")
    try:
        fixed = is_deterministic(fit, X, y, probes, seed)
    except TypeError as error:  # scikit-learn's clone
        raise NotApplicable(f"the estimator cannot be trained anew: {error}", "privacy.membership_inference") from None
    refits = Refits(fit, X, y, 1 if fixed else repeats, k, seed, fixed)
    return refitted_arms(refits, chosen, everywhere, 0 if fixed else null_draws, step.part(0.02, 0.3))


def _by_art(
    X: Array,
    y: Array,
    model: Any,
    chosen: Array,
    ids: Array | None,
    classes: tuple[Any, ...],
    repeats: int,
    step: Step,
) -> Finding:
    from art.estimators.classification import SklearnClassifier
    from art.metrics import PDTP
    from sklearn.base import clone

    native = "implementation='native'"
    if not hasattr(model, "predict_proba") or hasattr(model, "feature_names_in_") or X.ndim != 2:
        raise NotApplicable("ART's PDTP takes a scikit-learn classifier fitted on a plain array", native)
    step(0.0, "Adversarial Robustness Toolbox (cannot say how far it is)")
    target, fresh = SklearnClassifier(model), SklearnClassifier(clone(model))
    ratios, _, _ = PDTP(target, fresh, X, y, indexes=chosen, num_iter=repeats)
    leak = Leakage(chosen, True, float(np.log(199)), raw=[float(x) for x in np.log(ratios)])
    leak.p = [float("nan")] * len(chosen)
    note = (
        "By ART: the largest ratio at any training sample, in 100 bins, training noise included: no null is taken off."
    )
    return pdtp_finding(leak, y, ids, classes, False, (note,))
