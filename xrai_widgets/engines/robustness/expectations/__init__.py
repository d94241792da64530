"""Does the model do at the edges what anybody would expect?"""

from xrai_widgets.engines.robustness.expectations.expectations import expectations

__all__ = ["expectations"]
