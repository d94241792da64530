"""Certified robustness: within what distance is it proved that the prediction does not change?"""

from xrai_widgets.engines.robustness.certified.certified import certified

__all__ = ["certified"]
