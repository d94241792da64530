import subprocess
import sys

_COUNT = """
import sys
{first}
import xrai_widgets.io.skops_reader
from skops.io._trusted_types import SKLEARN_ESTIMATOR_TYPE_NAMES as names
assert ("torch" in sys.modules) is {loaded}
import sklearn.externals.array_api_compat.torch
print(*sorted(names))
"""


def _listed(first: str, loaded: bool) -> str:
    code = _COUNT.format(first=first, loaded=loaded)
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout


def test_skops_without_torch_knows_the_same_estimators() -> None:
    alone = _listed("", loaded=False)
    assert alone == _listed("import torch", loaded=True)
    assert "sklearn.ensemble._forest.RandomForestClassifier" in alone.split()
