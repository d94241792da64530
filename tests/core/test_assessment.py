from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Annotated, Any, Literal

import numpy as np
import pytest

from xrai_widgets.core import (
    Array,
    Finding,
    Measure,
    NotApplicable,
    Predict,
    Range,
    Requires,
    Step,
    Subject,
    When,
    assessment,
    find,
    quiet,
    registered,
)
from xrai_widgets.core.assessment import _registry

FAMILY = "xrai_widgets.engines.privacy.shapr"


@pytest.fixture(autouse=True)
def _clean_catalog() -> Iterator[None]:
    before = dict(_registry)
    yield
    _registry.clear()
    _registry.update(before)


def engine(
    predict: Predict,
    X: Array,
    X_train: Array,
    gradient: Any = None,
    *,
    attack: Annotated[Literal["a", "pgd"], Requires("pgd", "gradient"), "which"] = "a",
    steps: Annotated[int, Range(1, 9), When("attack", "pgd"), "how many"] = 2,
    step: Step = quiet,
) -> Finding:
    """Say something. Then say more
    on a second line.

    And a paragraph
    of two lines.

    Interpretation
    --------------
    What it means,
    in two lines.

    A second paragraph.

    Limitations
    -----------
    None - or
    -----
    hardly any.
    """
    return Finding({"share": 1.0})


def registering(function: Callable[..., Any] = engine, **options: Any) -> Callable[..., Any]:
    made: Callable[..., Any] = assessment(**{"title": "An engine", **options})(function)
    return made


def test_the_decorator_returns_the_function_unchanged() -> None:
    assert registering() is engine
    assert engine(lambda X: X, np.zeros((1, 1)), np.zeros((1, 1))).values == {"share": 1.0}


def test_a_function_of_the_user_is_registered_as_custom() -> None:
    registering()
    assert find("custom.engine").engine is engine
    assert find("custom.engine").family == "custom"
    assert "custom.engine" in registered()


def test_a_function_of_a_family_is_registered_under_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "__module__", FAMILY)
    registering()
    assert find("privacy.engine").family == "privacy"


def test_registering_again_replaces_the_entry() -> None:
    registering(title="first")
    registering(title="second")
    assert find("custom.engine").title == "second"
    assert [name for name in registered() if name.startswith("custom.")] == ["custom.engine"]


def test_the_registered_names_are_sorted_and_the_answer_is_a_copy() -> None:
    registering()
    names = list(registered())
    assert names == sorted(names)
    registered().clear()
    assert "custom.engine" in registered()


def test_needs_and_uses_are_read_from_the_signature() -> None:
    registering()
    entry = find("custom.engine")
    assert entry.needs == ("predict", "X", "X_train")
    assert entry.uses == ("predict", "X", "X_train", "gradient")
    assert [p.name for p in entry.parameters] == ["attack", "steps"]


def test_summary_and_sections_are_read_from_the_docstring() -> None:
    registering()
    entry = find("custom.engine")
    assert entry.summary == "Say something. Then say more"
    assert entry.section("Interpretation") == "What it means, in two lines.\nA second paragraph."
    assert entry.section("Limitations") == "None - or hardly any."
    assert entry.section("Recommendations") == ""


def test_measures_tasks_and_inputs_are_kept(forest: Subject) -> None:
    measures = [Measure("share", "lower", 0.0)]
    registering(measures=measures, tasks={"regression"}, inputs="image", reference="a paper", labels_suffice=True)
    entry = find("custom.engine")
    assert entry.measures == (Measure("share", "lower", 0.0),)
    assert (entry.tasks, entry.inputs) == (frozenset({"regression"}), frozenset({"image"}))
    assert (entry.reference, entry.labels_suffice, entry.isolated) == ("a paper", True, False)


def test_an_unknown_name_is_refused_with_the_nearest_and_the_allowed() -> None:
    message = r"there is no assessment 'privacy.sharp'; allowed: .*privacy.shapr.*; did you mean 'privacy.shapr'\?"
    with pytest.raises(ValueError, match=message):
        find("privacy.sharp")


def unknown_field(predict: Predict, X_tain: Array, *, step: Step = quiet) -> Finding:
    """Ask for a field that is misspelt."""
    return Finding({})


def without_docstring(predict: Predict, *, step: Step = quiet) -> Finding:
    return Finding({})


def without_step(predict: Predict) -> Finding:
    """Take no step."""
    return Finding({})


def positional_step(predict: Predict, step: Step = quiet) -> Finding:
    """Take the step as a field of the subject."""
    return Finding({})


def positional_only(predict: Predict, /, *, step: Step = quiet) -> Finding:
    """Take a field without a name."""
    return Finding({})


def anything(*fields: Any, step: Step = quiet) -> Finding:
    """Take whatever comes."""
    return Finding({})


def everything(predict: Predict, *, step: Step = quiet, **rest: Any) -> Finding:
    """Take whatever comes by name."""
    return Finding({})


def bad_default(
    predict: Predict, *, share: Annotated[float, Range(0, 1), "a share"] = 2.0, step: Step = quiet
) -> Finding:
    """Start outside of the range."""
    return Finding({})


def bad_when(
    predict: Predict, *, share: Annotated[float, When("atack", "pgd"), "a share"] = 0.5, step: Step = quiet
) -> Finding:
    """Wait for a parameter that is not there."""
    return Finding({})


def bad_when_value(
    predict: Predict,
    *,
    attack: Annotated[Literal["a", "b"], "which"] = "a",
    share: Annotated[float, When("attack", "c"), "a share"] = 0.5,
    step: Step = quiet,
) -> Finding:
    """Wait for a choice that is not there."""
    return Finding({})


def bad_requires_choice(
    predict: Predict, *, attack: Annotated[Literal["a"], Requires("b", "gradient"), "which"] = "a", step: Step = quiet
) -> Finding:
    """Need a field for a choice that is not there."""
    return Finding({})


def bad_requires_field(
    predict: Predict, *, attack: Annotated[Literal["a"], Requires("a", "gradients"), "which"] = "a", step: Step = quiet
) -> Finding:
    """Need a field that is not there."""
    return Finding({})


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            unknown_field,
            r"custom.unknown_field asks for \['X_tain'\], which a Subject does not have; it has .*'X_train'",
        ),
        (without_docstring, "custom.without_docstring needs a docstring"),
        (
            without_step,
            r"custom.without_step must take the keyword-only argument step: Step = quiet, got \['predict'\]",
        ),
        (positional_step, r"custom.positional_step asks for \['step'\]"),
        (positional_only, "custom.positional_only must name its arguments .* got predict"),
        (anything, r"custom.anything must name its arguments .* got \*fields"),
        (everything, r"custom.everything must name its arguments .* got \*\*rest"),
        (bad_default, r"share must lie in \[0, 1\], got 2.0"),
        (bad_when, r"share of custom.bad_when waits for .*atack.*; allowed: \['share'\]"),
        (bad_when_value, "attack must be one of 'a', 'b', got 'c'"),
        (bad_requires_choice, r"attack of custom.bad_requires_choice must require a choice in \['a'\] .* got .*'b'"),
        (bad_requires_field, "attack of custom.bad_requires_field must require .* a field of Subject, got .*gradients"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_function_that_breaks_the_contract_is_refused_when_decorated(
    function: Callable[..., Any], message: str
) -> None:
    before = set(registered())
    with pytest.raises((TypeError, ValueError), match=message):
        registering(function)
    assert set(registered()) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tasks": {"clasification"}}, r"tasks of custom.engine must be among \['classification', 'regression'\], got"),
        ({"tasks": "clustering"}, r"tasks of custom.engine must be among .*, got \['clustering'\]"),
        ({"tasks": ()}, r"tasks of custom.engine must be among .*, got \[\]"),
        ({"inputs": {"text"}}, r"inputs of custom.engine must be among \['image', 'tabular'\], got \['text'\]"),
    ],
)
def test_unknown_tasks_and_inputs_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        registering(**options)


def test_a_measure_must_say_which_way_is_better() -> None:
    with pytest.raises(ValueError, match="better of the measure 'advantage' must be 'lower' or 'higher', got 'low'"):
        Measure("advantage", "low")  # type: ignore[arg-type]


def test_parameters_are_checked_and_defaults_filled_in() -> None:
    registering()
    entry = find("custom.engine")
    assert entry.check({}) == {"attack": "a", "steps": 2}
    assert entry.check({"steps": np.int64(3)}) == {"attack": "a", "steps": 3}
    with pytest.raises(ValueError, match=r"steps must lie in \[1, 9\], got 10"):
        entry.check({"steps": 10})
    with pytest.raises(ValueError, match=r"custom.engine has no parameter 'step'; allowed: attack, steps"):
        entry.check({"step": 3})


def test_an_engine_that_fits_has_no_gap(logistic: Subject) -> None:
    registering()
    assert find("custom.engine").gap(logistic) is None


def test_a_gap_names_the_task(regression: Subject) -> None:
    registering()
    gap = find("custom.engine").gap(regression)
    assert gap is not None
    assert gap.reason == "regression (made for classification only)"


def test_a_gap_names_the_kind_of_inputs(digits: Subject) -> None:
    registering(inputs={"tabular"})
    gap = find("custom.engine").gap(digits)
    assert gap is not None
    assert gap.reason == "image inputs (made for tabular inputs only)"


def test_a_gap_names_every_missing_field_and_how_to_give_it(logistic: Subject) -> None:
    def hungry(groups: Array, X_new: Array, *, step: Step = quiet) -> Finding:
        """Need what is not there."""
        return Finding({})

    registering(hungry)
    gap = find("custom.hungry").gap(logistic)
    assert gap is not None
    assert gap.reason == ("needs subgroups: pass groups= to Subject.of and new samples: pass X_new= to Subject.of")


def test_a_gap_says_that_labels_do_not_suffice(logistic: Subject) -> None:
    registering()
    labels_only = replace(logistic, outputs="labels")
    gap = find("custom.engine").gap(labels_only)
    assert gap is not None
    assert gap.reason == "needs class probabilities, and this model gives labels only (it has no predict_proba)"
    registering(labels_suffice=True)
    assert find("custom.engine").gap(labels_only) is None


def test_a_choice_that_lacks_its_field_is_a_gap_with_another_choice_instead(forest: Subject) -> None:
    registering()
    entry = find("custom.engine")
    assert entry.gap(forest) is None
    gap = entry.gap(forest, {"attack": "pgd"})
    assert gap is not None
    assert gap.reason.startswith("attack='pgd' needs gradients")
    assert gap.instead == "attack='a'"


def test_the_engine_gets_the_fields_it_asks_for(logistic: Subject) -> None:
    registering()
    given = find("custom.engine").inputs_of(logistic)
    assert set(given) == {"predict", "X", "X_train", "gradient"}
    assert given["X"] is logistic.X


def test_not_applicable_carries_what_to_use_instead() -> None:
    raised = NotApplicable("too many samples", "max_samples=100")
    assert (raised.reason, raised.instead, str(raised)) == ("too many samples", "max_samples=100", "too many samples")
