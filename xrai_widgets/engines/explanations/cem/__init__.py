"""CEM: what would change the model's prediction, and what suffices for it?"""

from xrai_widgets.engines.explanations.cem.cem import cem

__all__ = ["cem"]
