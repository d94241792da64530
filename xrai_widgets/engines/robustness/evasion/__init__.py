"""Evasion: how far must an input be changed before the prediction changes?"""

from xrai_widgets.engines.robustness.evasion.evasion import evasion

__all__ = ["evasion"]
