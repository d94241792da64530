"""What the assessments of detectors have in common: arguments, measures, words and parts of their documentation."""

from collections.abc import Callable
from inspect import cleandoc
from typing import Annotated, Literal, TypeVar

from xrai_widgets.core import Finding, Measure
from xrai_widgets.core.marks import Advanced, Label, Range, Requires

Engine = TypeVar("Engine", bound=Callable[..., Finding])
Alpha = Annotated[
    float, Range(0.001, 0.5), Label("α (false alarms allowed)"), "share of normal samples for which the alarm may ring"
]
Rate = Annotated[
    float,
    Range(0.001, 0.5),
    Label("FDR of the batch"),
    "share of what is picked out of a batch that may be normal, on average",
]
Fitted = Annotated[
    int, Range(20, 100_000), Advanced(), Label("samples to learn from"), "training samples that are drawn, at most"
]
Looks = Annotated[
    Literal["automatic", "embedding", "samples"],
    Requires("embedding", "embed"),
    Label("looks at"),
    "the model's last hidden layer or the samples themselves; automatic: the layer for images, where there is one",
]
MEASURES = (
    Measure(
        "fpr_above_alpha",
        "lower",
        label="false alarms above α",
        meaning="The share of normal samples for which the alarm rings, less α. Above 0: it rings more than was asked.",
        sentence="The share of normal samples for which the alarm rings, less the share that was asked for, is "
        "{value}; at most {limit} is allowed.",
    ),
    Measure(
        "detection",
        "higher",
        label="foreign samples detected",
        meaning="The share of the foreign samples for which the alarm rings at α.",
        sentence="Of 100 foreign samples {value:100} make the alarm ring; at least {limit:100} are asked for.",
    ),
)
WORDS = {
    "false_alarms": "false alarms",
    "detection_at_1": "detected at α = 1 %",
    "detection_at_5": "detected at α = 5 %",
    "auroc": "AUROC",
    "aupr": "AUPR",
    "fpr_at_95_tpr": "FPR at 95 % TPR",
    "shifted_alarms": "alarms, shifted but valid",
    "new_alarms": "alarms among new samples",
    "foreignness": "foreignness",
    "p_value": "p-value",
    "alarm": "alarm at α",
    "discovery": "picked out of the batch",
    "sets": "sets of samples",
    "shown_scores": "foreignness of each set",
    "coverage": "accuracy of what does not ring",
    "class_alarms": "false alarms by class",
    "covered": "share that does not ring",
    "alarms": "share of alarms",
    "kind": "kind",
    "right": "predicted rightly",
    "set": "set",
    "auroc_low": "AUROC, lower end",
    "auroc_high": "AUROC, upper end",
}
NO_CONTROLS = "normal samples stand beside, and synthetic ones that are foreign or shifted"
_PARAMETERS = """
Parameters
----------
predict : callable
    (n, …) → (n, k) class probabilities, or (n,) values.
X, y : array (n, …), array (n,)
    Samples that the model was not trained on, and their labels: for them an alarm is a false one.
X_train, y_train : array, optional
    What the detector learns from.
constraints : tuple of Constraint, optional
    Which columns are categories.
X_new, foreign : array, bool array, optional
    New samples, and which of them are of another kind. Without X_new synthetic foreign samples are made.
new_groups : array, optional
    The set of each new sample. The names may begin with its kind, as ``near: letters``, ``far: photographs`` (foreign)
    or ``shifted: lighter ink`` (valid); if all do, they say what is foreign where ``foreign`` is not given.
logits, embed, decide : callable, optional
    What the model says of itself, as in a `Subject`.
naming : Names, optional

Returns
-------
Finding
    ``false_alarms`` among the samples of X (Wilson) and ``fpr_above_alpha``, the same less α; of the foreign samples
    ``detection`` at α, ``detection_at_1`` and ``detection_at_5`` (Wilson), ``auroc`` (exact binomial interval of as
    many pairs as DeLong's variance tells), ``aupr`` (logit interval; it depends on how many are foreign),
    ``fpr_at_95_tpr`` (ends of the cut and Wilson's, each at 97.5 %); ``shifted_alarms`` of samples that are valid: of
    one's own sets, else of synthetic ones; ``new_alarms``. Tables: ``samples``, ``sets``, ``coverage``,
    ``class_alarms`` (Holm).

Raises
------
ValueError
    for fewer than four samples in X, or fewer than ten in X_train; for features that are not finite.
"""
_ASKS = """
Notes
-----
p = (1 + number of calibrating samples that are as foreign) / (n + 1): of a sample like them P(p ≤ α) ≤ α (split
conformal; Vovk et al. 2005). Where the detector looks at what the model says, one half of X calibrates, the false
alarms are counted on the other half, and the halves are swapped; training samples would not do: the model is used to
them.
Where it never asks the model, a fifth of the training samples calibrates, or, of fewer than 500, each tenth in turn.
"""
_LIMITATIONS = """
The guarantee of the false alarms is on average over calibrations and for samples of the same kind as those that
calibrate; it ends where the data drift. Detection of the foreign samples at hand says nothing of others. A score is
never a reason: it says that a sample is unusual to this detector.
"""
_RECOMMENDATIONS = """
Recommendations
---------------
Look at what is detected at α, not at the AUROC alone: 0.95 can mean that half is missed. Let the model abstain where
the alarm rings (`xrai_widgets.ReliableClassifier`), calibrated on recent samples; bring foreign samples of your own,
and join detectors that err differently (`ood.ensemble`).
"""


def documented(engine: Engine) -> Engine:
    """Return the engine, its docstring filled up with what holds for all detectors.

    The docstring holds the summary, an Interpretation and, if there is more to say, the beginning of Limitations.
    """
    text = cleandoc(engine.__doc__ or "")
    head, _, limits = text.partition("Limitations\n-----------\n")
    summary, _, meaning = head.partition("Interpretation\n--------------\n")
    parts = [summary, _PARAMETERS, _ASKS, "Interpretation\n--------------\n" + meaning]
    parts += ["Limitations\n-----------\n" + limits.strip() + _LIMITATIONS, _RECOMMENDATIONS]
    engine.__doc__ = "\n\n".join(part.strip("\n") for part in parts) + "\n"
    return engine
