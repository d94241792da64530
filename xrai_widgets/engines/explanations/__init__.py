"""What would change the model's mind, and which samples stand for it?"""

from xrai_widgets.engines.explanations.cem import cem
from xrai_widgets.engines.explanations.protodash import protodash

__all__ = ["cem", "protodash"]
TITLE = "Explanations"
