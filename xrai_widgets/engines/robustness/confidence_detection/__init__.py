"""Detection by confidence; the function is in the module of the same name."""

from xrai_widgets.engines.robustness.confidence_detection.confidence_detection import confidence_detection

__all__ = ["confidence_detection"]
