"""What distinguishes one Keras model from another, without the names that Keras numbers."""

from typing import Any

_PACKAGES = {"keras", "tf_keras"}
_ASKED = ("predict_on_batch", "get_weights", "get_config")


def is_keras(model: object) -> bool:
    """Whether the object is a Keras model; Keras is not imported to find out."""
    packages = {kind.__module__.partition(".")[0] for kind in type(model).__mro__}
    return bool(packages & _PACKAGES) and all(hasattr(model, name) for name in _ASKED)


def keras_state(model: Any) -> list[Any]:
    """Return configuration and weights. Of two models built alike, one after the other, they are equal.

    Keras names layers by counting them (``dense``, ``dense_1``, …): here they have the place at which they first stand.

    Raises
    ------
    Exception
        what a model raises whose configuration cannot be read.
    """
    config = model.get_config()
    places: dict[str, int] = {}
    _collect(config, places)
    return [_renamed(config, places), model.get_weights()]


def _collect(value: Any, places: dict[str, int]) -> None:
    if isinstance(value, dict):
        if isinstance(name := value.get("name"), str):
            places.setdefault(name, len(places))
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            _collect(item, places)


def _renamed(value: Any, places: dict[str, int]) -> Any:
    if isinstance(value, dict):
        return {key: _renamed(item, places) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_renamed(item, places) for item in value]
    return f"layer {places[value]}" if isinstance(value, str) and value in places else value
