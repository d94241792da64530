"""PDTP: what does the model say differently when one training sample is left out?"""

from xrai_widgets.engines.privacy.pdtp.pdtp import pdtp

__all__ = ["pdtp"]
