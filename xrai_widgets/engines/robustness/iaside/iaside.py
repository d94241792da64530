"""Axiomatic spectral importance decomposition: what does each band of frequencies add to the label's likelihood?"""

from dataclasses import replace
from typing import Annotated, Literal

import numpy as np

from xrai_widgets.core import UNNAMED, Array, Finding, Names, NotApplicable, Predict, Score, assessment
from xrai_widgets.core.marks import Label, MemoryLimit, Range, Section, Seed, When
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines.robustness._bands import BANDS, band_of, most_bands
from xrai_widgets.engines.robustness._refusals import Refusal, outputs_or_refusal
from xrai_widgets.engines.robustness.iaside.finding import Read, iaside_finding
from xrai_widgets.engines.robustness.iaside.game import MOST_EXACT, Game, Plan, play
from xrai_widgets.engines.robustness.iaside.kept import kept_bands
from xrai_widgets.engines.robustness.iaside.measures import MEASURES, NO_CONTROLS, WORDS
from xrai_widgets.engines.robustness.iaside.reader import Reader

_ARRAYS = 6  # of the size of a batch, at the most
_SEARCH = Section("search")


@assessment(
    title="Spectral importance (I-ASIDE)",
    measures=MEASURES,
    inputs=("image",),
    words=WORDS,
    reference="Luo, McDermott, O'Riordan 2024, arXiv:2408.01139",
    controls=NO_CONTROLS,
    score=Score(("score",), worse="lower"),
    instead="robustness.corruptions",
)
def iaside(
    predict: Predict,
    X: Array,
    y: Array,
    decide: Predict | None = None,
    naming: Annotated[Names, "ids", "classes"] = UNNAMED,
    *,
    bands: Annotated[
        int | None,
        Range(2, 16),
        "bands of frequencies; automatic: 8, or as many as half of the shorter side has pixels",
    ] = None,
    n_samples: Annotated[int, Range(2, 100_000), Label("samples to decompose"), "how many of the samples"] = 200,
    beta: Annotated[
        float, Range(0.01, 0.99), Label("β (weight of a band)"), "of each band relative to the one below, in the score"
    ] = 0.75,
    shells: Annotated[
        Literal["linf", "l2"], "shape of the bands: by the larger of both frequencies, or by their Euclidean length"
    ] = "linf",
    reference: Annotated[
        Literal["other images", "mean image", "zero"], "where the bands that are left out come from"
    ] = "other images",
    value: Annotated[
        Literal["log-likelihood", "probability", "accuracy"],
        Label("what bands add to"),
        "the logarithm of the label's probability, the probability, or whether the decision is right",
    ] = "log-likelihood",
    floor: Annotated[
        float,
        Range(1e-12, 0.1),
        When("value", "log-likelihood"),
        Label("least probability"),
        "no probability counts as less, so that one sure error is not all",
    ] = 1e-6,
    exact: Annotated[
        bool, Label("go on until exact"), _SEARCH, "ask for all coalitions, with up to 12 bands; else only draw orders"
    ] = True,
    pairs: Annotated[
        int,
        Range(1, 64),
        _SEARCH,
        Label("pairs of orders"),
        "drawn orders of the bands per sample, each with its reverse, where it is not exact",
    ] = 2,
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    step: Step = quiet,
) -> Finding:
    """Measure which frequencies an image model reads: the Shapley value of each band for the label's likelihood.

    Parameters
    ----------
    predict : callable
        (n, c, h, w) → (n, k) class probabilities.
    X, y : array (n, c, h, w), int array (n,)
        Held-out images, scaled in any way, and their labels.
    decide : callable, optional
        (n, c, h, w) → (n,) classes that the model decides for, where they are not the most probable ones; for the value
        ``accuracy``.
    naming : Names, optional

    Returns
    -------
    Finding
        ``score`` (1: the lowest band alone; 0: all alike; below: high frequencies) and the authors' ``unsigned_score``,
        neither of them where ``gain`` is not above 0 by its interval; ``gain``, the worth of the image less that of
        the reference (Student); ``negative_share``, what bands take away as a share of all; intervals over samples by
        1,000 bootstrap draws (expanded percentiles), which hold what the draw of orders adds. ``efficiency_error``: by
        how much the values of a sample miss its gain, at the most (exact in arithmetic). Tables: ``bands`` (importance
        of each), ``samples``, ``kept`` (what the model says of the lowest bands alone of a few images). Arrays:
        ``frames`` (those images, uint8).

    Raises
    ------
    NotApplicable
        where images have less than two pixels a side for each band, or the model gives nothing for them.

    Notes
    -----
    Bands of an image add up to it (real Fourier transform, masks that depend on the size of the frequency; nothing is
    rescaled or clipped). An image whose bands S are its own and whose other bands are the reference's is worth v(S);
    ψ_i = Σ_S w_S (v(S ∪ i) − v(S)) with w_S = 1/M · 1/C(M − 1, |S|). Two drawn orders per sample come first, one the
    reverse of the other, then all coalitions. On 200 images the two orders alone move the score by a quarter (of a
    network that reads shapes) to nearly all (of one that reads texture) of its bootstrap standard deviation, with 16
    passes for 256; k pairs by that over √k. Score: Ψ_i = max(ψ_i, 0) / Σ max(ψ, 0), b_k = β^k with mean b̄, and
    (Σ b_k Ψ_k − b̄) / (b_0 − b̄). The authors' score takes the absolute value, so that it rises in both directions, and
    scales with ‖b‖₂.

    Interpretation
    --------------
    Low frequencies are shapes, high ones texture and edges. What a model reads in high bands is lost by blur and
    compression, and drowned by noise; compare with the corruptions that were measured.

    Limitations
    -----------
    Filtered and mixed images are none that the model was trained on. A band in which nothing lies, as in blown-up
    images, gets nothing, which says nothing about the model. Scores for other numbers of bands, values or references
    do not compare. A score says what is read, not whether it holds.

    Recommendations
    ---------------
    Train on images with noise, blur and mixed styles, or with a filter in front of the model; then measure this again
    together with the corruptions.
    """
    step(0.0, "bands")
    players = _players(bands, X)
    rows = np.random.default_rng(seed).permutation(len(X))[:n_samples]
    images = X[rows]
    if len(images) < 2:
        raise NotApplicable(f"intervals need two images or more, got {len(images)}")
    answer = outputs_or_refusal(predict, decide, images[:1])
    if isinstance(answer, Refusal):
        raise NotApplicable(f"{answer.reason} for the images as they are: {answer.message}")
    most = max(1, int(memory_limit * 1e9 / 4 / (_ARRAYS * images[0].size)))
    height, width = images.shape[2:]
    place = band_of(height, width, players, shells)
    reader = Reader(predict, decide, place, players, value, floor, most, lambda: step(0.0))
    reader.pilot(images)
    game = Game(images, _references(reference, X, images), y[rows], rows, players)
    ids = naming.of("X", len(X))[rows]
    plan = Plan(1 if exact and players <= MOST_EXACT else pairs, exact and players <= MOST_EXACT, seed, memory_limit)

    def made() -> Finding:
        return iaside_finding(Read(game, ids, beta, seed, reader.asked, shells))

    play(game, reader, plan, step.part(0.02, 0.97), made)
    if len(game.solved) < 2:
        raise NotApplicable("the model gives nothing, or numbers that are not finite, for the filtered images")
    step(0.98, "pictures", made)
    kept = kept_bands(images, y[rows], ids, reader, naming)
    finding = iaside_finding(Read(game, ids, beta, seed, reader.asked, shells), kept)
    return finding if n_samples <= len(X) else _all_there_are(finding, n_samples, len(X))


def _players(bands: int | None, X: Array) -> int:
    """Return how many bands there are."""
    most = most_bands(*X.shape[2:])
    if most < 2:
        raise NotApplicable(f"images of {X.shape[2]} × {X.shape[3]} pixels have no room for two bands of frequencies")
    if bands is not None and bands > most:
        raise NotApplicable(
            f"{bands} bands need images of {2 * bands} pixels a side or more, got {X.shape[2]} × {X.shape[3]}",
            f"bands={most}",
        )
    return min(BANDS, most) if bands is None else bands


def _references(kind: str, X: Array, images: Array) -> Array:
    if kind == "zero":
        return np.zeros_like(images)
    if kind == "mean image":
        return np.broadcast_to(X.mean(axis=0, dtype=np.float64).astype(images.dtype), images.shape)
    return np.roll(images, 1, axis=0)  # the same other image in every coalition


def _all_there_are(finding: Finding, asked: int, n: int) -> Finding:
    note = f"{asked} samples were asked for and there are {n}: all of them were decomposed."
    return replace(finding, notes=(*finding.notes, note))
