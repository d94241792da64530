"""SHAPr: which training samples does the model's output space lean on?"""

from xrai_widgets.engines.privacy.shapr.shapr import shapr

__all__ = ["shapr"]
