"""Is it still the model that was approved, on data as it was approved for?"""

from xrai_widgets.engines.monitoring.data_drift import data_drift

__all__ = ["data_drift"]
TITLE = "Monitoring"
