"""What the reference models say about members and non-members, as a finding."""

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from xrai_widgets.core import Array, Finding, Step, quiet
from xrai_widgets.engines.privacy._lost import Lost
from xrai_widgets.engines.privacy.attacks.report import Scored, attack_report
from xrai_widgets.engines.privacy.attacks.threshold import threshold_attack
from xrai_widgets.engines.privacy.lira.likelihood_ratio import (
    gaussian_confidence,
    log_odds,
    moments,
    offline_ratio,
    online_ratio,
    relative_ratio,
)
from xrai_widgets.engines.privacy.lira.references import Pool

# reference models from which on every sample has a spread of its own: on tables 8 in each arm suffice for that; Carlini
# et al. 2022 pool below 64 on images
_MANY = 16
_NEAR = (0.8, 1.25)  # size of a reference model's training data, in units of the model's, that needs no word


@dataclass(frozen=True)
class Settings:
    """The parameters that matter once the reference models are trained."""

    attack: str
    variance: str
    gamma: float
    floor: float
    train_ratio: float
    repeats: int
    seed: int
    memory: float

    def pooled(self, references: int) -> bool:
        """Whether all samples share one spread."""
        return self.variance == "pooled" or (self.variance == "automatic" and references < _MANY)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the model (n,) and its reference models (k, n) predict for the pool, which begins with the members."""

    pool: Pool
    target: Array
    references: Array
    members: int
    train_ids: Array | None
    ids: Array | None
    classes: tuple[Any, ...]
    lost: dict[int, Lost] = field(default_factory=dict)

    def numbers(self, done: int) -> Array:
        """Return which of the first reference models count: pairs of which none is lost, so that halves stay halves."""
        return np.array([number for number in range(done) if not {number, number ^ 1} & {*self.lost}], dtype=int)

    def confidences(self, numbers: Array, inside: Array) -> tuple[Array, Array]:
        """Return the confidence in the truth of the model, (n,), and of those reference models, (k, n)."""
        references = (
            self.references[numbers] if self.lost else self.references[: len(numbers)]
        )  # no copy where none is lost
        if self.pool.classes:
            return self.target, references
        residuals = self.pool.y - references
        scale = float(np.sqrt(np.mean(np.square(residuals), where=~inside))) or 1.0
        return gaussian_confidence(self.pool.y - self.target, scale), gaussian_confidence(residuals, scale)


def lira_finding(evidence: Evidence, settings: Settings, done: int, step: Step = quiet) -> Finding:
    """Return the finding of the first ``done`` reference models, an even number."""
    pool = evidence.pool
    numbers = evidence.numbers(done)
    inside = np.array([pool.half(number) for number in numbers])
    scores, details = _scores(*evidence.confidences(numbers, inside), inside, settings)
    members, others = _sides(evidence, scores)
    attack = threshold_attack(
        (members.scores[settings.attack], members.groups),
        (others.scores[settings.attack], others.groups),
        per_class=False,
        train_ratio=settings.train_ratio,
        repeats=settings.repeats,
        seed=settings.seed,
        step=step,
    )
    finding = attack_report(
        members,
        others,
        settings.attack,
        attack,
        classes=evidence.classes,
        task="classification" if pool.classes else "regression",
        notes=_notes(evidence, settings, done),
    )
    samples = finding.tables["samples"].assign(**{name: values[~pool.alone] for name, values in details.items()})
    return replace(finding, tables={**finding.tables, "samples": samples})


def _scores(
    p: Array, references: Array, inside: Array, settings: Settings
) -> tuple[dict[str, Array], dict[str, Array]]:
    phi, pooled = log_odds(p, settings.floor), settings.pooled(len(references))
    held, left = moments(references, inside, settings.floor, settings.memory)
    scores = {
        "online LiRA": online_ratio(phi, held, left, pooled),
        "offline LiRA": offline_ratio(phi, left, pooled),
        "RMIA": relative_ratio(p, references.mean(axis=0), settings.gamma, settings.floor),
    }
    details = {
        "log_odds": phi,
        "mean_with": held.mean,
        "mean_without": left.mean,
        "references_with": held.number.astype(int),
        "references_without": left.number.astype(int),
    }
    return scores, details


def _sides(evidence: Evidence, scores: dict[str, Array]) -> tuple[Scored, Scored]:
    """Return members and non-members, less the samples that cannot be left out."""
    pool, n = evidence.pool, evidence.members
    groups = pool.y if pool.classes else np.zeros(len(pool.y), dtype=int)
    sides = []
    for part, names in ((slice(n), evidence.train_ids), (slice(n, None), evidence.ids)):
        keep = ~pool.alone[part]
        names = np.arange(len(keep)) if names is None else names
        sides.append(
            Scored({key: values[part][keep] for key, values in scores.items()}, groups[part][keep], names[keep])
        )
    return sides[0], sides[1]


def _notes(evidence: Evidence, settings: Settings, done: int) -> tuple[str, ...]:
    pool, total = evidence.pool, len(evidence.references)
    size, n = round(len(pool.y) / 2), evidence.members
    kept, lost = (
        len(evidence.numbers(done)),
        [evidence.lost[number].reason for number in sorted(evidence.lost) if number < done],
    )
    notes = [
        f"{kept} reference models, each trained on half of the {len(pool.y):,} members and non-members; every sample "
        f"is in {kept // 2} of them."
    ]
    if done < total:
        notes[0] = f"So far {done} of {total} reference models: " + notes[0].partition(", ")[2]
    if lost:
        notes.append(
            f"{len(lost)} of {done} reference models could not be trained and are left out with their twins, so that "
            f"every sample stays in half of them: {', '.join(dict.fromkeys(lost))}."
        )
    if not _NEAR[0] <= size / n <= _NEAR[1]:
        less = size < n
        notes.append(
            f"The model was trained on {n:,} samples and each reference model on {size:,}: they predict "
            f"{'less' if less else 'more'} surely than the model, for members and others alike, and the attack may be "
            f"weaker than one with as many held-out as training samples."
        )
    if pool.classes:
        notes.append(f"Probabilities below {settings.floor:g} count as that value, and so do those below 1 less that.")
    else:
        notes.append("Confidence in a true value: its Gaussian density relative to that at the predicted value.")
    if pool.alone.any():
        labels = sorted({str(evidence.classes[code]) if evidence.classes else str(code) for code in pool.y[pool.alone]})
        notes.append(
            f"The only sample of its class stays in every reference model and is not attacked: {', '.join(labels[:5])}."
        )
    return tuple(notes)
