"""The versions that a result depends on."""

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import xrai_widgets

CODE = "xrai-widgets code"
_NUMBERS = ("engines/**/*.py", "models/**/*.py", "runtime/*control*.py", "runtime/subgroups.py")  # what makes them
_RECORDED = ("numpy", "scikit-learn", "scipy", "torch", "adversarial-robustness-toolbox")


@cache
def versions() -> dict[str, str]:
    """Return Python's version and those of the installed libraries that compute."""
    # the version of the code that runs: an editable installation's own record may be an older one
    recorded = {"python": platform.python_version(), "xrai-widgets": xrai_widgets.__version__, CODE: code_digest()[:16]}
    for package in _RECORDED:
        try:
            recorded[package] = version(package)
        except PackageNotFoundError:
            continue
    return recorded


@cache
def code_digest() -> str:
    """Return the SHA-256 over the code that makes numbers: a fix makes new numbers, whatever the version says."""
    return digest_of(Path(xrai_widgets.__file__).parent)


def digest_of(package: Path) -> str:
    """Return the digest of the files that make numbers below a package's folder, by name and content."""
    digest = hashlib.sha256()
    for file in sorted({file for pattern in _NUMBERS for file in package.glob(pattern)}):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(package).as_posix()}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()
