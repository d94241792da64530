"""Does the prediction survive small changes of the input?"""

from xrai_widgets.engines.robustness.certified import certified
from xrai_widgets.engines.robustness.corruptions import corruptions
from xrai_widgets.engines.robustness.defence import defence
from xrai_widgets.engines.robustness.evasion import evasion
from xrai_widgets.engines.robustness.expectations import expectations
from xrai_widgets.engines.robustness.weak_segments import weak_segments

__all__ = ["certified", "corruptions", "defence", "evasion", "expectations", "weak_segments"]
TITLE = "Robustness"
