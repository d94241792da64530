"""Generator and inverter: can what the training samples taught draw a sample like this one?"""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np

from xrai_widgets.core import (
    UNNAMED,
    Array,
    Chart,
    Constraint,
    Finding,
    Names,
    NotApplicable,
    Predict,
    Score,
    assessment,
)
from xrai_widgets.core.marks import Advanced, Label, MemoryLimit, Range, Section, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines._training.live import WORDS as TRAINING_WORDS
from xrai_widgets.engines._training.watch import watched
from xrai_widgets.engines.ood._arguments import MEASURES, NO_CONTROLS, WORDS, Alpha, Fitted, Rate, documented
from xrai_widgets.engines.ood._features import flat
from xrai_widgets.engines.ood._measured import Given, Watch, measure
from xrai_widgets.engines.ood._wgan_gate import GateFailed

if TYPE_CHECKING:
    from xrai_widgets.engines.ood.estimators.wgan_inverter import WGANInverterDetector

GATE_WORDS = {
    "gate": "quality of the generator",
    "share": "share like training samples",
    "distance_to_drawn": "distance to its reconstruction",
    "latent_length": "length in latent space",
}
_TRAINING = Section("training")
GeneratorSteps = Annotated[
    int,
    Range(1, 1_000_000),
    _TRAINING,
    Label("steps of the generator"),
    "batches from which generator and inverter learn",
]
CriticSteps = Annotated[
    int, Range(1, 100), _TRAINING, Label("critic's steps to one"), "batches for the critic, for each of the generator's"
]
Hidden = Annotated[
    int | None, Range(1, 10_000), _TRAINING, Label("hidden units"), "of each of two layers; automatic: by the pixels"
]
Latent = Annotated[
    int | None, Range(1, 1000), _TRAINING, Label("latent variables"), "automatic: by the number of pixels"
]
BatchSize = Annotated[int, Range(1, 100_000), _TRAINING, Label("samples per batch"), "of one step of Adam"]
LearningRate = Annotated[float, Range(1e-6, 1), _TRAINING, Label("rate of learning"), "of Adam"]
Quality = Annotated[
    float,
    Range(0, 1),
    Advanced(),
    Label("quality asked for"),
    "share of reconstructed and of drawn samples that must look like training samples; below it nothing is scored",
]
Device = Annotated[
    Literal["auto", "cpu", "cuda", "mps"], Advanced(), "on which is trained; auto: an accelerator if there is one"
]


@assessment(
    title="Foreign inputs by a generator and its inverter",
    measures=MEASURES,
    words={**WORDS, **TRAINING_WORDS, **GATE_WORDS},
    inputs=("image",),
    reference="Zhao, Dua, Singh 2018, arXiv:1710.11342; Gulrajani et al. 2017, arXiv:1704.00028",
    labels_suffice=True,
    controls=NO_CONTROLS,
    instead="ood.vae",
    score=Score(("foreignness",), worse="higher"),
)
@documented
def wgan_inverter(
    predict: Predict,
    X: Array,
    y: Array,
    X_train: Array,
    constraints: tuple[Constraint, ...] = (),
    X_new: Array | None = None,
    foreign: Array | None = None,
    new_groups: Array | None = None,
    decide: Predict | None = None,
    naming: Annotated[Names, "ids", "new_ids", "classes"] = UNNAMED,
    *,
    alpha: Alpha = 0.05,
    false_discoveries: Rate = 0.1,
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
    """Measure whether a generator of the training pictures, and its inverter, find foreign pictures unlikely.

    Interpretation
    --------------
    The foreignness is ‖x − G(I(x))‖² / 2σ² + ‖I(x)‖² / 2: how far a picture lies from what the generator makes of its
    latent variables, and these from the middle, in nats. The table ``gate`` holds how much of what generator and
    inverter make of held-out samples looks like training samples (Wilson intervals): where that is too little, nothing
    is scored.

    Limitations
    -----------
    Mirrored and turned digits can look normal to it. The generator may have learned training samples by heart: what it
    draws counts as contents of samples. Fewer than 500 training samples mean ten trainings.
    """
    from xrai_widgets.engines.ood.estimators.wgan_inverter import WGANInverterDetector

    given = Given(predict, X, y, X_train, None, constraints, X_new, foreign, decide, naming, new_groups)
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
    watch = Watch("a generator and its inverter", detector, flat, False, alpha, false_discoveries, n_fit, seed)
    with watched(step.part(0.1, 0.6)) as training:
        try:
            finding = measure(given, watch, step)
        except GateFailed as error:
            raise NotApplicable(str(error), "ood.vae") from error
    return _with_training(finding, given, training.trained)


def _with_training(finding: Finding, given: Given, fitted: "list[WGANInverterDetector]") -> Finding:
    """Add how the (last) generator was trained, what it reaches, and what each part of the score says."""
    shown = training_shown(fitted[-1])
    parts = [given.X] if given.X_new is None else [given.X, given.X_new]
    rows = np.concatenate([flat(part) for part in parts])
    samples = finding.tables["samples"].copy()
    samples["distance_to_drawn"] = np.mean([np.sqrt(one.reconstruction_error(rows)) for one in fitted], axis=0)
    samples["latent_length"] = np.mean([np.linalg.norm(one.embed(rows), axis=1) for one in fitted], axis=0)
    return replace(
        finding,
        tables={**finding.tables, **shown.tables, "samples": samples},
        charts=(*finding.charts, *shown.charts),
        arrays={**finding.arrays, **shown.arrays},
    )


def training_shown(detector: "WGANInverterDetector") -> Finding:
    """Return the losses, pictures and quality of a detector that was trained."""
    shown = detector.shown(detector.map_.scaled(0.0, 1.0), detector.history_, ())
    gate = Chart("gate", "points", "share", y="kind", low="low", high="high", title="Quality of the generator")
    return replace(shown, tables={**shown.tables, "gate": detector.gate_.table()}, charts=(*shown.charts, gate))
