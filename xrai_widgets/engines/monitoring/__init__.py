"""Is it still the model that was approved, on data as it was approved for?"""

from xrai_widgets.engines.monitoring.data_checks import data_checks
from xrai_widgets.engines.monitoring.data_drift import data_drift
from xrai_widgets.engines.monitoring.performance import performance

__all__ = ["data_checks", "data_drift", "performance"]
TITLE = "Monitoring"
