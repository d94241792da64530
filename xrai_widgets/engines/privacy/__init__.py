"""What does the model give away about its training data?"""

from xrai_widgets.engines.privacy.lira import lira
from xrai_widgets.engines.privacy.membership_inference import membership_inference
from xrai_widgets.engines.privacy.pdtp import pdtp
from xrai_widgets.engines.privacy.shapr import shapr

__all__ = ["lira", "membership_inference", "pdtp", "shapr"]
