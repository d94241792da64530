"""Weak segments: where does the model break?"""

from typing import Annotated

import numpy as np

from xrai_widgets.core import UNNAMED, Array, Constraint, Control, Finding, Measure, Names, Predict, Score, assessment
from xrai_widgets.core.decision import labels
from xrai_widgets.core.marks import Label, Range, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.core.subject import Task
from xrai_widgets.engines.robustness.weak_segments.finding import Written, segment_excess, segments_finding
from xrai_widgets.engines.robustness.weak_segments.measured import segments_of

_SURE = 0.999  # level of the control: it must hardly ever come out wrong by chance


def _errors(predict: Predict, decide: Predict | None, X: Array, y: Array, task: Task) -> Array:
    """Return 1 for a wrong label; of a regression the size of the residual."""
    if task == "regression":
        sizes: Array = np.abs(predict(X) - y)
        return sizes
    return np.asarray(labels(predict, decide, X) != y, dtype=np.float64)


def _rows(n: int, n_samples: int, seed: int) -> Array:
    return np.sort(np.random.default_rng(seed).permutation(n)[:n_samples])


def shuffled_errors(
    finding: Finding,
    X: Array,
    constraints: tuple[Constraint, ...] = (),
    task: Task = "classification",
    *,
    depth: int,
    min_samples: int,
    n_samples: int,
    seed: int,
    step: Step,
) -> Finding:
    """Return ``segment_excess`` if the same errors befell samples at random: no segment is weak."""
    step(0.0, "errors shuffled")
    rows = _rows(len(X), n_samples, seed)
    errors = np.random.default_rng([seed, 11]).permutation(finding.tables["samples"]["error"].to_numpy(dtype=float))
    made = segments_of(X[rows], errors, constraints, task, depth=depth, fewest=min_samples, seed=seed, level=_SURE)
    if not made:
        return Finding({})
    excess = segment_excess(made)
    return Finding(
        {"segment_excess": excess.value}, {"segment_excess": (excess.low, excess.high)}, {"segment_excess": len(rows)}
    )


@assessment(
    title="Weak segments",
    measures=(
        Measure(
            "segment_excess",
            "lower",
            chance=0.0,
            label="excess error of the worst segment",
            sentence="In the worst segment that a tree pointed at, the error is {value} above that of all other "
            "samples; at most {limit} is allowed.",
        ),
    ),
    tasks=("classification", "regression"),
    inputs=("tabular",),
    words={
        "mean_error": "error of all samples",
        "weak_share": "share of samples in weak segments",
        "segments": "segments, each measured on the half that did not choose it",
        "rest": "error of the rest",
        "same_rows": "excess on the rows that chose it",
        "p_value": "p-value (Holm)",
        "weak": "weak",
        "weak_segment": "weak segment",
        "grown_on": "grown on",
        "measured_on": "measured on",
    },
    reference="Chung et al. 2019, arXiv:1807.06068 (slices); Athey, Imbens 2016, arXiv:1504.01132 (honest trees)",
    labels_suffice=True,
    missing="own value",
    controls=(
        Control(
            "errors shuffled among the samples",
            {"segment_excess": (-np.inf, 0.0)},
            "the same errors befall samples at random: no segment should be worse than the rest",
            about=("segment_excess",),
            measured=shuffled_errors,
            wrong="Errors that befall samples at random make a weak segment, so what is called weak may be chance.",
        ),
    ),
    score=Score(("excess",), worse="higher"),
)
def weak_segments(
    predict: Predict,
    X: Array,
    y: Array,
    constraints: tuple[Constraint, ...] = (),
    decide: Predict | None = None,
    task: Task = "classification",
    naming: Annotated[Names, "ids", "feature_names"] = UNNAMED,
    *,
    depth: Annotated[int, Range(1, 6), "conditions that a segment may have"] = 3,
    min_samples: Annotated[
        int, Range(5, 100_000), Label("smallest segment"), "samples of a segment, in the half on which it is grown"
    ] = 20,
    alpha: Annotated[
        float, Range(0.0001, 0.2), Label("α (false segments)"), "chance of naming one that is none"
    ] = 0.05,
    n_samples: Annotated[int, Range(20, 10_000_000), Label("samples to look at"), "how many of the samples"] = 10_000,
    seed: Seed = 0,
    step: Step = quiet,
) -> Finding:
    """Find segments in which the model errs more than elsewhere: chosen on one half of X, measured on the other.

    Parameters
    ----------
    predict : callable
        (n, d) → (n, k) class probabilities or one-hot labels; (n,) predictions of a regression.
    X, y : array (n, d), array (n,)
        Held-out samples and their labels, or values.
    constraints : tuple of Constraint, optional
        What each column holds.
    decide : callable, optional
        (n, d) → (n,) classes that the model decides for, where they are not the most probable ones.
    task : {"classification", "regression"}
        An error is a wrong label (0 or 1), or the size of a residual, in the unit of y.
    naming : Names, optional

    Returns
    -------
    Finding
        ``segment_excess``: the largest mean error of a segment less that of the rest, with an interval that holds for
        all segments together (Newcombe–Wilson, of a regression Welch, at 1 − 0.05 / segments). ``mean_error`` (Wilson;
        Student). ``weak_share``: samples in weak segments (Wilson). Tables: ``segments`` and ``samples``.

    Notes
    -----
    A regression tree of the errors is grown on one half, drawn by the seed; its leaves are measured on the other half
    against the rest of it (Fisher's exact test; of a regression Mann and Whitney's), and the other way round. Weak is
    what Holm's procedure names at ``alpha`` over the leaves of both trees.

    Interpretation
    --------------
    A weak segment is a group of samples, described by a few columns, for which the model is worse. The excess on the
    rows that chose it is shown beside: it is always flattering to the search, and on clean data it would nearly always
    find a segment.

    Limitations
    -----------
    Only segments that a shallow tree can describe, with enough samples in either half, can be seen. A segment may be
    hard for every model: compare with another model before blaming this one. Half of the samples choose, so a small
    weakness needs many samples.

    Recommendations
    ---------------
    Look at the samples of a weak segment: are labels wrong, is the group rare in training? Collect more of it, or
    reject it; pass Subject.with_groups(outcome) to the other assessments to see what else differs there.
    """
    step(0.0, "predictions")
    rows = _rows(len(X), n_samples, seed)
    samples = X[rows].astype(np.float64)
    errors = _errors(predict, decide, samples, y[rows], task)
    step(0.6, "segments")
    segments = segments_of(samples, errors, constraints, task, depth=depth, fewest=min_samples, seed=seed)
    ids = naming.of("X", len(X))[rows]
    written = Written.of(samples, errors, ids, task, constraints, naming)
    return segments_finding(written, segments, alpha, seed)
