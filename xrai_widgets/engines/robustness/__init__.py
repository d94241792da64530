"""Does the prediction survive small changes of the input?"""

from xrai_widgets.engines.robustness.certified import certified
from xrai_widgets.engines.robustness.evasion import evasion

__all__ = ["certified", "evasion"]
TITLE = "Robustness"
