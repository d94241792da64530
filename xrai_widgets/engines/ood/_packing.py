"""An alarm in service as numbers and names, and back: see `_state` for its detectors."""

from collections.abc import Mapping
from typing import Any, get_args

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines.ood._alarm import Alarm
from xrai_widgets.engines.ood._kinds import Arrays, Forged, array, rising
from xrai_widgets.engines.ood._reference import Reference
from xrai_widgets.engines.ood._service import Service
from xrai_widgets.engines.ood._state import packed, unpacked
from xrai_widgets.engines.ood._watches import METHODS, Part, Seen

_MOST_FOLDS = 100
_FEWEST = 5  # rows of a fold: by less the differences between the means of the folds' detectors come down to rows


def holds_rows(detector: Any) -> bool:
    """Return whether a fitted detector holds rows that it was fitted on."""
    if hasattr(detector, "steps"):
        return holds_rows(detector.steps[-1][1])
    if hasattr(detector, "members_"):
        return any(holds_rows(member) for _, member, _ in detector.members_)
    return bool(getattr(detector, "holds_rows", True))


def taken_apart(service: Service, include_rows: bool) -> tuple[dict[str, Any], Arrays]:
    """Return what JSON can hold of an alarm, and its arrays; the training samples for the map only if asked.

    Raises
    ------
    ValueError
        if the detector cannot be without training rows, and they are not asked for; if it is calibrated on folds of so
        few rows that means would give them away.
    """
    alarm, reference = service.alarm, service.reference
    if not include_rows and holds_rows(alarm.detectors[0]):
        raise ValueError(
            f"{service.method} holds training rows, and so would the file: pass include_rows=True (--include-rows) if "
            "whoever reads it may see them, or take a detector that holds none (ood.mahalanobis, ood.shuffle_forest, "
            "ood.vae)"
        )
    fewest = min(map(len, alarm.calibrations))
    if not include_rows and len(alarm.detectors) > 1 and fewest < _FEWEST:
        raise ValueError(
            f"each fold of the alarm must calibrate on at least {_FEWEST} rows, or the means in the file give single "
            f"training rows away, got {fewest}: pass include_rows=True (--include-rows) if whoever reads it may see "
            f"them, or fit it on at least {_FEWEST * len(alarm.detectors)} training rows"
        )
    manifest: dict[str, Any] = {"method": service.method, "parts": list(service.parts), "digest": service.digest}
    arrays: Arrays = {"low": service.low, "high": service.high}
    manifest["detectors"] = []
    for place, detector in enumerate(alarm.detectors):
        one, more = packed(detector, f"detector.{place}.")
        manifest["detectors"].append(one)
        arrays |= more | {f"calibration.{place}": alarm.calibrations[place]}
    if service.probe is not None:
        arrays["probe"] = service.probe.astype(np.float64)
    manifest["ids"] = None
    if include_rows and reference is not None:
        manifest["ids"] = reference.ids.tolist()
        arrays |= {f"reference.{name}": getattr(reference, name) for name in ("rows", "axes", "centre")}
    # products of matrices round by the order in memory: it comes back, and with it every last digit
    manifest["columnwise"] = [name for name, value in arrays.items() if value.flags.fnc]
    return manifest, arrays


def put_together(manifest: Any, arrays: Mapping[str, Array], seen: Seen) -> Service:
    """Return the alarm that `taken_apart` has written, of samples of a shape.

    Raises
    ------
    Forged
        naming what cannot be.
    """
    columnwise = manifest.get("columnwise")
    if not isinstance(columnwise, list) or not all(isinstance(name, str) and name in arrays for name in columnwise):
        raise Forged("it does not say how its arrays lie")
    arrays = {**arrays, **{name: np.asfortranarray(arrays[name]) for name in columnwise}}
    method, parts, digest = (manifest.get(key) for key in ("method", "parts", "digest"))
    if not isinstance(method, str) or method.removeprefix("ood.") not in METHODS or not isinstance(digest, str):
        raise Forged(f"it names a method that there is not: {method!r}"[:200])
    allowed = get_args(Part)
    if not isinstance(parts, list) or not parts or not all(part in allowed for part in parts):
        raise Forged(f"it looks at something that there is not: {parts!r}"[:200])
    width = int(np.prod(seen.shape))
    low, high = (_range(arrays, name, width) for name in ("low", "high"))
    probe = arrays.get("probe")
    if probe is not None and (probe.ndim not in (1, 2) or not np.isfinite(probe).all()):
        raise Forged("what the model says of drawn samples is none")
    return Service(
        method=method,
        alarm=_alarm(manifest.get("detectors"), arrays, width if parts == ["samples"] else None),
        parts=tuple(parts),
        seen=seen,
        low=low,
        high=high,
        reference=_reference(manifest.get("ids"), arrays),
        probe=probe,
        digest=digest,
    )


def _alarm(detectors: Any, arrays: Mapping[str, Array], width: int | None) -> Alarm:
    if not isinstance(detectors, list) or not 1 <= len(detectors) <= _MOST_FOLDS:
        raise Forged("it has no detector")
    made, calibrations = [], []
    for place, one in enumerate(detectors):
        given = _width(one) if width is None else width
        width = given  # of what the model says only the file knows; all folds look at the same
        made.append(unpacked(one, arrays, given, f"detector.{place}."))
        if not hasattr(made[-1], "score_samples"):
            raise Forged("a detector in it gives no scores")
        calibrations.append(rising(array(arrays, f"calibration.{place}", "n", {})))
    return Alarm(tuple(made), tuple(calibrations))


def _width(manifest: Any) -> int:
    width = manifest.get("width") if isinstance(manifest, Mapping) else None
    if type(width) is not int or width < 1:
        raise Forged("a detector in it takes no columns")
    return width


def _range(arrays: Mapping[str, Array], name: str, width: int) -> Array:
    values = arrays.get(name)
    if values is None or values.shape != (width,) or values.dtype != np.float64 or np.isinf(values).any():
        raise Forged(f"it does not say the range of {width} columns")
    return values


def _reference(ids: Any, arrays: Mapping[str, Array]) -> Reference | None:
    if ids is None:
        return None
    lengths: dict[str, int] = {}
    made = [
        array(arrays, f"reference.{name}", of, lengths)
        for name, of in (("rows", "nd"), ("axes", "d2"), ("centre", "d"))
    ]
    if not isinstance(ids, list) or len(ids) != lengths["n"] or not all(isinstance(one, str) for one in ids):
        raise Forged("its training samples have no names")
    return Reference(made[0], np.array(ids), made[1], made[2])
