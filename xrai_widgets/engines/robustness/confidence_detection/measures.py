"""What may be judged of a detector by confidence, and what people call the numbers."""

from xrai_widgets.core import Measure

MEASURES = (
    Measure(
        "adaptive_detection",
        "higher",
        bound="upper",
        label="detected, adaptive attack",
        meaning="Of the samples that an attacker who knows the detector turns within ε, the share that is flagged. "
        "Few: the model's confidence protects nobody who is meant.",
        sentence="Of 100 samples that an attacker who knows the detector gets another label for, {value:100} are "
        "flagged; at least {limit:100} are asked for.",
    ),
    Measure(
        "guarded_accuracy",
        "higher",
        bound="upper",
        label="right or flagged, adaptive attack",
        sentence="Of 100 samples {value:100} are still predicted rightly, or are flagged, after an attacker who knows "
        "the detector has changed each by no more than the chosen size; at least {limit:100} are asked for.",
    ),
    Measure(
        "false_alarms",
        "lower",
        label="false alarms",
        sentence="Of 100 clean samples {value:100} are flagged at the calibrated threshold; at most {limit:100} are "
        "allowed.",
    ),
)
WORDS = {
    "foreign_detection": "foreign inputs detected",
    "plain_detection": "detected, plain attack",
    "adaptive_auc": "AUROC, adaptive attack",
    "plain_auc": "AUROC, plain attack",
    "foreign_auc": "AUROC, foreign inputs",
    "false_alarms_fixed": "false alarms, fixed threshold",
    "adaptive_detection_fixed": "detected at fixed, adaptive",
    "plain_detection_fixed": "detected at fixed, plain",
    "foreign_detection_fixed": "foreign detected at fixed",
    "thresholds": "thresholds",
    "coverage": "accuracy of what is not flagged",
    "roc": "detected against false alarms",
    "shown_scores": "scores of clean and attacked samples",
    "detectors": "other scores",
    "score": "score (higher: more trusted)",
    "plain_score": "score after the plain attack",
    "adaptive_score": "score after the adaptive attack",
    "plain_distance": "distance, plain attack",
    "role": "used for",
    "right": "predicted rightly",
    "fpr": "false alarms",
    "tpr": "detected",
    "covered": "share that is not flagged",
}
NO_CONTROLS = "the fixed threshold and the plain attack are measured beside"
