"""PDTP: what does the model say differently when one training sample is left out?"""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np

from xrai_widgets.core import UNNAMED, Array, Control, Finding, Names, NotApplicable, Predict, Score, assessment
from xrai_widgets.core.marks import Label, MemoryLimit, Range, Section, Seed, When
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines._arguments import SampleIds
from xrai_widgets.engines.privacy._lost import Lost
from xrai_widgets.engines.privacy.pdtp.art import by_art
from xrai_widgets.engines.privacy.pdtp.finding import MEASURES, WORDS, Leakage, carried, done_by, pdtp_finding
from xrai_widgets.engines.privacy.pdtp.leave_one_out import LeaveOneOut, closed_form, everywhere
from xrai_widgets.engines.privacy.pdtp.paired_forest import Bootstraps, Pairs, bootstraps_of
from xrai_widgets.engines.privacy.pdtp.refits import Fit, Refits, check_trained_with, is_deterministic, with_everything
from xrai_widgets.engines.privacy.pdtp.statistic import Scale, add, choose, plain, scale, vanishing

_PROBES = 1000
_BLOCK = 2**20  # numbers in one block of predictions: more no longer fit the cache, and Cancel would have to wait
_NATIVE, _MORE = When("implementation", "native"), Section("statistic")


@assessment(
    title="PDTP: leakage by leaving one out",
    measures=MEASURES,
    words=WORDS,
    tasks=("classification", "regression"),
    reference="Long, Bindschaedler, Gunter 2017, arXiv:1712.09136",
    # "nothing removed" is the null of every sample already; the ids that are asked for may be absent from a control
    missing="kept",
    controls=(
        Control("constant", "no leak", params={"samples": ""}),
        Control("memorising", "leak", params={"samples": ""}),
    ),
    score=Score(("excess",), worse="higher"),
    narrowing=("mean_excess", "share_significant"),
)
def pdtp(
    predict: Predict,
    X_train: Array,
    y_train: Array,
    X: Array,
    fit: Fit,
    model: Any = None,
    task: str = "classification",
    naming: Annotated[Names, "train_ids", "classes"] = UNNAMED,
    trained_with: tuple[str, ...] = (),
    *,
    n_samples: Annotated[
        int, Range(1, 1_000_000), Label("samples to look at"), "training samples to look at, drawn without replacement"
    ] = 50,
    samples: SampleIds = "",
    at: Annotated[
        Literal["record", "all"], Label("compared at"), "predictions at the removed sample, or at all of them"
    ] = "record",
    repeats: Annotated[int, Range(1, 1000), Label("refits per mean"), "a deterministic learner needs one"] = 5,
    null_draws: Annotated[
        int, Range(5, 1000), _NATIVE, Label("means for the noise"), "means with nothing removed, which show the noise"
    ] = 20,
    forest: Annotated[
        Literal["honest refits", "paired bootstraps"], _NATIVE, _MORE, "or a quieter estimator, for random forests only"
    ] = "honest refits",
    closed_form_allowed: Annotated[
        bool, _NATIVE, _MORE, Label("closed form where exact"), "compute instead of refitting where that is exact"
    ] = True,
    binned: Annotated[
        bool, _NATIVE, _MORE, Label("rounded probabilities"), "to the centres of 100 bins, as ART does"
    ] = False,
    floor: Annotated[
        float,
        Range(1e-6, 0.1),
        _NATIVE,
        _MORE,
        Label("smallest probability"),
        "that counts; smaller ones are set to it",
    ] = 0.005,
    implementation: Annotated[Literal["native", "art"], "whose code computes it; art shows no null"] = "native",
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    step: Step = quiet,
) -> Finding:
    """Measure how much the model's predictions change when a training sample is left out.

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
    naming : Names, optional
    trained_with : tuple of str, optional
        What ``fit`` hands on to the training; only ``fit`` itself knows how.

    Returns
    -------
    Finding
        Classification: ``worst_excess``, ``mean_excess``, ``excess_p95``: the largest absolute log-ratio of a class
        probability with and without the sample, less its mean where nothing was removed; ``worst_ratio``: the raw
        ratio. Regression: the shift of the prediction in units of the left-out residuals' root mean square. Intervals:
        of the worst, simultaneous over the samples looked at, and open to the largest possible value while samples are
        left; of the mean, Student's with the finite-population correction; of the quantile, by order statistics.
        ``share_significant`` (Wilson): samples with a p-value of at most 5 %; chance gives 5 %. Table ``samples``:
        ratio, null, excess, interval, randomised rank p-value. A run that is cancelled keeps the samples that are done,
        and the same run goes on from there.

    Raises
    ------
    ValueError
        for an unknown id, non-finite outputs of a refit, no sample to leave out, or arrays above the memory limit.
    NotApplicable
        if the estimator cannot be cloned, or has no bootstraps to pair.

    Interpretation
    --------------
    An excess of 0 means that no one can tell whether the sample took part; 1 means that some prediction becomes e = 2.7
    times as likely or unlikely by its presence, which is the point where the authors advise to act (their DTP-1 rule).

    Limitations
    -----------
    Leaving out one sample at a time says nothing about groups. The value holds for this training set and is no
    differential privacy guarantee. Probabilities below the floor are not distinguished. A sample that was not looked at
    may leak more than the worst one found. Paired bootstraps keep the trees that never drew the sample, and the chance
    of the others: less noise than honest refits, another quantity, and p-values that err on the side of no leak.

    Recommendations
    ---------------
    Look at the most exposed samples: rare cases and label errors lead the list. Regularise or train on more data, then
    run this again; for a guarantee train with differential privacy. Membership inference shows what an attacker makes
    of the leak.
    """
    ids, classes = naming.of("X_train", len(X_train)), naming.classes
    chosen = choose(samples, n_samples, ids, seed)
    before = carried(step.earlier, chosen, ids)
    step(0.0, "choosing samples" if before is None else f"continues: {done_by(before)} of {len(chosen)} done")
    k = 0 if task == "regression" else predict(X_train[:1]).shape[1]
    check_trained_with(trained_with, implementation, forest)
    if implementation == "art":
        return by_art(X_train, y_train, model, chosen, ids, classes, repeats, step)
    if at == "all":
        _check_memory("at='all'", len(X_train) * max(k, 1) * Refits.AT_ONCE, memory_limit)
    scaled: Scale = partial(scale, floor=floor, binned=binned) if k else plain
    bound = float(np.log(1 / (0.005 if binned else floor))) if k else float("inf")
    paired = forest == "paired bootstraps"
    if paired and at == "all":
        raise ValueError("forest='paired bootstraps' compares predictions at the removed sample: at must be 'record'")
    may = closed_form_allowed and not paired and not trained_with
    form = closed_form(model, X_train, y_train, predict) if may else None
    pairs = None
    refits = Refits(fit, X_train, y_train, repeats, k, seed, at == "all", memory_limit)
    if form is not None:
        leak = _exactly(form, model, predict(X_train), chosen, at == "all", scaled, bound)
    elif paired:
        trees = bootstraps_of(model, X_train, y_train, k, repeats, seed)
        _check_memory("forest='paired bootstraps'", 2 * trees.count * len(chosen) * max(k, 1), memory_limit)
        pairs, leak = _paired(trees, chosen, null_draws, before, scaled, bound, step)
    else:
        refits, leak = _refitted(refits, X, chosen, null_draws, before, scaled, bound, step)
    if before is not None:
        leak.take(before)
    lost = vanishing(y_train, chosen, k)
    for place in np.flatnonzero(lost):
        leak.skipped[place] = "only one class would be left"
    left = np.arange(leak.done, len(chosen))
    draws = np.random.default_rng((seed, 1)).random(len(chosen))
    finish = partial(pdtp_finding, leak, y_train, ids, classes, not k, named=samples)
    rest, whole, earlier = step.part(0.3, 1.0), len(chosen), leak.done
    continued = f" (continues: {earlier} were done)" if earlier else ""
    keep = partial(finish, unfinished=True)
    rest(leak.done / whole, f"{leak.done} of {whole} left out{continued}", keep if leak.some else None)
    for places, without in _outputs_without(form, pairs, refits, chosen, left[~lost[left]], rest):
        if isinstance(without, Lost):
            leak.lose(int(places[0]), *without)
        else:
            add(leak, scaled, places, without, y_train, draws)
        leak.done = int(places[-1]) + 1
        rest(leak.done / whole, f"{leak.done} of {whole} left out{continued}", keep if leak.some else None)
        if leak.some and rest.enough(leak.done, finish):
            return finish()
    leak.done = whole
    return finish()


def _check_memory(what: str, numbers: int, memory_limit: float) -> None:
    size = numbers * 8 / 2**30
    if size > memory_limit:
        raise ValueError(f"{what} needs {size:.2g} GB here, memory_limit must be at least that, got {memory_limit}")


def _exactly(
    form: LeaveOneOut, model: Any, outputs: Array, chosen: Array, at_all: bool, scaled: Scale, bound: float
) -> Leakage:
    """Start with a closed form."""
    reference = form.reference(np.arange(len(outputs)))
    off = float(np.abs(reference - outputs.reshape(reference.shape)).max())
    notes = [f"Computed in closed form for {type(model).__name__}: no refits, no training noise."]
    if off > 1e-6:
        notes.append(f"Measured at the converged optimum; the given model's outputs differ from it by up to {off:.2g}.")
    shown = reference if at_all else reference[chosen]
    return Leakage(chosen, bound, scaled(shown), np.empty((len(chosen), 0)), tuple(notes))


def _refitted(
    refits: Refits,
    X: Array,
    chosen: Array,
    null_draws: int,
    before: Finding | None,
    scaled: Scale,
    bound: float,
    step: Step,
) -> tuple[Refits, Leakage]:
    """Start with refits on everything, which show the noise; those of an earlier run are not made again."""
    if before is not None and "noise" in before.arrays:
        reference, noise = before.arrays["reference"], before.arrays["noise"]
    else:
        step(0.01, "is the learner deterministic?")
        probes = np.concatenate([refits.X[:_PROBES], X[:_PROBES]])
        try:
            fixed = is_deterministic(refits.fit, refits.X, refits.y, probes, refits.seed)
        except (TypeError, RuntimeError) as error:  # scikit-learn's clone
            if "clone" not in str(error):
                raise
            raise NotApplicable(
                f"the estimator cannot be trained anew: {error}", "privacy.membership_inference"
            ) from None
        refits = replace(refits, fixed=fixed, repeats=1 if fixed else refits.repeats)
        draws = 0 if fixed else null_draws
        reference, noise = with_everything(refits, chosen, draws, scaled, step.part(0.02, 0.3))
    if noise.shape[1]:
        note = (
            f"Randomised learner: each prediction is a mean over {refits.repeats} refits with new seeds and orders; "
            f"the noise is that of {noise.shape[1]} such means with nothing removed."
        )
    else:
        note = "Deterministic learner: the order of the rows does not matter: one refit is enough and noise is 0."
    return refits, Leakage(chosen, bound, reference, noise, (note,))


def _paired(
    trees: Bootstraps, chosen: Array, draws: int, before: Finding | None, scaled: Scale, bound: float, step: Step
) -> tuple[Pairs, Leakage]:
    """Start with forests on everything; the noise of an earlier run is not computed again."""
    stored_noise = None if before is None else before.arrays.get("noise")
    pairs = Pairs(trees, chosen, draws if stored_noise is None else 0, step.part(0.02, 0.3))
    reference = scaled(pairs.reference)
    noise = np.abs(scaled(pairs.null) - reference).max(axis=2).T if stored_noise is None else stored_noise
    note = (
        f"Paired bootstraps, another estimator than honest refits: {trees.count} trees, of which those that drew a "
        f"sample are grown anew without it; the noise is that of {noise.shape[1]} such forests grown from other seeds "
        "with nothing removed, p-values are conservative."
    )
    return pairs, Leakage(chosen, bound, reference, noise, (note,))


def _outputs_without(
    form: LeaveOneOut | None, pairs: Pairs | None, refits: Refits, chosen: Array, places: Array, step: Step
) -> Iterator[tuple[Array, Array | Lost]]:
    """Yield places, and the predictions of models trained without the samples there: (b, 1 or n, k)."""
    rows = [int(row) for row in chosen[places]]
    if pairs is not None:
        for place, total in zip(places, step.map(pairs.bootstraps, rows, "leaving one out"), strict=True):
            yield np.array([place]), pairs.without(place, total)[None]
        return
    if form is None:
        outputs = step.map(refits, rows, "leaving one out", refits.at_most)
        for place, output in zip(places, outputs, strict=True):
            yield np.array([place]), output if isinstance(output, Lost) else output[None]
        return
    size = max(1, _BLOCK // (len(refits.X) * max(refits.classes, 1))) if refits.everywhere else 256
    for start in range(0, len(places), size):
        block = places[start : start + size]
        try:
            yield block, _exact_outputs(form, chosen[block], refits)
        except np.linalg.LinAlgError:
            for place in block:
                yield _alone(form, np.array([place]), chosen, refits)


def _exact_outputs(form: LeaveOneOut, rows: Array, refits: Refits) -> Array:
    if refits.everywhere:
        return everywhere(form, rows, len(refits.X))
    return np.stack([form.without(int(row), np.array([row])) for row in rows])


def _alone(form: LeaveOneOut, place: Array, chosen: Array, refits: Refits) -> tuple[Array, Array | Lost]:
    try:
        return place, _exact_outputs(form, chosen[place], refits)
    except np.linalg.LinAlgError as error:  # a covariance that cannot be inverted without this sample
        return place, Lost("the covariance without it cannot be inverted", str(error))
