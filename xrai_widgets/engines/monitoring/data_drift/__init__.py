"""Did the data move?"""

from xrai_widgets.engines.monitoring.data_drift.data_drift import data_drift

__all__ = ["data_drift"]
