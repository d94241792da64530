"""Does the prediction survive small changes of the input?"""

from xrai_widgets.engines.robustness.corruptions import corruptions
from xrai_widgets.engines.robustness.evasion import evasion

__all__ = ["corruptions", "evasion"]
TITLE = "Robustness"
