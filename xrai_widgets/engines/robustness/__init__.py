"""Does the prediction survive small changes of the input?"""

from xrai_widgets.engines.robustness.corruptions import corruptions
from xrai_widgets.engines.robustness.evasion import evasion
from xrai_widgets.engines.robustness.weak_segments import weak_segments

__all__ = ["corruptions", "evasion", "weak_segments"]
TITLE = "Robustness"
