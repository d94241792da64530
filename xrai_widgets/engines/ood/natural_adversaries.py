"""Natural adversaries: how far among the latent variables of real samples until a model changes its mind?"""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from xrai_widgets.core import (
    UNNAMED,
    Array,
    Finding,
    Gradient,
    Measure,
    Names,
    NotApplicable,
    Predict,
    Score,
    assessment,
)
from xrai_widgets.core.marks import Label, MemoryLimit, Range, Requires, Section, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines._rows import rows_at_once
from xrai_widgets.engines._training.live import WORDS as TRAINING_WORDS
from xrai_widgets.engines._training.watch import watched
from xrai_widgets.engines.ood._arguments import Fitted
from xrai_widgets.engines.ood._features import flat
from xrai_widgets.engines.ood._latent.finding import sought_finding
from xrai_widgets.engines.ood._latent.hunt import Search, Settings
from xrai_widgets.engines.ood._latent.mind import Mind
from xrai_widgets.engines.ood._latent.sought import Given, Sought, look, sought_of
from xrai_widgets.engines.ood._wgan_gate import GateFailed
from xrai_widgets.engines.ood.wgan_inverter import (
    GATE_WORDS,
    BatchSize,
    CriticSteps,
    Device,
    GeneratorSteps,
    Hidden,
    Latent,
    LearningRate,
    Quality,
    training_shown,
)
from xrai_widgets.engines.robustness.evasion.target import class_aimed_at

if TYPE_CHECKING:
    from xrai_widgets.engines.ood.estimators.wgan_inverter import WGANInverterDetector

_LEAST = 10  # training samples
_SEARCH = Section("search")
_WORDS = {
    "to_boundary": "Δz, whatever the answer",
    "found_share": "samples turned within reach",
    "agreement": "labels kept when reconstructed",
    "errors_auroc": "AUROC of a small Δz for errors",
    "foreign_auroc": "AUROC of a small Δz for foreign",
    "becomes": "becomes",
    "foreignness": "foreignness",
    "adversaries": "nearest natural adversaries",
}


@assessment(
    title="Natural adversaries",
    measures=(
        Measure(
            "delta_z",
            "higher",
            bound="upper",
            label="Δz (median)",
            meaning="How far among latent variables one must go until the model changes its mind, for half of the "
            "samples. Small: slightly other inputs of the same kind are answered otherwise.",
            sentence="Half of the samples change their label when they are moved by {value} among the latent "
            "variables; at least {limit} is asked for.",
        ),
    ),
    inputs=("image",),
    words={**TRAINING_WORDS, **GATE_WORDS, **_WORDS},
    reference="Zhao, Dua, Singh 2018, arXiv:1710.11342",
    labels_suffice=True,
    instead="robustness.evasion",
    controls="the generator is measured by a gate of its own, and compared are models on the same samples",
    score=Score(
        ("delta_z",),
        worse="lower",
        status="status",
        instead={"not found": np.inf, "answered wrongly before": 0.0},
    ),
)
def natural_adversaries(
    predict: Predict,
    X: Array,
    y: Array,
    X_train: Array,
    bounds: Array,
    X_new: Array | None = None,
    foreign: Array | None = None,
    logits: Predict | None = None,
    logit_gradient: Gradient | None = None,
    decide: Predict | None = None,
    naming: Annotated[Names, "ids", "new_ids", "classes"] = UNNAMED,
    *,
    n_samples: Annotated[
        int, Range(2, 100_000), Label("samples to turn"), "how many of the samples of X are drawn"
    ] = 200,
    search: Annotated[
        Literal["automatic", "gradients", "expanding", "shrinking"],
        Requires("gradients", "logit_gradient"),
        _SEARCH,
        "along slopes; in shells that grow; in a ball that shrinks; automatic: along slopes where there are any",
    ] = "automatic",
    target: Annotated[
        str, _SEARCH, Label("aim at this class"), "what samples must become; empty: any class that is not their own"
    ] = "",
    reach: Annotated[
        float, Range(0.01, 1000), _SEARCH, Label("largest Δz"), "in standard deviations of a latent variable"
    ] = 10.0,
    steps: Annotated[int, Range(1, 10_000), _SEARCH, Label("steps of a start"), "along slopes"] = 25,
    starts: Annotated[int, Range(1, 1000), _SEARCH, "along slopes: to one class after the other"] = 3,
    directions: Annotated[
        int, Range(1, 100_000), _SEARCH, Label("candidates per shell"), "by labels alone: of each sample"
    ] = 128,
    rounds: Annotated[
        int,
        Range(0, 10_000),
        _SEARCH,
        Label("rounds nearer"),
        "by labels alone: rounds that bring nearer what was found",
    ] = 12,
    agreement: Annotated[
        float,
        Range(0, 1),
        _SEARCH,
        Label("least agreement"),
        "share of the samples whose label must stay when they are reconstructed; below it nothing is said",
    ] = 0.8,
    generator_steps: GeneratorSteps = 1000,
    critic_steps: CriticSteps = 5,
    hidden: Hidden = None,
    latent: Latent = None,
    batch_size: BatchSize = 64,
    learning_rate: LearningRate = 2e-3,
    quality: Quality = 0.4,
    n_fit: Fitted = 60_000,
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    device: Device = "auto",
    step: Step = quiet,
) -> Finding:
    """Find the nearest picture, as a generator of such pictures makes them, that the model answers otherwise.

    Parameters
    ----------
    predict : callable
        (n, …) → (n, k) class probabilities, or one-hot labels.
    X, y : array (n, …), int array (n,)
        Samples that the model was not trained on, and their labels.
    X_train : array
        What generator and inverter learn from.
    bounds : array (2, d)
        Lowest and highest allowed value per pixel: generated pictures are clipped into them.
    X_new, foreign : array, bool array, optional
        New samples, and which of them are of another kind.
    logits, logit_gradient, decide : callable, optional
        What the model says of itself, as in a `Subject`. Without a gradient it is asked for labels alone.
    naming : Names, optional

    Returns
    -------
    Finding
        ``delta_z``: the median of Δz = ‖z* − I(x)‖ over the samples of X that are answered rightly and keep their label
        when reconstructed, z* the nearest latent variables found at which the model changes its mind; what was not
        found within reach counts as farther than all others (order statistics; no value where that is half of them).
        ``found_share`` of these samples and ``agreement``, the share of all whose label stays when they are
        reconstructed (Wilson). The other reading: ``errors_auroc`` and ``foreign_auroc``, how well a small Δz tells
        wrong from right answers, and foreign samples from those of X (exact binomial interval of as many pairs as
        DeLong's variance tells; 0.5 is chance, given five samples of either kind). Tables: ``samples`` with
        a status for each, ``gate``.

    Raises
    ------
    ValueError
        for fewer than ten samples in X_train; for pictures of one grey; for a target that is no class.
    NotApplicable
        where generator and inverter do not reach the quality, or too few samples keep their label when reconstructed.

    Interpretation
    --------------
    Of a *model*: a larger Δz on the same samples with the same generator means that one must go farther among natural
    pictures until it errs. Of an *input*: a small Δz means that a slightly other picture of the same kind would have
    been answered otherwise. Whether that gives wrong answers away, ``errors_auroc`` tells.

    Limitations
    -----------
    What is found is an upper bound: a nearer change may exist. Distances are in units of one generator: those of
    another training cannot be compared. A label may change rightly, where the picture has become one of the other
    class. The generator may have learned training samples by heart: what it draws counts as contents of
    samples.

    Recommendations
    ---------------
    Look at the pictures: where they still show the old class the model errs. Compare models that were trained on
    the same samples. For changes of pixels use robustness.evasion.
    """
    if len(X_train) < _LEAST:
        raise ValueError(f"X_train must hold at least {_LEAST} samples, got {len(X_train)}")
    aim = class_aimed_at(target, "classification", naming, lambda: int(predict(X[:1]).shape[1]))
    from xrai_widgets.engines.ood.estimators.wgan_inverter import WGANInverterDetector

    detector = WGANInverterDetector(
        image_shape=X.shape[1:],
        generator_steps=generator_steps,
        critic_steps=critic_steps,
        hidden=hidden,
        latent=latent,
        batch_size=batch_size,
        learning_rate=learning_rate,
        quality=quality,
        random_state=seed,
        device=device,
        memory_limit=memory_limit,
    )
    rows = np.sort(np.random.default_rng(seed).permutation(len(X_train))[:n_fit])
    with watched(step.part(0.0, 0.6)):
        try:
            detector.fit(flat(X_train[rows]))
        except GateFailed as error:
            raise NotApplicable(str(error), "robustness.evasion") from error
    kind: Search = ("expanding" if logit_gradient is None else "gradients") if search == "automatic" else search
    at_once = min(rows_at_once(memory_limit, 6, X[0].size, ()), 512)
    slopes = logit_gradient if kind == "gradients" else None
    mind = Mind(predict, decide, logits, slopes, X.shape[1:], at_once, aim)
    settings = Settings(kind, reach, steps, starts, directions, rounds, seed)
    made = detector.map_.within(*bounds).as_type(np.float32)
    index = np.sort(np.random.default_rng([seed, 1]).permutation(len(X))[:n_samples])
    step(0.6, "reconstructing the samples")
    given = _given(detector, X[index], y[index], naming.of("X", len(X))[index], X_new, foreign, naming)
    sought = sought_of(given, mind, made, naming.of_classes(int(predict(X[:1]).shape[1])))
    _check_agreement(sought, agreement)
    shown = training_shown(detector)

    def finished() -> Finding:
        finding = sought_finding(sought)
        return replace(
            finding,
            tables={**finding.tables, **shown.tables},
            charts=(*finding.charts, *shown.charts),
            arrays={**finding.arrays, **shown.arrays},
        )

    look(sought, mind, made, settings, step.part(0.6, 1.0), finished)
    return finished()


def _given(
    detector: "WGANInverterDetector",
    X: Array,
    y: Array,
    ids: Array,
    X_new: Array | None,
    foreign: Array | None,
    naming: Names,
) -> Given:
    """Return the samples of X and the new ones, how foreign they are, and which of them are of another kind."""
    count = 0 if X_new is None else len(X_new)
    samples = X if X_new is None else np.concatenate([X, X_new])
    strange = np.zeros(len(samples), dtype=bool)
    if foreign is not None and count:
        strange[len(X) :] = foreign
    return Given(
        np.array(["X"] * len(X) + ["X_new"] * count, dtype=object),
        np.concatenate([ids, naming.of("X_new", count)]) if count else ids,
        samples,
        np.concatenate([y, np.full(count, -1)]),
        strange,
        -detector.score_samples(flat(samples)),
    )


def _check_agreement(sought: Sought, agreement: float) -> None:
    """Stop where too few samples of X keep their label when they are reconstructed."""
    kept = float(sought.kept[sought.of_x].mean())
    if kept < agreement:
        raise NotApplicable(
            f"{kept:.2f} of the samples keep their label when they are reconstructed, less than {agreement:g}: the "
            "model is not asked about pictures like those it knows, so that nothing is said; train longer "
            "(generator_steps), or on more samples",
            "robustness.evasion",
        )
