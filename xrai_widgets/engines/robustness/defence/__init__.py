"""Defence: what is a defence worth against an attacker who knows it, and what does it cost?"""

from xrai_widgets.engines.robustness.defence.defence import defence

__all__ = ["defence"]
