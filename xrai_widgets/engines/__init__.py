"""The engines: plain functions from arrays to a Finding. Importing this package fills the catalog."""

from xrai_widgets.engines import explanations, privacy, robustness

__all__ = ["explanations", "privacy", "robustness"]
