"""What may be judged of explanations, and what people call the numbers."""

from xrai_widgets.core import Measure

MEASURES = (
    Measure(
        "pn_share",
        "lower",
        meaning="Samples whose prediction some allowed change alters: the fewer, the firmer the model. Where there "
        "are many, look at the features that they hang on.",
        bound="lower",
        label="share with a pertinent negative",
        sentence="For {value:100} in 100 samples an allowed change was found that alters the prediction; at most "
        "{limit:100} are allowed.",
    ),
    Measure(
        "median_pn_distance",
        "higher",
        meaning="How far the typical sample is from another prediction (L2, in shares of the columns' ranges unless "
        "scale is raw). Where it is short, attack with robustness.evasion, and smooth the model.",
        bound="upper",
        label="median distance to another prediction",
        sentence="The smallest change found that alters the prediction of the typical sample has a size of {value}; "
        "at least {limit} is asked for.",
    ),
)
WORDS = {
    "pn_sparsity": "share of features a PN changes",
    "pp_share": "share with a pertinent positive",
    "pp_sparsity": "share of features a PP needs",
    "validity": "explanations that hold when asked again",
    "stability": "overlap of PNs under noise",
    "pn_distance": "size of the pertinent negative (L2)",
    "pp_distance": "size of the pertinent positive (L2)",
}
