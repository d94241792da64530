"""Does the prediction survive small changes of the input?"""

from xrai_widgets.engines.robustness.certified import certified
from xrai_widgets.engines.robustness.clever import clever
from xrai_widgets.engines.robustness.confidence_detection import confidence_detection
from xrai_widgets.engines.robustness.corruptions import corruptions
from xrai_widgets.engines.robustness.defence import defence
from xrai_widgets.engines.robustness.empirical_robustness import empirical_robustness
from xrai_widgets.engines.robustness.evasion import evasion
from xrai_widgets.engines.robustness.expectations import expectations
from xrai_widgets.engines.robustness.iaside import iaside
from xrai_widgets.engines.robustness.loss_sensitivity import loss_sensitivity
from xrai_widgets.engines.robustness.smoothing import smoothing
from xrai_widgets.engines.robustness.weak_segments import weak_segments

__all__ = [
    "certified",
    "clever",
    "confidence_detection",
    "corruptions",
    "defence",
    "empirical_robustness",
    "evasion",
    "expectations",
    "iaside",
    "loss_sensitivity",
    "smoothing",
    "weak_segments",
]
TITLE = "Robustness"
