"""The engines: plain functions from arrays to a Finding. Importing this package fills the catalog."""

from xrai_widgets.engines import privacy, robustness

__all__ = ["privacy", "robustness"]
