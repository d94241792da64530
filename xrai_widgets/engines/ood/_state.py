"""Fitted detectors as numbers and names: what a file may hold of them, and how they are made again from it.

Nothing of a file is called or imported: it names one of some classes, and its arrays are checked against each other.
"""

from collections.abc import Mapping
from inspect import signature
from typing import Any

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines.ood._kinds import KINDS, Arrays, Forged, array, rising

_MOST_MEMBERS = 100


def packed(detector: Any, at: str = "") -> tuple[dict[str, Any], Arrays]:
    """Return what a fitted detector is, as JSON can hold it, and its arrays, whose names begin with ``at``.

    Raises
    ------
    TypeError
        for an estimator that is none of this package's detectors.
    """
    if hasattr(detector, "steps"):
        parts = [packed(step, f"{at}{place}.") for place, (_, step) in enumerate(detector.steps)]
        return {"kind": "pipeline", "parts": [manifest for manifest, _ in parts]}, {
            k: v for _, a in parts for k, v in a.items()
        }
    name = type(detector).__name__
    kinds = {**KINDS, "EnsembleDetector": None}
    if name not in kinds or type(detector).__module__.partition(".")[0] != "xrai_widgets":
        raise TypeError(f"only detectors of this package can be saved ({', '.join(sorted(kinds))}), got a {name}")
    manifest: dict[str, Any] = {"kind": name, "params": _params(detector), "width": int(detector.n_features_in_)}
    manifest["offset"] = float(getattr(detector, "offset_", 0.0))
    if name == "EnsembleDetector":
        return _packed_members(detector, manifest, at)
    kind = KINDS[name]
    arrays = {key: np.asarray(getattr(detector, key)) for key in kind.attributes}
    arrays |= {} if kind.more is None else kind.more(detector)
    return manifest, {f"{at}{key}": value for key, value in arrays.items()}


def unpacked(manifest: Any, arrays: Mapping[str, Array], width: int, at: str = "") -> Any:
    """Return the detector that `packed` has written, of rows (n, width).

    Raises
    ------
    Forged
        naming what cannot be.
    """
    name = manifest.get("kind") if isinstance(manifest, Mapping) else None
    if name == "pipeline":
        return _unpacked_steps(manifest, arrays, width, at)
    if name != "EnsembleDetector" and name not in KINDS:
        raise Forged(f"it names a detector that there is not: {name!r}"[:200])
    offset = manifest.get("offset")
    if manifest.get("width") != width or not isinstance(offset, float) or not np.isfinite(offset):
        raise Forged(f"a {name} in it takes {manifest.get('width')!r} columns, not {width}, or has no offset"[:200])
    if name == "EnsembleDetector":
        return _unpacked_members(manifest, arrays, width, at)
    kind = KINDS[name]
    detector = _made(kind.make(), manifest)
    lengths = {"d": width}
    for key, dimensions in kind.attributes.items():
        setattr(detector, key, array(arrays, at + key, dimensions, lengths))
    detector.n_features_in_ = width
    if hasattr(detector, "score_samples"):
        detector.offset_ = offset
    if kind.remake is not None:
        mine = {key.removeprefix(at): value for key, value in arrays.items() if key.startswith(at)}
        kind.remake(detector, mine, width)
    return detector


def _packed_members(detector: Any, manifest: dict[str, Any], at: str) -> tuple[dict[str, Any], Arrays]:
    arrays: Arrays = {}
    manifest["members"] = []
    for place, (name, member, columns) in enumerate(detector.members_):
        inner, more = packed(member, f"{at}{place}.")
        ends = columns.indices(detector.n_features_in_)[:2]
        manifest["members"].append({"name": name, "columns": list(ends), "detector": inner})
        arrays |= more | {f"{at}calibration.{place}": detector.calibrations_[place]}
    return manifest, arrays


def _unpacked_members(manifest: Mapping[str, Any], arrays: Mapping[str, Array], width: int, at: str) -> Any:
    from xrai_widgets.engines.ood.estimators.ensemble import EnsembleDetector

    members = manifest.get("members")
    if not isinstance(members, list) or not 1 <= len(members) <= _MOST_MEMBERS:
        raise Forged("an ensemble in it has no members")
    made, calibrations = [], []
    for place, one in enumerate(members):
        ends = one.get("columns") if isinstance(one, Mapping) else None
        sound = isinstance(ends, list) and len(ends) == 2 and all(type(end) is int for end in ends)
        if not sound or not 0 <= ends[0] < ends[1] <= width or not isinstance(one.get("name"), str):  # type: ignore[index]  # sound
            raise Forged("a member of an ensemble in it has no name, or columns that there are not")
        first, last = ends  # type: ignore[misc]  # sound
        member = unpacked(one.get("detector"), arrays, last - first, f"{at}{place}.")
        if not hasattr(member, "score_samples"):
            raise Forged("a member of an ensemble in it gives no scores")
        made.append((one["name"], member, slice(first, last)))
        calibrations.append(rising(array(arrays, f"{at}calibration.{place}", "n", {})))
    detector = _made(EnsembleDetector, manifest)
    detector.members_, detector.calibrations_ = made, calibrations
    detector.n_features_in_, detector.offset_ = width, manifest["offset"]
    return detector


def _unpacked_steps(manifest: Mapping[str, Any], arrays: Mapping[str, Array], width: int, at: str) -> Any:
    from sklearn.pipeline import make_pipeline

    parts = manifest.get("parts")
    if not isinstance(parts, list) or len(parts) != 2 or parts[0].get("kind") != "TableEncoder":
        raise Forged("a pipeline in it is not an encoder of tables and a detector")
    encoder = unpacked(parts[0], arrays, width, f"{at}0.")
    inner = encoder.transform(np.zeros((1, width))).shape[1]
    detector = unpacked(parts[1], arrays, inner, f"{at}1.")
    if not hasattr(detector, "score_samples"):
        raise Forged("a pipeline in it gives no scores")
    return make_pipeline(encoder, detector)


def _params(detector: Any) -> dict[str, Any]:
    params = detector.get_params(deep=False)
    params.pop("members", None)
    return {key: list(value) if isinstance(value, tuple) else value for key, value in params.items()}


def _made(kind: type, manifest: Mapping[str, Any]) -> Any:
    """Return an estimator with its parameters, each of the type of its default or None."""
    names, given = signature(kind).parameters, manifest.get("params")
    if not isinstance(given, Mapping) or not {*given} <= {*names} - {"members"}:
        raise Forged(f"a {kind.__name__} in it has parameters that there are not")
    params = {}
    for key, value in given.items():
        plain = value is None or isinstance(value, bool | int | float | str)
        whole = isinstance(value, list) and all(type(one) is int for one in value)
        if not plain and not whole:
            raise Forged(f"the parameter {key!r} of a {kind.__name__} in it is neither number nor name")
        params[key] = tuple(value) if whole else value  # type: ignore[arg-type]  # whole: a list
    return kind(**params)
