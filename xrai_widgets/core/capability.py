"""Fields that a subject may lack: what they say when they are missing."""

from dataclasses import field
from typing import Any


def says(text: str) -> Any:
    """Return an optional field, and what a message calls it."""
    return field(default=None, metadata={"says": text})


def sees_inside(text: str = "") -> Any:
    """Return a field that knows the model from inside: it does not hold for another predict function."""
    return field(default=None, metadata={"sees_inside": True} | ({"says": text} if text else {}))
