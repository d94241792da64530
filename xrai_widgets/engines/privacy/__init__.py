"""What does the model reveal about its training data?"""

from xrai_widgets.engines.privacy.attribute_inference import attribute_inference
from xrai_widgets.engines.privacy.label_only import label_only
from xrai_widgets.engines.privacy.lira import lira
from xrai_widgets.engines.privacy.membership_inference import membership_inference
from xrai_widgets.engines.privacy.pdtp import pdtp
from xrai_widgets.engines.privacy.shapr import shapr

__all__ = ["attribute_inference", "label_only", "lira", "membership_inference", "pdtp", "shapr"]
TITLE = "Privacy"
