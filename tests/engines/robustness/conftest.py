"""What an attack does is shown on a smaller pipeline than the example's: it answers four times as fast."""

import pytest

from tests.subjects import small_credit
from xrai_widgets.core import Subject


@pytest.fixture(scope="session")
def credit() -> Subject:
    """A pipeline on a DataFrame with text columns."""
    return small_credit()
