"""In the kernel of a page that needs one small module: its package is not filled first, which takes two seconds."""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec
from pathlib import Path

import xrai_widgets


def without_neighbours(*rooms: str) -> None:
    """Let modules of these rooms of the package be imported without what ``__init__`` imports beside them."""
    for room in rooms:
        spec = ModuleSpec(f"xrai_widgets.{room}", None, is_package=True)
        spec.submodule_search_locations = [str(Path(xrai_widgets.__file__).parent / room)]
        sys.modules[spec.name] = module_from_spec(spec)
