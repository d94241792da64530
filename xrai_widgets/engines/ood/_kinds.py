"""Each class of detector as named arrays, and how it is made again from them: what cannot be is refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines.ood._autoencoder import Autoencoder
from xrai_widgets.engines.ood._trees import Trees, check_trees

Arrays = dict[str, Array]
_FIXED = {"1": 1, "2": 2, "3": 3}  # lengths that a digit stands for


class Forged(ValueError):
    """What cannot be."""


@dataclass(frozen=True, eq=False)
class Kind:
    """How the fitted attributes of a class are written.

    Parameters
    ----------
    attributes : mapping of name to dimensions
        Plain arrays, one letter per dimension: equal letters are equal lengths, ``d`` is the width of the rows.
    more : callable, optional
        Detector → arrays of what is no plain attribute.
    remake : callable, optional
        (detector, those arrays, width) → sets it again, and refuses what cannot be.
    """

    make: Callable[[], type]
    attributes: Mapping[str, str]
    more: Callable[[Any], Arrays] | None = None
    remake: Callable[[Any, Arrays, int], None] | None = None


def array(arrays: Mapping[str, Array], name: str, dimensions: str, lengths: dict[str, int], kind: str = "f") -> Array:
    """Return an array of finite numbers whose lengths are those that others of the same letters have."""
    values = arrays.get(name)
    if (
        values is None
        or values.ndim != len(dimensions)
        or values.dtype != np.dtype({"f": np.float64, "i": np.int64}[kind])
    ):
        raise Forged(f"it has no array {name!r} of {len(dimensions)} dimensions")
    for letter, length in zip(dimensions, values.shape, strict=True):
        if _FIXED.get(letter, lengths.setdefault(letter, length)) != length or not length:
            raise Forged(f"its array {name!r} has shape {values.shape}, which does not go with the others")
    if not np.isfinite(values).all():
        raise Forged(f"its array {name!r} holds numbers that are not finite")
    return values


def rising(values: Array) -> Array:
    """Return values that rise, or refuse them."""
    if (np.diff(values) < 0).any():
        raise Forged("the scores that calibrate do not rise")
    return values


def _of_trees(detector: Any) -> Arrays:
    trees = detector.trees_
    arrays = {name: getattr(trees, name) for name in ("roots", "children", "feature", "threshold", "value")}
    return arrays | {"usual": np.array([getattr(detector, "usual_", 0.0)])}


def _to_trees(detector: Any, arrays: Arrays, width: int) -> None:
    lengths: dict[str, int] = {}
    whole = {
        name: array(arrays, name, of, lengths, "i")
        for name, of in (("roots", "t"), ("children", "2n"), ("feature", "n"))
    }
    trees = Trees(**whole, **{name: array(arrays, name, "n", lengths) for name in ("threshold", "value")})
    try:
        check_trees(trees, width)
    except ValueError as error:
        raise Forged(str(error)) from None
    detector.trees_ = trees
    detector.usual_ = float(array(arrays, "usual", "1", lengths)[0])


def _to_neighbours(detector: Any, arrays: Arrays, width: int) -> None:  # noqa: ARG001 - all take the same
    if len(detector.rows_) < 2 or not _whole(detector.n_neighbors) >= 1:
        raise Forged("local densities in it have too few rows, or no number of neighbours")
    if (detector.density_ <= 0).any():
        raise Forged("a local density in it is not positive")
    detector.settle()


def _to_rows(detector: Any, arrays: Arrays, width: int) -> None:  # noqa: ARG001
    if not 1 <= _whole(detector.n_neighbors) <= len(detector.rows_) or detector.metric not in ("cosine", "euclidean"):
        raise Forged("nearest neighbours in it have a number or a distance that there is not")


def _to_temperature(detector: Any, arrays: Arrays, width: int) -> None:  # noqa: ARG001
    if isinstance(detector.temperature, bool | str) or not detector.temperature or not detector.temperature > 0:
        raise Forged("the temperature in it is not positive")


def _whole(value: Any) -> int:
    return value if type(value) is int else 0


def _of_encoder(encoder: Any) -> Arrays:
    arrays = {name: getattr(encoder, f"{name}_").astype(np.int64) for name in ("codes", "numbers", "lacking")}
    arrays |= {name: getattr(encoder, f"{name}_") for name in ("marks", "centres", "means", "deviations")}
    counts = np.array([len(part) for part in encoder.categories_], dtype=np.int64)
    return arrays | {"counts": counts, "categories": np.concatenate([*encoder.categories_, np.empty(0)])}


def _to_encoder(encoder: Any, arrays: Arrays, width: int) -> None:
    def part(name: str, kind: Any) -> Array:
        values = arrays.get(name)
        if values is None or values.ndim != 1 or values.dtype != kind:
            raise Forged(f"an encoder in it has no {name}")
        return values

    whole = {name: part(name, np.int64) for name in ("codes", "numbers", "lacking", "counts")}
    plain = {name: part(name, np.float64) for name in ("marks", "centres", "means", "deviations", "categories")}
    columns = np.concatenate([whole["codes"], whole["numbers"]])
    wide = len(whole["numbers"]) + len(whole["lacking"]) + len(plain["categories"]) + 1
    sound = (
        np.array_equal(np.sort(columns), np.arange(width))
        and bool(np.isin(whole["lacking"], whole["numbers"]).all())
        and len(whole["counts"]) == len(whole["codes"])
        and bool((whole["counts"] >= 0).all())
        and int(whole["counts"].sum()) == len(plain["categories"])
        and len(plain["marks"]) == width
        and len(plain["centres"]) == len(whole["numbers"])
        and len(plain["means"]) == len(plain["deviations"]) == wide
        and bool((plain["deviations"] > 0).all())
        and all(bool(np.isfinite(plain[name]).all()) for name in ("marks", "centres", "means", "deviations"))
        and isinstance(encoder.one_hot, bool)
    )
    if not sound:
        raise Forged("an encoder in it does not go with the columns")
    for name in ("codes", "numbers", "lacking"):
        setattr(encoder, f"{name}_", whole[name])
    for name in ("marks", "centres", "means", "deviations"):
        setattr(encoder, f"{name}_", plain[name])
    encoder.categories_ = np.split(plain["categories"], np.cumsum(whole["counts"])[:-1]) if len(whole["counts"]) else []


def _of_network(detector: Any) -> Arrays:
    network = detector.autoencoder_
    arrays = {"shift": np.atleast_1d(detector.shift_), "scale": np.atleast_1d(detector.scale_)}
    if network.noise is not None:
        arrays["noise"] = network.noise
    for name in ("encoder", "decoder"):
        for place, (weight, bias) in enumerate(getattr(network, name)):
            arrays |= {f"{name}.{place}.weight": weight, f"{name}.{place}.bias": bias}
    arrays["rows"] = np.array([network.rows], dtype=np.int64)
    return arrays


def _to_network(detector: Any, arrays: Arrays, width: int) -> None:
    pictures = detector.image_shape is not None
    lengths = {"d": width}
    sides: dict[str, tuple[tuple[Array, Array], ...]] = {}
    inputs = width
    for name in ("encoder", "decoder"):
        layers = []
        while f"{name}.{len(layers)}.weight" in arrays:
            at = {"i": inputs}
            weight = array(arrays, f"{name}.{len(layers)}.weight", "io", at)
            layers.append((weight, array(arrays, f"{name}.{len(layers)}.bias", "o", at)))
            inputs = at["o"]
        if not layers or (name == "encoder" and inputs % 2):
            raise Forged("an autoencoder in it lacks layers")
        sides[name], inputs = tuple(layers), inputs // 2 if name == "encoder" else inputs
    shift, scale = (array(arrays, name, "1" if pictures else "d", lengths) for name in ("shift", "scale"))
    shape = detector.image_shape
    fits = not pictures or (len(shape) in (2, 3) and min(shape) > 0 and int(np.prod(shape)) == width)
    rows = int(array(arrays, "rows", "1", lengths, "i")[0])
    if inputs != width or (scale <= 0).any() or not fits or rows < 1:
        raise Forged("an autoencoder in it does not go with the columns")
    noise = None if pictures else array(arrays, "noise", "d", lengths)
    detector.autoencoder_ = Autoencoder(sides["encoder"], sides["decoder"], noise, rows)
    detector.shift_, detector.scale_ = (shift.reshape(()), scale.reshape(())) if pictures else (shift, scale)


def _home(module: str, name: str) -> Callable[[], type]:
    def make() -> type:
        values: type = getattr(import_module(f"xrai_widgets.engines.ood.estimators.{module}"), name)
        return values

    return make


KINDS: Mapping[str, Kind] = {
    "EnergyDetector": Kind(_home("outputs", "EnergyDetector"), {}, remake=_to_temperature),
    "GENDetector": Kind(_home("outputs", "GENDetector"), {}),
    "MaxSoftmaxDetector": Kind(_home("outputs", "MaxSoftmaxDetector"), {}),
    "KNNDetector": Kind(_home("knn", "KNNDetector"), {"rows_": "nd"}, remake=_to_rows),
    "MahalanobisDetector": Kind(_home("mahalanobis", "MahalanobisDetector"), {"means_": "cw", "whitening_": "dw"}),
    "ShuffleForestDetector": Kind(_home("forests", "ShuffleForestDetector"), {}, _of_trees, _to_trees),
    "IsolationForestDetector": Kind(_home("forests", "IsolationForestDetector"), {}, _of_trees, _to_trees),
    "LocalOutlierFactorDetector": Kind(
        _home("forests", "LocalOutlierFactorDetector"),
        {"rows_": "nd", "reach_": "n", "density_": "n"},
        remake=_to_neighbours,
    ),
    "TableEncoder": Kind(_home("table_encoder", "TableEncoder"), {}, _of_encoder, _to_encoder),
    "VAEDetector": Kind(_home("vae", "VAEDetector"), {"correction_": "3"}, _of_network, _to_network),
}
