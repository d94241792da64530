"""Label-only membership inference: do members sit further from the decision boundary than others?"""

from xrai_widgets.engines.privacy.label_only.label_only import label_only

__all__ = ["label_only"]
