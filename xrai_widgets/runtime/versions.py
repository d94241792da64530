"""The versions that a result depends on."""

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

_RECORDED = ("xrai-widgets", "numpy", "scikit-learn", "scipy", "torch", "adversarial-robustness-toolbox")


@cache
def versions() -> dict[str, str]:
    """Return Python's version and those of the installed libraries that compute."""
    found = {"python": platform.python_version()}
    for package in _RECORDED:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
