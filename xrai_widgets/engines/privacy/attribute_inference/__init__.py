"""Attribute inference: does the model help to guess what is hidden about a person?"""

from xrai_widgets.engines.privacy.attribute_inference.attribute_inference import attribute_inference

__all__ = ["attribute_inference"]
