"""ProtoDash: which training samples stand for the samples that the model judges?"""

from xrai_widgets.engines.explanations.protodash.protodash import protodash

__all__ = ["protodash"]
