"""How do errors in the data hurt?"""

from xrai_widgets.engines.robustness.corruptions.corruptions import corruptions

__all__ = ["corruptions"]
