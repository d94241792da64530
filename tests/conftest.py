"""Fitted models and data that many tests share. They are made once per session."""

import os
from pathlib import Path

import numpy as np
import pytest

import xrai_widgets.engines  # noqa: F401 - fills the catalog
from xrai_widgets.core import Subject
from xrai_widgets.data import examples

os.environ["XRAI_STORE"] = "none"  # no test reads or writes the history of whoever runs it

EXAMPLES = ("breast_cancer_forest", "breast_cancer_logistic", "german_credit_forest", "digits_network", "diabetes_tree")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # Playwright's event loop stays in this thread once it runs, and no other one can run beside it
    items.sort(key=lambda item: "playwright" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session")
def forest() -> Subject:
    """A random forest on a numeric DataFrame; no gradients."""
    return examples.load("breast_cancer_forest")


@pytest.fixture(scope="session")
def logistic() -> Subject:
    """A linear model with gradients."""
    return examples.load("breast_cancer_logistic")


@pytest.fixture(scope="session")
def credit() -> Subject:
    """A pipeline on a DataFrame with text columns."""
    return examples.load("german_credit_forest")


@pytest.fixture(scope="session")
def digits() -> Subject:
    """A network on images."""
    return examples.load("digits_network")


@pytest.fixture(scope="session")
def regression() -> Subject:
    """A regression tree."""
    return examples.load("diabetes_tree")


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with larger public data sets; tests that need it are skipped where it is not."""
    root = Path(__file__).parent.parent
    for folder in (Path(os.environ.get("XRAI_DATA", "")), root.parent / "shared" / "data"):
        if folder.is_dir() and (folder / "README.md").is_file():
            return folder
    pytest.skip("set XRAI_DATA to the folder with the larger public data sets")
