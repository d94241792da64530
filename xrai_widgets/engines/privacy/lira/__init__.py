"""LiRA and RMIA: membership inference beside reference models that were trained with and without each sample."""

from xrai_widgets.engines.privacy.lira.lira import lira

__all__ = ["lira"]
