"""LiRA and RMIA: membership inference beside reference models that were trained with and without each sample."""

from functools import partial
from typing import Annotated, Literal

import numpy as np

from xrai_widgets.core import UNNAMED, Array, Control, Finding, Names, NotApplicable, Predict, Score, assessment
from xrai_widgets.core.marks import Label, MemoryLimit, Range, Section, Seed, When
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines.privacy._lost import Lost
from xrai_widgets.engines.privacy.attacks.arguments import Repeats, TrainRatio
from xrai_widgets.engines.privacy.attacks.report import MEASURES, WORDS, check_enough
from xrai_widgets.engines.privacy.lira.finding import Evidence, Settings, lira_finding
from xrai_widgets.engines.privacy.lira.references import Fit, Pool, Train, finite

_SCORE = Section("score")
_FEWEST_DONE = 4  # reference models before a first result: two with and two without each sample
# a forest's probability of 0 is a few trees' opinion; a regression that hits its training values leaks just there
_FLOOR = {"classification": 0.005, "regression": 1e-4}


@assessment(
    title="LiRA and RMIA: reference models",
    measures=MEASURES,
    words=WORDS
    | {
        "log_odds": "log-odds of the truth",
        "mean_with": "mean of models with it",
        "mean_without": "mean of models without it",
        "references_with": "models with it",
        "references_without": "models without it",
    },
    tasks=("classification", "regression"),
    reference="Carlini et al. 2022, arXiv:2112.03570; Zarifzadeh, Liu, Shokri 2024, arXiv:2312.03262",
    missing="kept",
    controls=(
        Control("constant", "no leak"),
        Control("memorising", "leak"),
        Control("chance", "no leak", params={"n_references": 4}),
    ),
    score=Score(("online LiRA",), worse="higher", chosen_by="attack"),
)
def lira(
    predict: Predict,
    X_train: Array,
    y_train: Array,
    X: Array,
    y: Array,
    fit: Fit,
    task: str = "classification",
    naming: Annotated[Names, "train_ids", "ids", "classes"] = UNNAMED,
    *,
    attack: Annotated[
        Literal["online LiRA", "offline LiRA", "RMIA"], "whose score is judged; the others stand beside it"
    ] = "online LiRA",
    n_references: Annotated[
        int, Range(4, 1024), Label("reference models"), "reference models to train; an even number"
    ] = 16,
    variance: Annotated[
        Literal["automatic", "pooled", "per sample"],
        _SCORE,
        Label("spread of log-odds"),
        "LiRA's spread of log-odds; automatic: pooled below 16 models",
    ] = "automatic",
    gamma: Annotated[
        float,
        Range(1, 100),
        When("attack", "RMIA"),
        _SCORE,
        Label("γ (factor of RMIA)"),
        "by what factor a sample must stand out beside another one",
    ] = 1.0,
    floor: Annotated[
        float | None,
        Range(1e-12, 0.1),
        _SCORE,
        Label("smallest probability"),
        "smallest probability that counts; automatic: 0.005, in a regression 0.0001",
    ] = None,
    attack_train_ratio: TrainRatio = 0.5,
    repeats: Repeats = 10,
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    step: Step = quiet,
) -> Finding:
    """Measure how well an outsider who trains models of the same kind tells training samples from others.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities, or (n,) values.
    X_train, y_train : array
        Members: what the model was trained on.
    X, y : array
        Non-members: held-out samples of the same distribution.
    fit : callable
        Trains a fresh clone: ``fit(X, y, seed=…)`` → predict.
    task : {"classification", "regression"}
    naming : Names, optional

    Returns
    -------
    Finding
        The numbers of membership inference, over samples: ``advantage`` (of rules chosen on other samples, given those
        rules; Newcombe–Wilson), ``auc`` (DeLong's variance, exact binomial), ``balanced_accuracy``,
        ``tpr_at_fpr_1pct`` and ``tpr_at_fpr_0_1pct`` (Clopper–Pearson), ``precision`` and ``recall``. Table
        ``scores``: the AUC of every attack. Table ``samples``: every score per sample, the model's log-odds of the true
        class, their mean over the reference models with and without the sample, and how many
        those are.

    Raises
    ------
    ValueError
        if there are fewer than 10 members or 10 non-members, if the number of reference models is odd, or if the arrays
        exceed the memory limit.
    NotApplicable
        if the estimator cannot be cloned, or so many reference models cannot be trained that fewer than half of their
        pairs are left, or fewer than two.

    Notes
    -----
    Members and non-members form one pool. Reference models come in pairs that share it out, class by class, so that
    each sample is in exactly half of them. With φ = log(p/(1 − p)) of the true class: online LiRA is
    log N(φ; μ_in, σ_in²) − log N(φ; μ_out, σ_out²); offline LiRA is (φ − μ_out)/σ_out, which orders the samples as
    1 − Pr[N(μ_out, σ_out²) > φ] does. RMIA is the share of samples z of the pool with (p_x/p̄_x)/(p_z/p̄_z) ≥ γ, p̄ the
    mean over all reference models; the authors use γ = 2, which ties most samples of a table where few probabilities
    differ twofold, so 1 is the default. In a regression p = exp(−r²/2s²), the Gaussian density of the true value
    relative to that at the predicted one, r the residual and s the root mean square of the residuals of reference
    models at samples that they were trained without; RMIA, on that scale, does not see who is hit exactly.

    Interpretation
    --------------
    A sample that is hard for every model that has not seen it, and easy for this model, was in the training data:
    looking at each sample beside its own reference models finds leaks that one threshold on the loss misses. Advantage
    0 and AUC 0.5 mean that members cannot be told from others; advantage 1 means that everyone can.

    A model that memorises nothing still takes as many numbers from its training data as it has coefficients. RMIA, and
    LiRA with very many reference models, see that trace because the pool holds the members themselves: with d
    coefficients of a linear model, n members and m others the AUC is about 0.5 + 0.23 √(d/n + d/m).

    Limitations
    -----------
    The attacker is given data of the same distribution, the kind of model and its settings. Members and non-members
    must come from one distribution. Reference models see half of the pool: as much as the model did where there are
    as many held-out as training samples, less where there are fewer. They then predict less surely than the model,
    which weakens the attack and does not favour either side. Choices made outside of training, such as stopping by hand
    or a network that was trained before, are not repeated. Few reference models make a weaker attack, so a pass is no
    proof of privacy.

    Recommendations
    ---------------
    Regularise (limit depth, prune, stop early, add weight decay), train on more data, or give out labels or rounded
    probabilities only; for a guarantee train with differential privacy. Look at the samples with the highest scores:
    rare cases and label errors lead the list.
    """
    check_enough(len(X_train), len(X))
    if n_references % 2:
        raise ValueError(
            f"n_references must be even, so that each sample is in half of the reference models, got {n_references}"
        )
    step(0.0, "outputs of the model")
    outputs = np.concatenate([predict(X_train), predict(X)])
    k = 0 if task == "regression" else outputs.shape[1]
    pool = Pool(np.concatenate([X_train, X]), np.concatenate([y_train, y]), k, seed, len(X_train))
    _check_memory(n_references, pool, memory_limit)
    least = _FLOOR[task] if floor is None else floor
    settings = Settings(attack, variance, gamma, least, attack_train_ratio, repeats, seed, memory_limit)
    references = np.empty((n_references, len(outputs)))
    target = finite(pool.at_truth(outputs), "the model")
    evidence = Evidence(pool, target, references, len(X_train), naming.train_ids, naming.ids, naming.classes)
    rest = step.part(0.05, 0.95)
    for done, reference in enumerate(rest.map(Train(fit, pool), range(n_references), "reference models"), 1):
        if isinstance(reference, Lost):
            evidence.lost[done - 1] = reference
            _check_lost(evidence, n_references)
        else:
            references[done - 1] = reference
        whole = done // 2 * 2
        some = len(evidence.numbers(whole)) >= _FEWEST_DONE
        so_far = partial(lira_finding, evidence, settings, whole) if some else None
        rest(done / n_references, f"{done} of {n_references} reference models", so_far)
    return lira_finding(evidence, settings, n_references, step.part(0.95, 1.0))


def _check_lost(evidence: Evidence, references: int) -> None:
    """Refuse to go on with fewer than half of the reference models, or than two with and two without each sample."""
    if len(evidence.numbers(references)) < max(_FEWEST_DONE, references / 2):
        message = next(iter(evidence.lost.values())).message
        raise NotApplicable(
            f"{len(evidence.lost)} of {references} reference models could not be trained, which leaves too few whole "
            f"pairs of them: {message}",
            "privacy.membership_inference",
        )


def _check_memory(references: int, pool: Pool, limit: float) -> None:
    arrays = 1 if pool.classes else 4  # of float64; a regression needs the residuals, too
    if (size := references * len(pool.y) * (8 * arrays + 1) / 1e9) > limit:
        raise ValueError(
            f"{references} reference models of {len(pool.y):,} samples need {size:.2g} GB, memory_limit must be at "
            f"least that, got {limit}"
        )
