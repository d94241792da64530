"""The two attackers: one that knows of no detector, and one that does."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from xrai_widgets.core import Array, Constraint, Finding, Gradient, Predict, Step
from xrai_widgets.core.inside import Trees
from xrai_widgets.core.step import Partial
from xrai_widgets.engines import _statistics as statistics
from xrai_widgets.engines._confidence import SCORES
from xrai_widgets.engines._missing import Blanks
from xrai_widgets.engines._problem import Problem
from xrai_widgets.engines._rows import rows_at_once
from xrai_widgets.engines._space import Norm, Space
from xrai_widgets.engines.robustness.confidence_detection import climb, scan
from xrai_widgets.engines.robustness.confidence_detection.detector import Detector
from xrai_widgets.engines.robustness.confidence_detection.finding import Detected
from xrai_widgets.engines.robustness.confidence_detection.guarded import Guarded
from xrai_widgets.engines.robustness.evasion import evasion


@dataclass(frozen=True)
class Settings:
    """The size of the change, and the budget."""

    norm: Norm
    epsilon: float
    scale: Literal["range", "raw"]
    climb: climb.Settings
    rounds: int
    seed: int
    memory_limit: float


@dataclass(frozen=True, eq=False)
class Inside:
    """What is known of the model from inside, as in a Subject, and real samples towards which is searched."""

    bounds: Array
    constraints: tuple[Constraint, ...]
    pool: Array
    gradient: Gradient | None
    logit_gradient: Gradient | None
    linear: tuple[Array, Array] | None
    regions: Array | None
    thresholds: tuple[Array, ...] | None
    trees: Trees | None
    decide: Predict | None


class _Apart(Step):
    """Another engine's step: its partial findings are none of this one."""

    def __init__(self, whole: Step, made: Partial) -> None:
        self._whole, self._made = whole, made

    def __call__(self, done: float, note: str = "", partial: Partial = None) -> None:  # noqa: ARG002 - the other's
        self._whole(done, note, self._made)


def attack(
    run: Detected,
    detector: Detector,
    X: Array,
    y: Array,
    inside: Inside,
    settings: Settings,
    step: Step,
    made: Callable[[Detected, list[str]], Finding],
) -> list[str]:
    """Attack samples that the model predicts rightly, put what is found into ``run``, and return notes."""
    if not len(X):
        return ["The model predicts none of the drawn samples rightly: there is nothing to attack."]
    flat, pool = (part.reshape(len(part), -1).astype(np.float64) for part in (X, inside.pool))
    if (blanks := Blanks.of(inside.bounds, flat, pool)) is not None:
        flat = blanks.fill(flat)
    space = Space(inside.bounds, inside.constraints, settings.scale, blanks)
    predict = detector.predict if blanks is None else blanks.asking(detector.predict)
    logits = None if detector.logits is None else detector.logits if blanks is None else blanks.asking(detector.logits)
    decide = inside.decide if blanks is None else blanks.ruling(inside.decide)
    rows = rows_at_once(settings.memory_limit, 12, flat.shape[1], inside.constraints)
    shape = X.shape[1:]
    problem = Problem(predict, space, flat, y, run.attacked, shape, settings.norm, rows, decide)
    guarded = Guarded(problem, Detector(detector.name, predict, logits), settings.epsilon)

    def partial() -> Finding:
        run.adaptive = np.where(guarded.broken, guarded.score, np.nan)
        return made(run, ["The attacks were not finished: less is detected than these numbers say."])

    nearest, run.distance = plain_attack(detector, X, y, inside, settings, step.part(0.0, 0.5), partial)
    plain = np.where(np.isfinite(run.distance)[:, None], nearest if blanks is None else blanks.fill(nearest), flat)
    here = np.arange(len(flat))
    look = guarded.look_at(plain, here)
    run.plain = np.where(guarded.broken, look.score, np.nan)
    slope = inside.logit_gradient if blanks is None else blanks.slopes(inside.logit_gradient)
    adaptive_attack(guarded, plain, slope, inside.thresholds, settings, step.part(0.5, 1.0), partial)
    partial()
    stands = ((plain, np.isfinite(run.plain)), (guarded.samples, guarded.broken))
    run.plain_samples, run.adaptive_samples = (
        np.where(mask[:, None], space.empty(part), np.nan) for part, mask in stands
    )
    return space.notes(flat)


def plain_attack(
    detector: Detector, X: Array, y: Array, inside: Inside, settings: Settings, step: Step, made: Partial
) -> tuple[Array, Array]:
    """Return what `robustness.evasion` finds, as it stands: samples (n, d), NaN where nothing, and distances (n,)."""
    finding = evasion(
        detector.predict,
        X,
        y,
        inside.bounds,
        inside.constraints,
        X_train=inside.pool,
        gradient=inside.gradient,
        linear=inside.linear,
        regions=inside.regions,
        thresholds=inside.thresholds,
        trees=inside.trees,
        decide=inside.decide,
        logits=detector.logits,
        logit_gradient=inside.logit_gradient,
        norm=settings.norm,
        epsilon=settings.epsilon,
        scale=settings.scale,
        n_samples=max(len(X), 2),
        seed=settings.seed,
        memory_limit=settings.memory_limit,
        step=_Apart(step, made),
    )
    table = finding.tables["samples"]
    stands = (table["status"] == "found").to_numpy()
    return finding.arrays["nearest"], np.where(stands, table["distance"].to_numpy(dtype=float), np.inf)


def adaptive_attack(
    guarded: Guarded,
    plain: Array,
    slope: Gradient | None,
    thresholds: tuple[Array, ...] | None,
    settings: Settings,
    step: Step,
    made: Partial,
) -> None:
    """Fill ``guarded`` with the most trusted changes inside ε that get another label.

    By gradients where there are any, then by scores alone, from what the plain attack found and from what lies behind
    it at the end of the ball.

    Parameters
    ----------
    plain : array (n, d)
        What the plain attack found, the original where it found nothing; flat.
    """
    problem = guarded.problem
    moved = np.flatnonzero((plain != problem.samples).any(axis=1))
    starts, there = [], 0.0
    if len(moved):
        points = problem.space.to_coordinates(plain[moved])
        change = points - problem.origins[moved]
        size = np.abs(change).max(axis=1) if problem.norm == "linf" else np.linalg.norm(change, axis=1)
        behind = problem.origins[moved] + change * (guarded.epsilon / np.maximum(size, 1e-12))[:, None]
        starts = [(points, moved), (behind, moved)]
    searching = scan.Settings(settings.rounds, settings.seed)
    if slope is not None:
        there = 0.7
        climb.climb(guarded, slope, starts, settings.climb, step.part(0.0, there), made)
        searching = scan.Settings(max(1, settings.rounds // 4), settings.seed)
        broken = np.flatnonzero(guarded.broken)
        if len(broken):
            starts = [(problem.space.to_coordinates(guarded.samples[broken]), broken), *starts]
    scan.scan(guarded, starts, thresholds, searching, step.part(there, 1.0), made)


def other_scores(run: Detected, detector: Detector, X: Array, outputs: Array) -> pd.DataFrame:
    """Return how well each score tells what was found from clean samples; the adaptive attack was made for one."""
    pairs = ((run.plain_samples, run.plain), (run.adaptive_samples, run.adaptive))
    parts = [samples[np.isfinite(score)].reshape(-1, *X.shape[1:]) for samples, score in pairs]
    if not any(map(len, parts)):
        return pd.DataFrame()
    calm = (X[run.calibration], outputs[run.calibration])
    attacked = [(part, detector.outputs(part)) for part in parts]
    rows = []
    for name, score in SCORES.items():
        if score.of_logits and detector.logits is None:
            continue
        clean = detector.value(name, *calm)
        row: dict[str, object] = {"detector": name, "attacked": name == run.name}
        for key, part in zip(("plain", "adaptive"), attacked, strict=True):
            if len(part[0]):
                area = statistics.auc(-detector.value(name, *part), -clean)
                row |= {f"{key}_auc": area.value, f"{key}_auc_low": area.low, f"{key}_auc_high": area.high}
        rows.append(row)
    return pd.DataFrame(rows)
