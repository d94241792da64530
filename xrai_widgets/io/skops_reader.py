"""skops without torch: what it lists of scikit-learn needs no network library."""

import sys

# skops lists scikit-learn's estimators by importing all its packages, one of which is a bridge to torch:
# 1.5 s and 200 MB for a model that has no network. A package that cannot be imported is passed over there.
_BRIDGE = "sklearn.externals.array_api_compat.torch"


def _hide_bridge() -> bool:
    if "torch" in sys.modules or _BRIDGE in sys.modules:
        return False
    sys.modules[_BRIDGE] = None  # type: ignore[assignment]  # the import system's own sign for "not to be had"
    return True


_hidden = _hide_bridge()
try:
    from skops.io import get_untrusted_types, load, loads
finally:
    if _hidden:
        del sys.modules[_BRIDGE]

__all__ = ["get_untrusted_types", "load", "loads"]
