"""The engines: plain functions from arrays to a Finding. Importing this package fills the catalog."""

from importlib import import_module

__all__ = ["explanations", "monitoring", "ood", "privacy", "robustness"]

for _family in __all__:
    import_module(f"{__name__}.{_family}")
