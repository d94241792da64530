"""Does the prediction survive small changes of the input?"""

from xrai_widgets.engines.robustness.evasion import evasion

__all__ = ["evasion"]
TITLE = "Robustness"
