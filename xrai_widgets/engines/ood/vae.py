"""Variational autoencoder: do the training samples say how a sample like this one comes about?"""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import pandas as pd

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Names, Predict, Score, assessment
from xrai_widgets.core.marks import Advanced, Label, MemoryLimit, Range, Section, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._training.live import WORDS as TRAINING_WORDS
from xrai_widgets.engines._training.watch import watched
from xrai_widgets.engines.ood import _watches as watches
from xrai_widgets.engines.ood._arguments import MEASURES, NO_CONTROLS, WORDS, Alpha, Fitted, Rate, documented
from xrai_widgets.engines.ood._features import flat
from xrai_widgets.engines.ood._measured import Given, Watch, measure
from xrai_widgets.engines.ood._synthetic import synthetic
from xrai_widgets.engines.ood._watches import Seen

if TYPE_CHECKING:
    from xrai_widgets.engines.ood.estimators.vae import VAEDetector

_WORDS = {
    "elbo": "ELBO (nats)",
    "reconstruction": "reconstruction (nats)",
    "scores": "scores of the autoencoder",
    "score": "score",
}


@assessment(
    title="Foreign inputs by an autoencoder",
    measures=MEASURES,
    words={**WORDS, **TRAINING_WORDS, **_WORDS},
    tasks=("classification", "regression"),
    reference="Kingma, Welling 2014, arXiv:1312.6114",
    labels_suffice=True,
    missing="own value",
    controls=NO_CONTROLS,
    score=Score(("foreignness",), worse="higher"),
)
@documented
def vae(
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
    corrected: Annotated[
        bool, Label("correct for complexity"), "of pictures: how normal one is among those as complex"
    ] = True,
    epochs: Annotated[
        int | None, Range(1, 10_000), Section("training"), "passes over the samples; automatic: by their number"
    ] = None,
    latent: Annotated[
        int | None,
        Range(1, 1000),
        Section("training"),
        Label("latent variables"),
        "automatic: by the number of features",
    ] = None,
    hidden: Annotated[
        int | None, Range(1, 10_000), Section("training"), Label("hidden units"), "automatic: by the features"
    ] = None,
    batch_size: Annotated[
        int, Range(1, 100_000), Section("training"), Label("samples per batch"), "of one step of Adam"
    ] = 128,
    learning_rate: Annotated[float, Range(1e-6, 1), Section("training"), Label("rate of learning"), "of Adam"] = 1e-3,
    n_fit: Fitted = 60_000,
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    device: Annotated[
        Literal["auto", "cpu", "cuda", "mps"], Advanced(), "on which is trained; auto: an accelerator if there is one"
    ] = "auto",
    step: Step = quiet,
) -> Finding:
    """Measure whether a variational autoencoder of the training samples finds foreign samples unlikely.

    Interpretation
    --------------
    The evidence lower bound (ELBO) of a simple picture is high whatever it shows; corrected, a picture is compared with
    those of as much total variation and ink. The table ``scores`` holds the corrected score, the plain ELBO and the
    reconstruction alone against the foreign samples.

    Limitations
    -----------
    Mirrored and turned digits can look normal to it. The networks may have learned training samples by heart: what they
    draw counts as contents of samples.
    """
    given = Given(predict, X, y, X_train, None, constraints, X_new, foreign, decide, naming, new_groups)
    seen = Seen(predict, X.shape[1:], y.dtype.kind in "iu", constraints)
    chosen = watches.vae(
        seen,
        seed,
        corrected=corrected,
        hidden=hidden,
        latent=latent,
        epochs=epochs,
        batch_size=batch_size,
        learning_rate=learning_rate,
        device=device,
        memory_limit=memory_limit,
    )
    watch = Watch.of(chosen, seen, alpha, false_discoveries, n_fit, seed)
    with watched(step.part(0.1, 0.6)) as training:
        finding = measure(given, watch, step)
    return _with_training(finding, given, training.trained, seed)


def _with_training(finding: Finding, given: Given, fitted: "list[VAEDetector]", seed: int) -> Finding:
    """Add how the (last) autoencoder was trained, and for pictures what each part of the score says."""
    last = fitted[-1]
    shown = last.shown(last.autoencoder_, last.history_, last.pictures_, ())
    finding = replace(
        finding,
        tables={**finding.tables, **shown.tables},
        charts=(*finding.charts, *shown.charts),
        arrays={**finding.arrays, **shown.arrays},
    )
    if given.X.ndim == 2:
        return finding
    parts = [given.X] if given.X_new is None else [given.X, given.X_new]
    samples = finding.tables["samples"].copy()
    terms = _terms(fitted, np.concatenate([flat(part) for part in parts]))
    samples["elbo"], samples["reconstruction"] = -terms.sum(axis=1), terms[:, 0]
    scores = _scores(samples, terms, given, fitted, seed)
    return replace(
        finding, tables={**finding.tables, "samples": samples} | ({} if scores.empty else {"scores": scores})
    )


def _terms(fitted: "list[VAEDetector]", rows: Array) -> Array:
    """Return reconstruction and KL divergence (n, 2); of several detectors the mean."""
    parts = [np.column_stack([one.reconstruction_error(rows), -one.elbo(rows)]) for one in fitted]
    reconstruction, bound = np.mean(parts, axis=0).T
    return np.column_stack([reconstruction, bound - reconstruction])


def _scores(samples: pd.DataFrame, terms: Array, given: Given, fitted: "list[VAEDetector]", seed: int) -> pd.DataFrame:
    """Return the AUROC (DeLong) of the score and of its parts against the foreign samples; empty if there are none."""
    of_x = (samples["part"] == "X").to_numpy()
    if given.X_new is not None:
        strange = np.zeros(len(of_x), dtype=bool)
        if given.strange is not None:
            strange[~of_x] = np.asarray(given.strange, dtype=bool)
        foreign, of_foreign = samples["foreignness"].to_numpy()[strange], terms[strange]
    else:
        assert given.X_train is not None
        made = [one for one in synthetic(given.X, given.X_train, given.constraints, seed) if one.kind != "shifted"]
        rows = np.concatenate([flat(one.samples) for one in made]) if made else np.empty((0, flat(given.X).shape[1]))
        foreign, of_foreign = -np.mean([one.score_samples(rows) for one in fitted], axis=0), _terms(fitted, rows)
    if not len(foreign):
        return pd.DataFrame()
    pairs = {
        "score": (foreign, samples["foreignness"].to_numpy()[of_x]),
        "ELBO": (of_foreign.sum(axis=1), terms[of_x].sum(axis=1)),
        "reconstruction": (of_foreign[:, 0], terms[of_x, 0]),
        "KL divergence": (of_foreign[:, 1], terms[of_x, 1]),
    }
    areas = {name: statistics.auc(*pair) for name, pair in pairs.items()}
    rows_ = [
        {"score": name, "auroc": area.value, "auroc_low": area.low, "auroc_high": area.high}
        for name, area in areas.items()
    ]
    return pd.DataFrame(rows_)
