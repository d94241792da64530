"""Data drift: did the columns of a batch move, is that real, and is it big?"""

from typing import Annotated, Literal

import numpy as np

from xrai_widgets.core import UNNAMED, Array, Constraint, Finding, Measure, Names, assessment
from xrai_widgets.core.marks import Advanced, Label, MemoryLimit, Range, Section, Seed
from xrai_widgets.core.step import Step, quiet
from xrai_widgets.engines.monitoring.data_drift.columns import Moved, moved
from xrai_widgets.engines.monitoring.data_drift.decision import Limits
from xrai_widgets.engines.monitoring.data_drift.finding import drift_finding
from xrai_widgets.engines.monitoring.data_drift.joint import joint_drift

MEASURES = (
    Measure(
        "drifted_share",
        "lower",
        chance=0.0,
        label="columns that drifted",
        sentence="Of 100 columns {value:100} have moved by more than chance and more than their limit; at most "
        "{limit:100} are allowed.",
    ),
    Measure(
        "c2st_auc",
        "lower",
        chance=0.5,
        label="AUROC batch or baseline",
        sentence="In {value:100} of 100 pairs a classifier tells the row of the batch from that of the baseline, and "
        "guessing would in 50; at most {limit:100} are allowed.",
    ),
    Measure(
        "largest_psi",
        "lower",
        chance=0.0,
        label="largest PSI",
        sentence="The column that moved most has a stability index of {value}; at most {limit} is allowed.",
    ),
    Measure(
        "missing_rise",
        "lower",
        chance=0.0,
        label="rise of missing cells",
        sentence="In the worst column {value:100} more of 100 cells are missing than in the baseline; at most "
        "{limit:100} are allowed.",
    ),
)
WORDS = {
    "new_category_share": "share of new categories",
    "looks_new": "how much it looks new",
    "columns": "decision by column",
    "effects": "all distances",
    "joint": "all columns together",
    "tells": "columns that tell",
    "about": "what moved",
    "p_adjusted": "p, adjusted",
    "real": "is it real",
    "big": "is it big",
    "moved": "drifted",
    "mmd2": "MMD²",
    "test": "test",
    "effect": "effect",
    "statistic": "statistic",
    "importance": "lost if shuffled",
    "auc_without": "AUROC without it",
    "auc_without_low": "AUROC without it, lower end",
    "auc_without_high": "AUROC without it, upper end",
}


@assessment(
    title="Drift of the data",
    measures=MEASURES,
    words=WORDS,
    inputs=("tabular",),
    tasks=("classification", "regression"),
    reference="Benjamini, Hochberg 1995; Gretton et al. 2012; Lopez-Paz, Oquab 2017, arXiv:1610.06545",
    labels_suffice=True,
    missing="kept",
    controls="the baseline itself is the reference of each statistic, and its null value is known",
)
def data_drift(
    X: Array,
    X_new: Array,
    constraints: tuple[Constraint, ...] = (),
    naming: Annotated[Names, "ids", "new_ids", "feature_names", "decode"] = UNNAMED,
    *,
    alpha: Annotated[
        float, Range(0.001, 0.2), Label("false discoveries"), "share of the columns named that may be named by chance"
    ] = 0.05,
    correction: Annotated[
        Literal["bh", "by"],
        Label("correction"),
        "Benjamini–Hochberg, or Benjamini–Yekutieli, which holds however the columns depend on each other",
    ] = "bh",
    psi_limit: Annotated[
        float, Range(0.0, 5.0), Label("PSI that is big"), Section("limits"), "0.1 is called slight, 0.2 large"
    ] = 0.1,
    missing_limit: Annotated[
        float, Range(0.0, 1.0), Label("rise of missing cells"), Section("limits"), "share of cells that is big"
    ] = 0.05,
    new_limit: Annotated[
        float, Range(0.0, 1.0), Label("new categories"), Section("limits"), "share of cells that is big"
    ] = 0.01,
    bins: Annotated[int, Range(2, 100), Label("bins"), Advanced(), "quantiles of the baseline, for PSI and JS"] = 10,
    joint: Annotated[bool, Label("all columns together"), "MMD and a classifier that tells batch from baseline"] = True,
    max_rows: Annotated[
        int, Range(100, 1_000_000), Label("rows for the classifier"), Advanced(), "of either side, drawn; MMD: 5000"
    ] = 50_000,
    memory_limit: MemoryLimit = 1.0,
    seed: Seed = 0,
    step: Step = quiet,
) -> Finding:
    """Measure how far each column of a batch moved from the baseline, and whether that is more than chance.

    Two questions, two columns: *is it real* (the p-value, adjusted for all columns, is at most α) and *is it big* (the
    effect is above its limit). A column drifted where both are so, for its values, its missing cells or its new
    categories.

    Parameters
    ----------
    X, X_new : array (n, d), array (m, d)
        Baseline and batch; categories as codes (new ones after the last), NaN where a number is missing.
    constraints : tuple of Constraint
        Which columns are categories.

    Returns
    -------
    Finding
        Values ``drifted_share``, ``largest_psi``, ``missing_rise``, ``new_category_share`` and ``c2st_auc``;
        tables ``columns`` (a row per test), ``effects`` (all distances with intervals), ``joint`` (classifier and
        MMD²), ``tells``, and ``samples`` (how much each row that the classifier did not learn from looks new).

    Notes
    -----
    Numbers: Cramér–von Mises decides, read with PSI between the baseline's quantiles; categories: chi-square and PSI;
    missing cells and new categories: Fisher's exact test (mid-p). KS, Wasserstein-1 in units of the baseline's IQR,
    Jensen–Shannon and Cramér's V are shown and never counted. PSI is smoothed and less what chance gives on average;
    intervals are redraws of the counts, for the headline numbers as wide as all columns together need (Bonferroni).

    Interpretation
    --------------
    Drift is no fault of the model by itself: it says that the batch is not what the model was approved for. Labels tell
    what it costs. A whole table may move although no column does: then the classifier's AUROC and MMD speak.

    Limitations
    -----------
    One finite baseline stands behind all batches: where it holds less than ten times as many rows as a batch, its own
    chance deviations show again in every batch, and p-values of many days are not independent.

    Recommendations
    ---------------
    Look at the columns that are named: a broken feed, another unit, a season. Repair the feed, or train and approve
    anew.
    """
    rng = np.random.default_rng([seed, 0])
    names = naming.feature_names or tuple(f"x{column}" for column in range(X.shape[1]))
    kinds = constraints or (Constraint(),) * X.shape[1]
    columns: dict[str, Moved] = {}
    share = step.part(0.0, 0.3 if joint else 1.0)
    for column in share.over(list(range(X.shape[1])), "comparing columns"):
        columns[names[column]] = moved(X[:, column], X_new[:, column], kinds[column], bins, rng)
    limits = Limits(psi_limit, missing_limit, new_limit, alpha, correction)
    together = joint_drift(X, X_new, constraints, max_rows, memory_limit, seed, step.part(0.3, 1.0)) if joint else None
    return drift_finding(columns, limits, together, naming, names)
