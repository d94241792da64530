"""What every engine of the catalog must do, whatever it measures."""

from pathlib import Path

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # the network of an example is trained for 60 rounds only, and so are its refits
    few_rounds = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(few_rounds)
