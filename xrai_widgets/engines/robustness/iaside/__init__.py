"""What frequencies does an image model read?"""

from xrai_widgets.engines.robustness.iaside.iaside import iaside

__all__ = ["iaside"]
