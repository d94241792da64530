"""Is what is installed able to work together?"""

import os
import sys
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from typing import Literal

from packaging.requirements import Requirement

_EXTRAS = ("torch", "aix360", "attacks", "dask")


@dataclass(frozen=True)
class Examined:
    """One thing that was looked at."""

    status: Literal["ok", "note", "bad"]
    words: tuple[str, str, str]


def examine() -> list[Examined]:
    """Compare what is installed with what is needed, and look for known traps."""
    checks = [_python(), _cores()]
    for text in requires("xrai-widgets") or []:
        need = Requirement(text)
        extra = next((name for name in _EXTRAS if need.marker and need.marker.evaluate({"extra": name})), "")
        if need.marker is None or extra:
            checks.append(_package(need, extra))
    return [*checks, *_traps()]


def _python() -> Examined:
    installed = ".".join(map(str, sys.version_info[:3]))
    return Examined("ok" if sys.version_info >= (3, 11) else "bad", ("Python", installed, ">= 3.11"))


def _cores() -> Examined:
    return Examined("ok", ("processor cores", str(os.cpu_count()), "any number"))


def _package(need: Requirement, extra: str) -> Examined:
    wanted = str(need.specifier) or "any version"
    try:
        installed = version(need.name)
    except PackageNotFoundError:
        hint = f"pip install 'xrai-widgets[{extra}]'" if extra else "pip install xrai-widgets"
        return Examined("note" if extra else "bad", (need.name, "not installed", hint))
    fits = need.specifier.contains(installed, prereleases=True)
    return Examined("ok" if fits else "bad", (need.name, installed, wanted))


def _traps() -> list[Examined]:
    traps = []
    if _installed("voila-vuetify"):
        words = ("voila-vuetify", _installed("voila-vuetify"), "absent: it downgrades Voilà and needs the network")
        traps.append(Examined("bad", words))
    numpy = _installed("numpy")
    if _installed("aix360") and Requirement("numpy>=2.4").specifier.contains(numpy):
        words = ("aix360 with NumPy", numpy, "< 2.4 for its Gaussian ProtoDash; everything else works")
        traps.append(Examined("note", words))
    return traps


def _installed(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return ""
