"""Fitted models and data that many tests share, made once per session; and what a test may not leave behind."""

import gc
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

os.environ["XRAI_JOBS"] = "1"  # several tests share the cores; tests of parallel work say how many they want
os.environ["XRAI_STORE"] = "none"  # no test reads or writes the history of whoever runs it
# processes that tests start find the package and the tests from any folder
os.environ["PYTHONPATH"] = f"{Path(__file__).parent.parent}{os.pathsep}{os.environ.get('PYTHONPATH', '')}".rstrip(
    os.pathsep
)
# neither the workers nor the many processes that tests start compile the same sources each time anew
os.environ["PYTHONDONTWRITEBYTECODE"] = ""
os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(Path(__file__).parent.parent / ".pytest_cache" / "hypothesis")

import numpy as np
import pytest

import xrai_widgets.engines  # noqa: F401 - fills the catalog
from tests import groups
from xrai_widgets.core import Assessment, Subject
from xrai_widgets.core.assessment import _registry, registered
from xrai_widgets.data import examples

ROOT = Path(__file__).parent.parent
EXAMPLES = ("breast_cancer_forest", "breast_cancer_logistic", "german_credit_forest", "digits_network", "diabetes_tree")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    return groups.scheduler(config, log) if config.getoption("dist") != "each" else None


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_collection() -> Iterator[None]:
    """Collect without looking for garbage, of which there is none; nothing that is collected becomes any."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if reruns := groups.reruns_of(item.nodeid, getattr(item, "function", None)):
            item.add_marker(pytest.mark.flaky(reruns=reruns))
    # Playwright's event loop stays in this thread once it runs, and no other one can run beside it
    items.sort(key=lambda item: "playwright" in getattr(item, "fixturenames", ()))


@pytest.fixture(scope="session", autouse=True)
def working_directory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty folder of this worker's own, in which all of its tests run."""
    folder, before = tmp_path_factory.mktemp("working-directory"), Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


@pytest.fixture(autouse=True)
def nothing_is_left_in_the_working_directory(working_directory: Path) -> Iterator[None]:
    yield
    left = sorted(path.name for path in working_directory.iterdir())
    for name in left:  # the next test is not to blame
        (working_directory / name).rename(working_directory.parent / f"left-{os.getpid()}-{name}-{os.urandom(4).hex()}")
    assert left == [], "a test, or what it runs, has written into the folder it was started from"


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


@pytest.fixture(scope="session")
def assessments_alone() -> dict[str, Assessment]:
    return {name: replace(entry, controls=()) for name, entry in registered().items() if entry.controls}


@pytest.fixture
def without_controls(monkeypatch: pytest.MonkeyPatch, assessments_alone: dict[str, Assessment]) -> None:
    """Assessments measure the model alone: what they measure beside it takes most of the time and has its own tests."""
    for name, entry in assessments_alone.items():
        monkeypatch.setitem(_registry, name, entry)


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with larger public data sets; tests that need it are skipped where it is not."""
    for folder in (Path(os.environ.get("XRAI_DATA", "")), ROOT.parent / "shared" / "data"):
        if folder.is_dir() and (folder / "README.md").is_file():
            return folder
    pytest.skip("set XRAI_DATA to the folder with the larger public data sets")
