"""Corruptions: what do errors in the data cost, as they happen without any attacker?"""

from typing import Annotated, Literal

import numpy as np

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Names, NotApplicable, Predict, Score, assessment
from xrai_widgets.core.marks import Label, MemoryLimit, Range, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.core.subject import Outputs as OutputKind
from xrai_widgets.engines._rows import rows_at_once
from xrai_widgets.engines.robustness._refusals import Refusal
from xrai_widgets.engines.robustness.corruptions.columns import Columns, unseen_codes
from xrai_widgets.engines.robustness.corruptions.finding import (
    ALPHA,
    Corrupted,
    columns_table,
    corruptions_finding,
    p_values,
)
from xrai_widgets.engines.robustness.corruptions.images import CorruptingImages, check_kind, corrupted_pictures
from xrai_widgets.engines.robustness.corruptions.kinds import SEVERITIES
from xrai_widgets.engines.robustness.corruptions.measured import (
    Corrupting,
    all_changes,
    changed_of,
    falls_by_column,
    kinds_of,
)
from xrai_widgets.engines.robustness.corruptions.measures import CONTROLS, MEASURES, WORDS


@assessment(
    title="Corrupted data",
    measures=MEASURES,
    words=WORDS,
    reference="Hendrycks, Dietterich 2019, arXiv:1903.12261 (images; of tables in its manner)",
    labels_suffice=True,
    missing="kept",
    controls=CONTROLS,
    score=Score(("flip_share",), worse="higher"),
)
def corruptions(
    predict: Predict,
    X: Array,
    y: Array,
    constraints: tuple[Constraint, ...] = (),
    X_train: Array | None = None,
    decide: Predict | None = None,
    outputs: OutputKind = "probabilities",
    naming: Annotated[Names, "ids", "feature_names", "decode"] = UNNAMED,
    *,
    corruption: Annotated[
        Literal[
            "all",
            "noise",
            "missing",
            "rounding",
            "outliers",
            "swapped columns",
            "shifted units",
            "stale values",
            "category typos",
            "gaussian noise",
            "shot noise",
            "impulse noise",
            "gaussian blur",
            "motion blur",
            "defocus blur",
            "contrast",
            "brightness",
            "jpeg",
            "pixelate",
            "elastic",
            "occlusion",
        ],
        "which errors are tried: the first eight in tables, the others in images",
    ] = "all",
    severity: Annotated[
        int, Range(1, 5), "from 1 to 5, where the headline is read; all five are shown; 3: a tenth of a table's cells"
    ] = 3,
    n_samples: Annotated[int, Range(2, 1_000_000), Label("samples to corrupt"), "how many of the samples"] = 500,
    columns: Annotated[bool, Label("look for the worst columns"), "corrupt each column of a table alone, too"] = True,
    seed: Seed = 0,
    memory_limit: MemoryLimit = 1.0,
    step: Step = quiet,
) -> Finding:
    """Measure how much accuracy and calibration suffer from errors in tables, or from noise and blur in images.

    Parameters
    ----------
    predict : callable
        (n, d) → (n, k) class probabilities or one-hot labels.
    X, y : array (n, d) or (n, c, h, w), int array (n,)
        Held-out samples and their labels; pixels lie in [0, 1].
    constraints : tuple of Constraint, optional
        What each column holds. Immutable columns are corrupted, too: an error asks nobody.
    X_train : array, optional
        Samples by which spreads are measured; without it those of X.
    decide : callable, optional
        (n, d) → (n,) classes that the model decides for, where they are not the most probable ones.
    outputs : {"probabilities", "labels", "values"}
        Without probabilities nothing is said of calibration.
    naming : Names, optional

    Returns
    -------
    Finding
        ``accuracy`` of the clean samples (Wilson). At the severity: ``accuracy_fall``, the mean over the kinds, and
        ``worst_fall``, the largest of them, with intervals that hold for all kinds together; both paired by sample,
        squared and added from exact intervals of what is lost and what is gained. ``flip_share``, labels that change
        (Wilson); ``overconfidence_rise``, confidence less accuracy, corrupted less clean (Student, paired). Tables:
        ``severities`` (each kind at each severity), ``corruptions`` (at the one asked for), ``columns`` (each corrupted
        alone), ``samples``, ``errors`` (by which `corruption_error` compares two models). Of images also ``spectrum``:
        per corruption, severity and band of frequencies the mean square of what tells images apart (their difference
        from the mean image), that of what the corruption changes, and the ratio of both in decibels.

    Raises
    ------
    NotApplicable
        where the kind is not one of this kind of data, and for images whose pixels do not lie in [0, 1].

    Notes
    -----
    Severities 1 to 5 of tables. Noise: normal, standard deviation 0.05 0.1 0.2 0.4 0.8 of the column's interquartile
    range. Missing, swapped, stale, mistyped and cells in another unit: 1, 5, 10, 20, 40 % of the cells, those of a
    severity among those of the next. Rounding to 1/64 1/32 1/16 1/8 1/4 of the interquartile range. Outliers: 5 % of
    the cells 1.5 2.5 4 6.5 10 ranges from the median. Units: ×10, ×1000, °C as °F, °F as °C, each as often. Of images:
    the constants that Hendrycks and Dietterich (2019) chose for 32 × 32 pixels; on larger images sizes in pixels grow
    with the shorter side, on smaller ones they stay. Occlusion: a grey rectangle over 2, 5, 10, 20, 35 % of the area.
    What is drawn for a sample depends on the seed and its place alone, and is the same for every model.

    Interpretation
    --------------
    How accuracy falls as sensors get noisy, fields stay empty and units are mixed up, without anybody's ill will. The
    mean says what is lost overall, the worst kind whether one of them alone ruins the model: one that loses 40 of 100
    samples is 5 in a mean over eight. The columns that are named are those where errors hurt most: check them at the
    door. A limit that suits tables says little of images, whose severities are other things: set one of their own.

    Limitations
    -----------
    A kind of errors that the model refuses is left out, and with it goes the pass: then the falls are lower bounds. The
    elastic deformation of these constants changes most at severity 1: its affine part shrinks while its local one
    grows. In tables errors are drawn cell by cell, independently; real ones come in blocks. A column is named by its
    fall at the first draws (sign test, Holm at 5 % over the columns) and measured again on fresh draws of the same
    samples: another sample may name others. A mistyped word is one that nobody has seen only where the columns know
    such a word from X_new; else it is the category that is spelled most alike.

    Recommendations
    ---------------
    Check ranges, units and missing cells of the worst columns before the model is asked; impute; train on corrupted
    copies; then measure again with another seed.
    """
    step(0.0, "clean samples")
    check_kind(corruption, X)
    rows = np.sort(np.random.default_rng(seed).permutation(len(X))[:n_samples])
    ids, scored = naming.of("X", len(X))[rows], outputs == "probabilities"
    samples = X[rows].astype(np.float64)
    if X.ndim == 4:
        pictures = CorruptingImages(predict, decide, samples, y[rows], rows, seed, memory_limit)
        return corrupted_pictures(pictures, corruption, severity, ids, scored, step)
    kept = Columns.of(X.astype(np.float64), X if X_train is None else X_train, constraints, naming.decode)
    size = rows_at_once(memory_limit, 12, X.shape[1], constraints)
    work = Corrupting(predict, decide, samples, y[rows], rows, kept, seed, size)
    clean = work.ask(samples)
    if isinstance(clean, Refusal):
        raise NotApplicable(f"{clean.reason} for the samples as they are: {clean.message}")
    unseen = work.takes_words(unseen_codes(kept, samples, naming.decode))
    may_miss = work.probe()
    work.columns = kept.accepting(may_miss).mistyped_as(unseen)
    kinds, reasons = kinds_of(corruption, work.columns)
    runs = all_changes(work, kinds, SEVERITIES, step.part(0.02, 0.6))
    reasons |= work.refused
    if not runs:
        raise NotApplicable("; ".join(f"{kind}: {why}" for kind, why in reasons.items()), "another corruption")
    run = Corrupted(ids, y[rows], changed_of(clean), runs, severity, scored, seed)
    table = None
    if columns:
        every = np.arange(X.shape[1])
        first = falls_by_column(work, run.kinds, severity, clean.labels, every, 0, step.part(0.6, 0.85))
        worst = np.flatnonzero(p_values(first) <= ALPHA)
        again = falls_by_column(work, run.kinds, severity, clean.labels, worst, 1, step.part(0.85, 0.9))
        names = list(naming.feature_names) or [f"x{place}" for place in every]
        table = columns_table(names, first, worst, again)
    notes = _notes(reasons, kept, may_miss, unseen, run.kinds)
    refused = bool(work.refused) or (corruption in ("all", "missing") and bool((kept.may_miss & ~may_miss).any()))
    return corruptions_finding(run, table, notes, step.part(0.9, 1.0), refused)


def _notes(
    reasons: dict[str, str], kept: Columns, may_miss: Array, unseen: dict[int, float], kinds: list[str]
) -> list[str]:
    notes = [f"No {kind}: {why}." for kind, why in reasons.items()]
    refused = int((kept.may_miss & ~may_miss).sum())
    if "missing" in kinds and refused:
        notes.append(f"{refused} columns are never empty: the model takes no missing number in them.")
    if "category typos" in kinds:
        others = len(kept.typos) - len(unseen)
        parts = [f"in {len(unseen)} columns of words a typo is a word that the model has never seen"] * bool(unseen)
        parts += [f"in {others} columns of words it is the category that is spelled most alike"] * bool(others)
        notes.append(f"Typos: {'; '.join(parts)}.")
    return notes
