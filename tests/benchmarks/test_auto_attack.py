"""PGD and the parts of AutoAttack against the Adversarial Robustness Toolbox in one run, and against parity oracles.

The oracles are torchattacks and adv-lib (``pip install --no-deps`` into a folder on PYTHONPATH): skipped where absent.
"""

import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any
from unittest.mock import MagicMock

import numpy as np
import pytest

from tests.benchmarks.table import show, timed
from tests.engines.robustness.attacked import digits_cnn, problem_of
from xrai_widgets.core import Array, Subject, quiet
from xrai_widgets.engines._problem import Best, Problem
from xrai_widgets.engines.robustness.evasion.auto_attack import apgd, fab, fmn, square
from xrai_widgets.engines.robustness.evasion.auto_attack.room import size
from xrai_widgets.engines.robustness.evasion.auto_attack.slopes import Slopes
from xrai_widgets.engines.robustness.evasion.gradient_descent import Settings, projected_gradient_descent

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(1200)]
needs_torchattacks = pytest.mark.skipif(find_spec("torchattacks") is None, reason="needs the oracle torchattacks")
needs_adv_lib = pytest.mark.skipif(find_spec("adv_lib") is None, reason="needs the oracle adv-lib")

WITHIN = 1 + 1e-6  # an oracle keeps to the radius in single precision


@pytest.fixture(scope="module")
def subject() -> Subject:
    return digits_cnn(16, 15)


def slopes_of(problem: Problem, subject: Subject) -> Slopes:
    return Slopes(problem, subject.gradient, subject.logits, subject.logit_gradient)


def classifier(subject: Subject) -> Any:
    import torch
    from art.estimators.classification import PyTorchClassifier

    return PyTorchClassifier(
        subject.model, torch.nn.CrossEntropyLoss(), (1, 8, 8), 10, clip_values=(0.0, 1.0), device_type="cpu"
    )


def broken_by(subject: Subject, images: Array, problem: Problem, radius: float) -> Array:
    """Return which images a tool has broken within the radius."""
    flat = np.asarray(images, dtype=np.float64).reshape(len(images), -1)
    far = size(flat - problem.samples, problem.norm)
    mask: Array = (problem.classes(flat) != problem.labels) & (far <= radius * WITHIN)
    return mask


@pytest.mark.parametrize("radius", [0.03, 0.1])
def test_gradient_descent_is_faster_than_arts_and_leaves_no_more_standing(subject: Subject, radius: float) -> None:
    from art.attacks.evasion import ProjectedGradientDescent

    problem = problem_of(subject, "linf", 500)
    tool = ProjectedGradientDescent(
        classifier(subject), eps=radius, eps_step=2.5 * radius / 40, max_iter=40, batch_size=128, verbose=False
    )
    X = subject.X[:500]

    def ours() -> Best:
        best = Best.nothing(problem)
        assert subject.gradient is not None
        projected_gradient_descent(
            *(problem, best, subject.gradient, Settings((radius,), 40, 1), 0, quiet),
            logits=subject.logits,
            logit_gradient=subject.logit_gradient,
        )
        return best

    images, theirs = timed(lambda: tool.generate(X, problem.labels), 3)
    best, mine = timed(ours, 3)
    standing = [int((~broken_by(subject, images, problem, radius)).sum()), int((best.distance > radius * WITHIN).sum())]
    show(
        f"PGD, 500 digits × 40 steps, ε = {radius}",
        [
            {"": "ART", "CPU s": theirs.cpu, "standing": standing[0]},
            {"": "xrai_widgets", "CPU s": mine.cpu, "standing": standing[1]},
            {"": "ratio", "CPU s": theirs.cpu / mine.cpu},
        ],
    )
    assert standing[1] <= standing[0] + 2
    assert theirs.cpu / mine.cpu >= 2.5


@pytest.mark.parametrize("part", ["ce", "dlr", "targeted", "square"])
def test_the_parts_are_three_times_faster_than_arts_at_equal_steps(subject: Subject, part: Any) -> None:
    """ART has no FAB: its AutoAttack runs DeepFool in that place, whose steps are no equal ones."""
    problem, radius = problem_of(subject, "linf", 200), 0.1

    def ours() -> Best:
        best = Best.nothing(problem)
        if part == "square":
            square.square(problem, best, slopes_of(problem, subject), square.Settings(radius, 300), 0, quiet)
        else:
            apgd.apgd(problem, best, slopes_of(problem, subject), apgd.Settings(radius, part, 100), 0, quiet)
        return best

    broken, theirs = timed(lambda: by_art(subject, part, problem, radius), 2)
    best, mine = timed(ours, 3)
    counts = [int(broken.sum()), int((best.distance <= radius * WITHIN).sum())]
    show(
        f"{part}, 200 digits, ε = {radius}",
        [
            {"": "ART", "CPU s": theirs.cpu, "broken": counts[0]},
            {"": "xrai_widgets", "CPU s": mine.cpu, "broken": counts[1]},
            {"": "ratio", "CPU s": theirs.cpu / mine.cpu},
        ],
    )
    if part != "dlr":  # the ratio without a rival is no part of AutoAttack: it stays where its random start leads
        assert counts[1] >= counts[0] - 2
    assert theirs.cpu / mine.cpu >= 3


def by_art(subject: Subject, part: str, problem: Problem, radius: float) -> Array:
    """Return which images a part of ART breaks; towards rivals in turn it leaves alone what is broken, as ours does."""
    from art.attacks.evasion import AutoProjectedGradientDescent, SquareAttack

    model, X = classifier(subject), subject.X[: len(problem.samples)]
    if part == "square":
        tool = SquareAttack(model, eps=radius, max_iter=300, nb_restarts=1, batch_size=128, verbose=False)
        return broken_by(subject, tool.generate(X, problem.labels), problem, radius)
    tool = AutoProjectedGradientDescent(
        *(model, np.inf, radius, 2 * radius, 100),
        targeted=part == "targeted",
        nb_random_init=1,
        batch_size=128,
        loss_type="cross_entropy" if part == "ce" else "difference_logits_ratio",
        verbose=False,
    )
    if part != "targeted":
        return broken_by(subject, tool.generate(X, problem.labels), problem, radius)
    changed, broken = X.astype(np.float64), np.zeros(len(X), dtype=bool)
    for further in range(1, 10):
        left = np.flatnonzero(~broken)
        changed[left] = tool.generate(X[left], (problem.labels[left] + further) % 10)
        broken |= broken_by(subject, changed, problem, radius)
    return broken


@needs_torchattacks
@pytest.mark.parametrize(("norm", "radius"), [("linf", 0.08), ("l2", 0.5)])
def test_the_parts_break_what_the_oracles_break(subject: Subject, norm: Any, radius: float) -> None:
    import torch
    import torchattacks

    steps, queries = 50, 500
    problem = problem_of(subject, norm, 200)
    model, images, labels = subject.model, torch.tensor(subject.X[:200]), torch.tensor(problem.labels)
    named = {"norm": {"linf": "Linf", "l2": "L2"}[norm], "eps": radius, "n_restarts": 1}
    oracles: dict[str, Any] = {
        "APGD-CE": torchattacks.APGD(model, steps=steps, loss="ce", **named),
        "APGD-T": torchattacks.APGDT(model, steps=steps, n_classes=10, **named),
        "FAB-T": torchattacks.FAB(model, steps=steps, n_classes=10, multi_targeted=True, **named),
        "Square": torchattacks.Square(model, n_queries=queries, **named),
    }
    parts: dict[str, Callable[[Best], Any]] = {
        "APGD-CE": lambda best: apgd.apgd(
            problem, best, slopes_of(problem, subject), apgd.Settings(radius, "ce", steps), 0, quiet
        ),
        "APGD-T": lambda best: apgd.apgd(
            problem, best, slopes_of(problem, subject), apgd.Settings(radius, "targeted", steps), 0, quiet
        ),
        "FAB-T": lambda best: fab.fab(
            problem, best, slopes_of(problem, subject), fab.Settings(steps, radius=radius), 0, quiet
        ),
        "Square": lambda best: square.square(
            problem, best, slopes_of(problem, subject), square.Settings(radius, queries), 0, quiet
        ),
    }
    rows, union = [], [np.zeros(200, dtype=bool), np.zeros(200, dtype=bool)]
    for name, oracle in oracles.items():
        changed, theirs = timed(lambda oracle=oracle: oracle(images, labels).detach().numpy())
        best = Best.nothing(problem)
        _, mine = timed(lambda name=name, best=best: parts[name](best))
        both = [broken_by(subject, changed, problem, radius), best.distance <= radius * WITHIN]
        union = [union[0] | both[0], union[1] | both[1]]
        counts = [int(mask.sum()) for mask in both]
        only = [int((both[0] & ~both[1]).sum()), int((both[1] & ~both[0]).sum())]
        keys = ("", "oracle", "ours", "only oracle", "only ours", "oracle CPU s", "our CPU s")
        rows.append(dict(zip(keys, (name, *counts, *only, theirs.cpu, mine.cpu), strict=True)))
    rows.append({"": "union", "oracle": int(union[0].sum()), "ours": int(union[1].sum())})
    show(f"AutoAttack against torchattacks, 200 digits, {norm}, ε = {radius}", rows)
    for row in rows[:-1]:
        assert row["ours"] >= row["oracle"] - 2, row[""]  # type: ignore[operator]  # counts
    assert union[1].sum() >= union[0].sum() - 1


@needs_adv_lib
@pytest.mark.filterwarnings("ignore")  # of the oracle
@pytest.mark.parametrize("norm", ["l0", "l1", "l2", "linf"])
def test_fmn_is_no_farther_than_adv_libs(subject: Subject, norm: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    for name in ("torchvision", "torchvision.utils", "torchvision.transforms", "torchvision.models", "visdom"):
        monkeypatch.setitem(sys.modules, name, MagicMock())
    from adv_lib.attacks import fmn as oracle

    problem = problem_of(subject, norm, 200)
    order = {"l0": 0, "l1": 1, "l2": 2, "linf": float("inf")}[norm]
    images = oracle(
        subject.model, torch.tensor(subject.X[:200]), torch.tensor(problem.labels), norm=order, steps=100
    ).detach()
    broken = broken_by(subject, images.numpy(), problem, np.inf)
    far = np.where(broken, size(images.numpy().reshape(200, -1).astype(float) - problem.samples, norm), np.inf)
    best = Best.nothing(problem)
    fmn.fmn(problem, best, slopes_of(problem, subject), fmn.Settings(100), 0, quiet)
    medians = [float(np.median(far)), float(np.median(best.distance))]
    nearer = {"nearer": int((best.distance < 0.99 * far).sum()), "farther": int((best.distance > 1.01 * far).sum())}
    show(f"FMN against adv-lib, 200 digits, {norm}", [{"adv-lib": medians[0], "ours": medians[1], **nearer}])
    assert best.success.all()
    assert medians[1] <= 1.01 * medians[0]
