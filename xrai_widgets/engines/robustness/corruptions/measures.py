"""What may be judged of corruptions, what people call the numbers, and the control."""

from xrai_widgets.core import Control, Measure

MEASURES = (
    Measure(
        "accuracy_fall",
        "lower",
        chance=0.0,
        label="fall of accuracy, mean over corruptions",
        sentence="When the data are corrupted in the ways that were tried, {value:100} fewer of 100 samples are "
        "predicted rightly, on average over those ways; at most {limit:100} are allowed.",
    ),
    Measure(
        "worst_fall",
        "lower",
        chance=0.0,
        label="fall of accuracy, worst corruption",
        sentence="When the data are corrupted in the worst of the ways that were tried, {value:100} fewer of 100 "
        "samples are predicted rightly; at most {limit:100} are allowed.",
    ),
    Measure(
        "flip_share",
        "lower",
        chance=0.0,
        label="labels that corruptions change",
        sentence="Of 100 samples {value:100} get another label when the data are corrupted, on average over the ways "
        "that were tried; at most {limit:100} are allowed.",
    ),
)
WORDS = {
    "accuracy": "accuracy on clean samples",
    "overconfidence_rise": "rise of confidence less accuracy",
    "severities": "corruptions by severity",
    "corruptions": "corruptions at the chosen severity",
    "spectrum": "signal and noise of corruptions by band",
    "signal": "power of what tells images apart",
    "noise": "power of what is changed",
    "snr": "signal over noise (dB)",
    "from_frequency": "from (cycles per pixel)",
    "to_frequency": "to (cycles per pixel)",
    "errors": "severities at which a sample is wrong",
    "columns": "columns, each corrupted alone",
    "worst_columns": "worst columns on fresh draws",
    "fall": "fall of accuracy",
    "fall_low": "fall, from",
    "fall_high": "fall, to",
    "flips": "labels that change",
    "flips_low": "labels that change, from",
    "flips_high": "labels that change, to",
    "calibration_low": "calibration error, from",
    "calibration_high": "calibration error, to",
    "rise_low": "rise, from",
    "rise_high": "rise, to",
    "first_fall": "fall at the first draws",
    "p_value": "p-value (Holm)",
    "worst": "named as worst",
    "right": "predicted rightly when clean",
    "lost": "share of corruptions that make it wrong",
}
CONTROLS = (
    Control(
        "constant",
        {"flip_share": (0.0, 0.0)},
        "no error in the data changes its labels: nothing falls",
        at_most={"n_samples": 50},
        wrong="No input changes the label of a constant model, so changes are counted that are none.",
    ),
)
