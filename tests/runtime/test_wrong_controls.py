"""A control that comes out wrong stops the verdict; one that only cannot tell does not."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import wraps
from typing import Annotated, Any

import numpy as np
import pytest

from xrai_widgets.core import Array, Control, Finding, Measure, Predict, Range, Step, Subject, assessment, find, quiet
from xrai_widgets.core.control import SPLIT_LEAKS
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.runtime import assess, run

POLICY = Policy.parse('["custom.blunt"]\nleak = { max = 0.5 }\nother = { max = 0.5 }')


@pytest.fixture(autouse=True)
def forgetting() -> Iterator[None]:
    """Take what a test registers out of the catalog."""
    yield
    sys.modules["xrai_widgets.core.assessment"]._registry.pop("custom.blunt", None)  # type: ignore[attr-defined]


def subject() -> Subject:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(80, 2)), rng.integers(0, 2, 80)
    return Subject.of(_sure, X[40:], y[40:], X_train=X[:40], y_train=y[:40], classes=(0, 1))


def _sure(X: Array) -> Array:
    return np.eye(2)[(X[:, 0] > 0).astype(int)]


def half(finding: Finding, predict: Predict, X: Array, *, offset: float, step: Step) -> Finding:
    """Half of what was found."""
    assert len(predict(X)) == len(X)
    return Finding({"leak": finding.values["leak"] / 2, "ratio": 0.5 + offset}, {"ratio": (0.3 + offset, 0.7 + offset)})


def _blunt(*controls: Control, bounds: Mapping[str, Any] | None = None) -> str:
    @assessment(title="Blunt", measures=[Measure("leak", "lower", 0.0), Measure("other", "lower")], controls=controls)
    def blunt(
        predict: Predict,
        X_train: Array,
        y_train: Array,
        X: Array,
        y: Array,
        *,
        offset: Annotated[float, Range(0, 1), "found in any case"] = 0.0,
        n_samples: Annotated[int, Range(1, 100), "asked"] = 50,
        step: Step = quiet,
    ) -> Finding:
        """Measure nothing."""
        values = {"leak": offset, "other": 0.0, "asked": n_samples}
        return Finding(values, {"leak": (offset - 0.1, offset + 0.1)}, bounds=bounds or {})

    return "custom.blunt"


def unjudged(*controls: Control, **params: Any) -> dict[str, str]:
    outcome = assess(subject(), _blunt(*controls), **params)
    assert outcome.finding is not None, outcome.reason
    wrong = any("Control failed" in note for note in outcome.finding.notes)
    assert wrong == bool(outcome.finding.unjudged), "the note stays"
    return dict(outcome.finding.unjudged)


def measured(right: tuple[float, float], about: tuple[str, ...] = ()) -> Control:
    return Control("half of it", {"ratio": right}, "half", about=about, measured=half, wrong="It is not half.")


def test_a_wrong_control_stops_the_verdict_of_all_that_is_judged_and_says_why() -> None:
    outcome = assess(subject(), _blunt(Control("chance", "no leak")), offset=0.3)
    verdict = judge(outcome, POLICY)
    assert verdict.status == "not judged"
    assert verdict.reason == "the control “members dealt at random” came out wrong (leak 0.3)"
    assert {check.key for check in verdict.checks if check.reason} == {"leak", "other"}
    right = assess(subject(), _blunt(Control("chance", "no leak")))
    assert judge(right, POLICY).status == "pass"


def test_an_attack_that_does_not_find_a_memorising_model_passes_nobody() -> None:
    assert set(unjudged(Control("memorising", "leak"))) == {"leak", "other"}
    assert not unjudged(Control("memorising", "leak"), offset=0.3)


def test_a_control_that_only_cannot_tell_stops_nothing() -> None:
    assert not unjudged(Control("chance", "no leak"), offset=0.05), "its interval is 0.05 ± 0.1"
    assert not unjudged(measured((0.0, 0.4))), "its interval is 0.5 ± 0.2"
    assert unjudged(measured((0.0, 0.4)), offset=0.2)


def test_only_what_the_control_is_about_loses_its_verdict() -> None:
    wrong = unjudged(measured((0.0, 0.1), about=("other",)))
    assert wrong == {"other": "the control “half of it” came out wrong (ratio 0.5)"}


def test_chance_says_nothing_about_a_value_that_is_exact() -> None:
    outcome = assess(subject(), _blunt(measured((0.0, 0.1)), bounds={"leak": "exact"}))
    assert outcome.finding is not None
    assert set(outcome.finding.unjudged) == {"other"}


def test_samples_that_tell_members_by_themselves_have_a_rule_of_their_own() -> None:
    """What lies above the leak of the split can still fail, so the reason is that of the split alone."""
    outcome = assess(subject(), _blunt(Control("blind", "no leak")), offset=0.3)
    assert outcome.finding is not None
    assert any("Control failed" in note for note in outcome.finding.notes)
    assert set(outcome.finding.unjudged) == {"leak"}
    assert outcome.finding.unjudged["leak"].startswith(SPLIT_LEAKS)


def test_the_reason_that_the_engine_gives_itself_stays() -> None:
    plain = find(_blunt(Control("chance", "no leak")))

    @wraps(plain.engine)
    def reserved(**given: Any) -> Finding:
        return replace(plain.engine(**given), unjudged={"leak": "my own reason"})

    outcome = run(subject(), replace(plain, engine=reserved), {"offset": 0.3})
    assert outcome.finding is not None
    assert outcome.finding.unjudged["leak"] == "my own reason"
    assert "came out wrong" in outcome.finding.unjudged["other"]


def test_what_chance_gives_is_measured_from_the_finding_and_stands_beside_the_number() -> None:
    outcome = assess(subject(), _blunt(measured((0.0, 1.0), about=("leak",))), offset=0.4)
    table = outcome.table("controls").set_index(["control", "measure"])
    assert table.loc[("half of it", "leak"), "value"] == pytest.approx(0.2)
    assert table.loc[("half of it", "leak"), "note"] == "half"
    assert ("half of it", "other") not in table.index
    assert outcome.queries == 40, "the engine asks nothing, the control once"


def test_a_control_has_no_more_than_its_user_allows() -> None:
    few = Control("chance", "anything", "few", at_most={"n_samples": 20})
    assert few.given({"n_samples": 50, "seed": 1}) == {"n_samples": 20, "seed": 1}
    assert few.given({"n_samples": 5}) == {"n_samples": 5}


def test_controls_that_cannot_be_measured_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"kind of a Control must be one of constant, .*or measured= be given"):
        Control("half of it", "anything", "half")
    with pytest.raises(ValueError, match="so wrong= must say what others mean"):
        Control("constant", {"leak": (0, 0)}, "none")

    def odd(finding: Finding, logits: Predict, *, step: Step) -> Finding:
        raise NotImplementedError

    with pytest.raises(TypeError, match="asks for 'logits', which the engine does not have"):
        _blunt(Control("odd", "anything", "odd", measured=odd))

    def stepless(finding: Finding) -> Finding:
        raise NotImplementedError

    with pytest.raises(TypeError, match="must take finding first and the keyword-only argument step"):
        _blunt(Control("stepless", "anything", "odd", measured=stepless))
    with pytest.raises(ValueError, match="n_samples"):
        _blunt(Control("chance", "anything", "odd", at_most={"n_samples": 1000}))
