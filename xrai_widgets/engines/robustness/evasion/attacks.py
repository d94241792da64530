"""The gate of the attacks: what each one needs, which norms it knows, and what it costs."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from xrai_widgets.core import NotApplicable, Step
from xrai_widgets.core.step import Partial
from xrai_widgets.engines._problem import Best
from xrai_widgets.engines._space import Norm
from xrai_widgets.engines.robustness.evasion import art_by_name as art
from xrai_widgets.engines.robustness.evasion import auto_attacks, native
from xrai_widgets.engines.robustness.evasion.ground import Ground, Kind

Run = Callable[[Ground, Best, int | None, Step, Partial], list[str]]
Need = Literal["gradient", "images", "scores", "four classes", "classes", "trees"]


@dataclass(frozen=True, eq=False)
class Attack:
    """One attack of the gate.

    Parameters
    ----------
    name, title : str
        As in the signature's choices; and as the reader sees it.
    run : callable
        (ground, best, queries per sample or None for the user's own settings, step, partial) → notes. Fills ``best`` in
        place.
    norms : tuple of str
        The norms that it knows, the one first in which it runs where another is asked for.
    needs : tuple of str
    number : int
        Of its random stream.
    rank : int
        From cheap to dear.
    shares : mapping of kind of model to share
        Of the budget of ``strongest``; the list of a kind has those attacks that say one for it.
    least : int
        Queries per sample with which it can do anything.
    instead : str
        What to use where it does not fit.
    because : str
        Why it knows no other norms.
    through_art : bool
        It is ART's, and run when it is asked for by its name only.
    """

    name: str
    title: str
    run: Run
    norms: tuple[Norm, ...]
    needs: tuple[Need, ...] = ()
    number: int = 0
    rank: int = 0
    shares: Mapping[Kind, float] = field(default_factory=dict)
    least: int = 1
    instead: str = "attack='strongest'"
    because: str = ""
    through_art: bool = False

    def lacks(self, ground: Ground) -> str:
        """Say why the attack does not fit, whatever the norm; empty where it does."""
        k, met = ground.budget.n_classes, _met(ground)
        words = {
            "gradient": "needs gradients, and this model has none",
            "images": "needs images, and these samples are rows of a table",
            "scores": "needs scores of the classes, and this model gives labels only",
            "four classes": f"needs four classes or more, and there are {k}",
            "classes": "is made for classifiers",
            "trees": "needs a classifier whose trees are known, and no class to aim at",
        }
        return next((words[need] for need in self.needs if not met[need]), "")

    def foreign(self, norm: Norm) -> str:
        """Say that the attack does not know a norm, why where there is a reason, and what else does."""
        served = [attack.title for attack in ATTACKS if norm in attack.norms and not attack.through_art]
        because = f": {self.because}" if self.because else ""
        return f"does not know the norm {norm} ({', '.join(self.norms)} only{because}); {', '.join(served)} do"

    def why_not(self, ground: Ground, queries: float) -> str:
        """Say why ``strongest`` leaves the attack out; empty where it takes it."""
        if reason := self.lacks(ground):
            return reason
        norm = ground.problem.norm
        if norm not in self.norms:
            return self.foreign(norm)
        if queries < self.least:
            return f"its share of the budget is {queries:.0f} queries per sample, and it needs {self.least}"
        return ""


def _met(ground: Ground) -> dict[Need, bool]:
    return {
        "gradient": ground.knowledge.gradient is not None,
        "images": ground.image,
        "scores": not ground.labels_only,
        "four classes": ground.budget.n_classes >= 4,
        "classes": ground.problem.offsets is None,
        "trees": ground.knowledge.trees is not None,
    }


REFINING, LAST = 0.07, 0.03  # shares of the budget: to refine what attacks found; for plain noise and the way back
_STEEP: tuple[Need, ...] = ("gradient",)
_STEEP_CLASSES: tuple[Need, ...] = ("gradient", "classes")
_LABELS = "attack='hop_skip_jump'"
ATTACKS: tuple[Attack, ...] = (
    Attack("fgsm", "fast gradient sign", native.in_one_step, ("linf", "l2"), _STEEP, instead=_LABELS),
    Attack("bim", "basic iterative method", native.step_by_step, ("linf", "l2"), _STEEP, instead=_LABELS),
    Attack(
        "pgd",
        "projected gradient descent",
        native.by_steps,
        ("l2", "linf", "l1", "l0"),
        _STEEP,
        number=0,
        rank=10,
        shares={"gradients": 0.15},
        least=4 * 6,
        instead=_LABELS,
    ),
    Attack(
        "apgd_ce",
        "APGD on the cross-entropy",
        auto_attacks.by_cross_entropy,
        ("linf", "l2", "l1"),
        _STEEP,
        because="its checkpoints need a convex ball",
        number=11,
        rank=20,
        shares={"gradients": 0.05},
        least=3 * 10,
        instead=_LABELS,
    ),
    Attack(
        "apgd_t",
        "APGD towards each rival",
        auto_attacks.towards_rivals,
        ("linf", "l2", "l1"),
        (*_STEEP, "four classes"),
        because="its checkpoints need a convex ball",
        number=13,
        rank=30,
        shares={"gradients": 0.06},
        least=3 * 20,
        instead="attack='apgd_ce'",
    ),
    Attack(
        "fmn",
        "FMN",
        auto_attacks.by_shrinking,
        ("l2", "linf", "l1", "l0"),
        _STEEP,
        number=16,
        rank=15,
        shares={"gradients": 0.05},
        least=4 * 20,
        instead=_LABELS,
    ),
    Attack(
        "fab_t",
        "FAB towards each rival",
        auto_attacks.between_planes,
        ("l2", "linf", "l1"),
        _STEEP,
        because="the nearest point of a plane in l0 says nothing of the sample",
        number=14,
        rank=40,
        shares={"gradients": 0.06},
        least=5 * 20,
        instead=_LABELS,
    ),
    Attack(
        "square",
        "Square",
        auto_attacks.by_squares,
        ("linf", "l2"),
        ("images", "scores", "classes"),
        because="its squares and bumps are made for these",
        number=15,
        rank=50,
        shares={"gradients": 0.03, "scores": 0.1},
        least=100,
        instead=_LABELS,
    ),
    Attack(
        "tree",
        "tree attack",
        native.among_leaves,
        ("linf", "l2", "l1", "l0"),
        ("trees", "classes"),
        number=7,
        rank=50,
        shares={"trees": 0.15},
        least=50,
    ),
    Attack(
        "searches",
        "searches near the sample",
        native.by_searches,
        ("l2", "linf", "l1", "l0"),
        rank=60,
        shares={"gradients": 0.3, "trees": 0.65, "scores": 0.55, "labels": 0.45},
        least=200,
    ),
    Attack(
        "hop_skip_jump",
        "HopSkipJump",
        native.by_labels,
        ("l2", "linf"),
        rank=70,
        shares={"gradients": 0.2, "trees": 0.1, "scores": 0.25, "labels": 0.45},
        least=200,
        because="its steps and its estimate of the slope are defined for these",
    ),
    Attack("deepfool", "DeepFool (ART)", art.deepfool, ("l2",), _STEEP_CLASSES, through_art=True),
    Attack("carlini_wagner", "Carlini and Wagner (ART)", art.carlini_wagner, ("l2",), _STEEP_CLASSES, through_art=True),
    Attack("jsma", "saliency map (ART)", art.jsma, ("l0",), _STEEP_CLASSES, through_art=True),
    Attack("boundary", "boundary attack (ART)", art.boundary, ("l2",), ("classes",), through_art=True),
    Attack("zoo", "ZOO (ART)", art.zoo, ("l2",), ("classes", "scores"), instead=_LABELS, through_art=True),
    Attack("sign_opt", "SignOPT (ART)", art.sign_opt, ("l2",), ("classes",), through_art=True),
)


def fixed_list(kind: Kind) -> list[Attack]:
    """Return the attacks that ``strongest`` tries on a kind of model, from cheap to dear."""
    return sorted((attack for attack in ATTACKS if kind in attack.shares), key=lambda attack: attack.rank)


def least_budget(ground: Ground) -> int:
    """Return how many queries per sample pay for the cheapest attack that fits."""
    kind = ground.kind
    fit = [attack for attack in fixed_list(kind) if not attack.why_not(ground, math.inf)]
    return min(math.ceil(attack.least / attack.shares[kind]) for attack in fit)


def by_name(name: str, ground: Ground) -> Attack:
    """Return the attack of that name.

    Raises
    ------
    ValueError
        for one that needs gradients where none are given.
    NotApplicable
        for one that does not fit the model, with what to use instead.
    """
    attack = next(attack for attack in ATTACKS if attack.name == name)
    if "gradient" in attack.needs and ground.knowledge.gradient is None:
        raise ValueError(f"attack={name!r} needs gradient=, got None")
    if reason := attack.lacks(ground):
        raise NotApplicable(f"attack={name!r} {reason}", attack.instead)
    return attack
