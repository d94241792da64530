"""Where does the model break?"""

from xrai_widgets.engines.robustness.weak_segments.weak_segments import weak_segments

__all__ = ["weak_segments"]
