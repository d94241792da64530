"""Places for stores: an SQLite file, and a real PostgreSQL."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests import get_postgres


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The URL of a PostgreSQL that was started for the tests."""
    if not get_postgres.find() and not os.environ.get("CI"):
        pytest.skip("no PostgreSQL: `python -m tests` gets one where it can be had")
    with get_postgres.server() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty store may be made."""
    if request.param == "sqlite":
        return str(tmp_path / "folder" / "outcomes.sqlite")
    url = str(request.getfixturevalue("postgres"))
    engine = create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE IF EXISTS xrai_store, xrai_outcomes"))
    engine.dispose()
    return url
