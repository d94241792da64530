"""What an engine says of itself, and what it refuses: nothing of this runs one."""

from dataclasses import fields, replace

import pytest

from tests.contract.catalog import NAMES, every_engine, small, subject_for
from xrai_widgets.core import Assessment, Subject
from xrai_widgets.core.assessment import explain
from xrai_widgets.runtime import run


def test_the_catalog_holds_the_engines_of_every_family() -> None:
    assert {"privacy.shapr", "privacy.membership_inference", "robustness.evasion"} <= set(NAMES)


@every_engine
def test_the_engine_says_what_it_means_and_what_it_does_not_show(entry: Assessment) -> None:
    assert entry.title
    assert entry.reference
    assert entry.summary.endswith(".")
    for section in ("Parameters", "Returns", "Interpretation", "Limitations", "Recommendations"):
        assert entry.section(section), f"{entry.name} lacks the section {section}"


@every_engine
def test_no_parameter_takes_a_name_that_assess_uses_itself(entry: Assessment) -> None:
    assert not {p.name for p in entry.parameters} & {
        "strict",
        "max_queries",
        "max_seconds",
        "store",
        "fresh",
        "subject",
        "name",
    }


@every_engine
def test_a_bad_parameter_is_refused_with_the_allowed_values(entry: Assessment) -> None:
    for parameter in entry.parameters:
        for wrong in parameter.invalid():
            with pytest.raises((ValueError, TypeError), match=parameter.name) as caught:
                run(subject_for(entry), entry, {parameter.name: wrong})
            if parameter.range is not None and isinstance(wrong, int | float):
                assert str(parameter.range) in str(caught.value)


@every_engine
def test_an_unknown_parameter_is_refused_with_the_allowed_names(entry: Assessment) -> None:
    with pytest.raises(ValueError, match=rf"{entry.name} has no parameter 'sed'; allowed: .*seed|memory_limit"):
        run(subject_for(entry), entry, {"sed": 1})


@every_engine
def test_a_missing_need_is_not_applicable_and_named(entry: Assessment) -> None:
    subject = subject_for(entry)
    for name in entry.needs:
        optional = next(f for f in fields(Subject) if f.name == name).default is None
        if not optional:
            continue
        outcome = run(replace(subject, **{name: None}), entry, small(entry))
        assert outcome.status == "not applicable"
        assert explain(name) in outcome.reason


@every_engine
def test_a_missing_choice_of_a_parameter_is_not_applicable_and_names_another(entry: Assessment) -> None:
    for parameter in entry.parameters:
        for requirement in parameter.requires:
            subject = replace(subject_for(entry), **{requirement.field: None})
            outcome = run(subject, entry, {parameter.name: requirement.choice})
            assert outcome.status == "not applicable"
            assert outcome.instead.startswith(f"{parameter.name}=")
