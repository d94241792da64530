"""How far does the steepest slope nearby let the decision boundary be?"""

from xrai_widgets.engines.robustness.clever.clever import clever

__all__ = ["clever"]
