"""What a defence is worth and what it costs, as numbers with paired intervals, tables and charts."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Chart, Finding
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._calibration import calibration_rise
from xrai_widgets.engines._statistics import Estimate
from xrai_widgets.engines.robustness.defence.attempts import Tried

BEFORE, AFTER = "before", "after"


@dataclass(frozen=True, eq=False)
class Seen:
    """What a model says of all held-out samples.

    Parameters
    ----------
    outputs : array (n, k), optional
        None for a model that gives labels only.
    labels : int array (n,)
    """

    outputs: Array | None
    labels: Array


@dataclass(frozen=True, eq=False)
class Measured:
    """Both models: what was found on each, and what they say of samples as they are.

    Parameters
    ----------
    defence : str
        What was done, in words.
    ids, y : array
        Names and labels of all held-out samples.
    """

    defence: str
    ids: Array
    y: Array
    epsilon: float
    seed: int
    tried: dict[str, Tried]
    seen: dict[str, Seen]

    def gain(self, attack: str = "") -> Estimate:
        """Return by how much the share of samples that stand rises, against one attack or all of them."""
        before, after = (self.tried[side].standing(self.epsilon, attack) for side in (BEFORE, AFTER))
        gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
        return statistics.paired_difference(gained, lost, len(before))


def defence_finding(measured: Measured, notes: list[str]) -> Finding:
    """Return the finding."""
    n, everything = len(measured.tried[AFTER].index), len(measured.y)
    standing = {side: measured.tried[side].standing(measured.epsilon) for side in (BEFORE, AFTER)}
    right = {side: measured.seen[side].labels == measured.y for side in (BEFORE, AFTER)}
    lost, gained = right[BEFORE] & ~right[AFTER], right[AFTER] & ~right[BEFORE]
    estimates = {
        "gain": measured.gain(),
        "robust_accuracy": statistics.wilson(int(standing[AFTER].sum()), n),
        "robust_accuracy_before": statistics.wilson(int(standing[BEFORE].sum()), n),
        "accuracy_cost": statistics.paired_difference(int(lost.sum()), int(gained.sum()), everything),
    }
    counts = {**dict.fromkeys(estimates, n), "accuracy_cost": everything}
    models = _models(measured, standing, right)
    before, after = measured.seen[BEFORE].outputs, measured.seen[AFTER].outputs
    if before is not None and after is not None:
        labels = measured.seen[BEFORE].labels, measured.seen[AFTER].labels
        first, second, rise = calibration_rise((before, after), measured.y, labels, seed=measured.seed)
        estimates["calibration_cost"], counts["calibration_cost"] = rise, everything
        for name, number in (("calibration_error", 0), ("calibration_low", 1), ("calibration_high", 2)):
            models[name] = [first[number], second[number]]
    index = measured.tried[AFTER].index
    saved = standing[AFTER].astype(float) - standing[BEFORE]
    adds = pd.DataFrame({"part": "X", "id": measured.ids[index], "gain": saved, "robust_accuracy": standing[AFTER]})
    costs = pd.DataFrame({"part": "X", "id": measured.ids, "accuracy_cost": lost.astype(float) - gained})
    title = f"Samples that stand, {BEFORE} and {AFTER} the defence"
    exact = all(tried.exact for tried in measured.tried.values())
    return Finding(
        values={key: estimate.value for key, estimate in estimates.items()},
        intervals={key: (estimate.low, estimate.high) for key, estimate in estimates.items()},
        counts=counts,
        tables={
            "models": models,
            "attacks": _attacks(measured),
            "samples": _samples(measured),
            "curve": _curve(measured),
            "contributions": costs.merge(adds.astype({"robust_accuracy": float}), on=["part", "id"], how="left"),
        },
        charts=(
            Chart("curve", "line", "epsilon", y="accuracy", by="model", low="low", high="high", title=title),
            Chart("attacks", "points", "gain", y="attack", low="low", high="high", title="Gain as each attack sees it"),
        ),
        notes=(sentence(measured.defence, estimates), *notes),
        bounds=dict.fromkeys(("gain", "robust_accuracy", "robust_accuracy_before"), "exact" if exact else "upper"),
    )


def sentence(defence: str, estimates: dict[str, Estimate]) -> str:
    """Return in one sentence what the defence is worth and what it costs."""
    gain, cost = (tuple(round(100 * end) for end in estimates[key]) for key in ("gain", "accuracy_cost"))
    more, (value, low, high) = _upright(gain, "more", "fewer")
    worth = f"{value} {more} of 100 samples ({low} to {high}) withstand the attack"
    costs, (value, low, high) = _upright(cost, "costs", "brings")
    price = f"it {costs} {value} of 100 right predictions ({low} to {high})"
    words = [f"{defence[:1].upper()}{defence[1:]}: {worth}; {price}"]
    if (rise := estimates.get("calibration_cost")) is not None:
        moved, (size, least, most) = _upright(rise, "rises", "falls")
        words.append(f"the calibration error {moved} by {size:.3f} ({_signed(least)} to {_signed(most)})")
    no_gain = " No gain is shown." if estimates["gain"].low <= 0 else ""
    return ", and ".join(words).replace("-", "−") + f".{no_gain}"


def _upright(ends: tuple[float, ...], positive: str, negative: str) -> tuple[str, tuple[float, float, float]]:
    """Return the word for the sign of a value, and the value and its interval in that direction."""
    value, low, high = ends
    return (positive, (value, low, high)) if value >= 0 else (negative, (-value, -high, -low))


def _signed(number: float) -> str:
    return f"{number + 0.0:.3f}"


def _models(measured: Measured, standing: dict[str, Array], right: dict[str, Array]) -> pd.DataFrame:
    rows = []
    for side in (BEFORE, AFTER):
        accuracy = statistics.wilson(int(right[side].sum()), len(measured.y))
        robust = statistics.wilson(int(standing[side].sum()), len(standing[side]))
        row = {"model": side, "accuracy": accuracy.value, "low": accuracy.low, "high": accuracy.high}
        rows.append(row | {"standing": robust.value, "standing_low": robust.low, "standing_high": robust.high})
    return pd.DataFrame(rows)


def _attacks(measured: Measured) -> pd.DataFrame:
    """Return what each attack alone would say of the defence, and all together."""
    before, after = (measured.tried[side] for side in (BEFORE, AFTER))
    rows = []
    for attack in ("", *(name for name in after.distance if name in before.distance)):
        gain = measured.gain(attack)
        shares = {
            side: float(measured.tried[side].standing(measured.epsilon, attack).mean()) for side in measured.tried
        }
        row = {"attack": attack or "all together", "standing_before": shares[BEFORE], "standing_after": shares[AFTER]}
        nearest = int((after.winner == attack).sum()) if attack else int(np.isfinite(after.least).sum())
        rows.append(row | {"gain": gain.value, "low": gain.low, "high": gain.high, "nearest_after": nearest})
    return pd.DataFrame(rows)


def _samples(measured: Measured) -> pd.DataFrame:
    before, after = (measured.tried[side] for side in (BEFORE, AFTER))

    def shown(tried: Tried) -> Array:
        distance: Array = np.where(np.isfinite(tried.least) & tried.right, tried.least, np.nan)
        return distance

    status = np.where(after.right, np.where(np.isfinite(after.least), "found", "not found"), "answered wrongly before")
    return pd.DataFrame(
        {
            "part": "X",
            "id": measured.ids[after.index],
            "status": status,
            "distance": shown(after),
            "found_by": after.winner,
            "distance_before": shown(before),
            "right_before": before.right,
        }
    )


def _curve(measured: Measured) -> pd.DataFrame:
    """Return the share that stands above every distance found, for both models."""
    rows = []
    for side in (BEFORE, AFTER):
        tried = measured.tried[side]
        least = np.where(tried.right, tried.least, -1.0)
        there = least[np.isfinite(least) & (least >= 0)]
        for epsilon in np.r_[0.0, np.unique(there)]:
            share = statistics.wilson(int((tried.right & (least > epsilon)).sum()), len(least))
            rows.append(
                {"model": side, "epsilon": epsilon, "accuracy": share.value, "low": share.low, "high": share.high}
            )
    return pd.DataFrame(rows)
