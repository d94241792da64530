"""Names as people read them."""

from datetime import UTC, datetime

from xrai_widgets.core import Outcome

_KNOWN = {
    "auc": "AUC",
    "auroc": "AUROC",
    "average_precision": "average precision of the rare class (AUPR)",
    "recall_at_precision": "recall of the rare class at a precision of 50 % or more",
    "r2": "R²",
    "knn_accuracy": "K-neighbour accuracy in output space",
    "tpr_at_fpr_1pct": "TPR at FPR 1 %",
    "tpr_at_fpr_0_1pct": "TPR at FPR 0.1 %",
    "advantage": "membership advantage (TPR − FPR)",
    "shapr_p50": "SHAPr, median",
    "shapr_p95": "SHAPr, 95 % quantile",
    "shapr_p99": "SHAPr, 99 % quantile",
    "shapr": "SHAPr",
    "share_above": "share of samples above",
    "q1": "first quartile",
    "q3": "third quartile",
    "iqr": "interquartile range",
    "worst_excess": "worst excess log-ratio",
    "mean_excess": "mean excess log-ratio",
    "excess_p95": "excess, 95 % quantile",
    "worst_ratio": "worst raw ratio",
    "worst_excess_shift": "worst excess shift (σ̂)",
    "worst_shift": "worst raw shift (σ̂)",
    "share_significant": "share with p ≤ 5 %",
    "excess": "excess over the noise",
    "recall": "recall (members found)",
    "accuracy_gap": "accuracy on members minus non-members",
    "kept": "share of copies that keep the label",
    "gain": "gain by the model",
    "member_gap": "gain on members beyond others",
    "with_model": "guessed with the model",
    "without": "guessed without the model",
    "baseline": "guessed without the model",
    "non_member_gain": "gain on non-members",
    "within": "within the tolerance",
    "within_baseline": "within, without the model",
    "mmd2": "distance to the prototypes (MMD²)",
    "explained": "similarity explained",
    "agreement": "answers as to the nearest prototype",
    "n_prototypes": "prototypes",
    "n_criticisms": "criticisms",
    "loss": "minus the loss",
    "log_odds": "log-odds of the truth",
    "mean_with": "mean of models with it",
    "mean_without": "mean of models without it",
    "references_with": "models with it",
    "references_without": "models without it",
    "n_references": "reference models",
    "fpr": "false-positive rate",
    "tpr": "true-positive rate",
    "epsilon": "ε (size of the change)",
    "p95": "95 % quantile",
    "n_neighbors": "neighbours",
    "n_samples": "samples to attack",
    "max_iter": "iterations",
    "init_eval": "first questions",
    "max_eval": "most questions",
    "init_size": "random starts",
    "epsilons": "sizes to attack at",
    "pn_share": "share with a pertinent negative",
    "median_pn_distance": "median distance to another answer",
    "pn_sparsity": "share of features a PN changes",
    "pp_share": "share with a pertinent positive",
    "pp_sparsity": "share of features a PP needs",
    "validity": "explanations that hold when asked again",
    "stability": "overlap of PNs under noise",
    "pn_distance": "size of the pertinent negative (L2)",
    "pp_distance": "size of the pertinent positive (L2)",
    "kappa": "κ (lead of the answer)",
    "beta": "β (weight of sparsity)",
    "c": "c (weight of the answer)",
    "binary_steps": "values of c",
    "attack_train_ratio": "share to learn from",
    "low_rates": "low false-positive rates",
    "largest_class_gap": "largest gap of a class (AUC)",
    "fpr_limit": "FPR limit",
    "memory_limit": "memory limit (GB)",
}
SHAPES = {"fail": "■", "warn": "▲", "not refuted": "◐", "pass": "●", "not judged": "○"}  # worst first


def label(key: str) -> str:
    """Return a value's or column's name in words."""
    return _KNOWN.get(key, key.replace("_", " "))


def number(value: float) -> str:
    """Return a number with three significant digits; infinities and gaps in words."""
    if value != value:
        return "–"
    if value in (float("inf"), float("-inf")):
        return "∞" if value > 0 else "−∞"
    text = f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    return text.replace("-", "−")


def interval(low: float, high: float) -> str:
    """Return an interval in brackets."""
    return f"[{number(low)}, {number(high)}]"


def moment(iso: str) -> str:
    """Return a time in ISO 8601 as day and minute."""
    try:
        return datetime.fromisoformat(iso).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except ValueError:
        return iso


def seconds(value: float) -> str:
    """Return a duration."""
    if value < 10:
        return f"{value:.1f} s"
    return f"{value:.0f} s" if value < 90 else f"{value / 60:.1f} min"


def ending(outcome: Outcome, forecast: float | None) -> str:
    """Return how a run ended and how long it took, beside the seconds that were forecast."""
    if outcome.recalled:
        return f"{outcome.assessment}: from the store, computed {moment(outcome.started)}"
    expected = f" (forecast {seconds(forecast)})" if forecast is not None else ""
    return f"{outcome.assessment}: {outcome.status}, {seconds(outcome.seconds)}{expected}"
