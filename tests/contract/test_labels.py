"""What the catalog calls its things: each engine in its own words."""

import re
import sys

import pytest

from tests.contract.catalog import CATALOG, every_engine
from xrai_widgets.core import Assessment, Finding, Label, Measure, Outcome, Parameter, assessment
from xrai_widgets.core.assessment import _registry, family_title
from xrai_widgets.models.defences import DEFENCES
from xrai_widgets.results import html, words
from xrai_widgets.results.charts.figure import draw
from xrai_widgets.results.words import _LABELS, asked, label
from xrai_widgets.widgets import ParameterForm

FAMILIES = sorted({entry.family for entry in CATALOG})
# two letters or more in front of which nobody guesses: they need a label, as what is no single word does
UNSAID = {"kappa", "beta", "gamma", "sigma", "classic", "epsilons", "epsilon", "repeats", "instances", "mode", "steps"}


def labels(entry: Assessment) -> dict[str, str]:
    found = {f"parameter {one.name}": one.label for one in entry.parameters}
    found |= {f"measure {one.key}": entry.label(one.key) or label(one.key) for one in entry.measures}
    return found | {f"word {key}": text for key, text in entry.words.items()}


def needs_label(name: str) -> bool:
    return not re.fullmatch(r"[a-z]{4,}", name) or name in UNSAID


@every_engine
def test_every_parameter_has_a_label(entry: Assessment) -> None:
    for parameter in entry.parameters:
        given = parameter.label != parameter.name.replace("_", " ")
        assert given or not needs_label(parameter.name), f"{parameter.name} of {entry.name} needs a Label"
        assert "_" not in parameter.label
        assert len(parameter.label) <= 32, "a form has room for so much"


@every_engine
def test_no_two_parameters_of_an_engine_are_called_alike(entry: Assessment) -> None:
    called = [parameter.label for parameter in entry.parameters]
    assert len(called) == len({*called})


@pytest.mark.parametrize("defence", DEFENCES.values(), ids=list(DEFENCES))
def test_parameters_of_defences_have_labels_of_their_own(defence: object) -> None:
    form = ParameterForm(defence)  # type: ignore[arg-type]  # a defence has parameters, too
    for parameter in form.assessment.parameters:
        assert form.control(parameter.name).description == parameter.label
        assert parameter.label not in ("beta", "gamma", "scale", "β (weight of sparsity)", "units of sizes")


@pytest.mark.parametrize("family", FAMILIES)
def test_no_label_speaks_of_an_attack_in_a_family_without_attacks(family: str) -> None:
    members = [entry for entry in CATALOG if entry.family == family]
    if any(parameter.name == "attack" for entry in members for parameter in entry.parameters):
        assert any("attack" in text for entry in members for text in labels(entry).values())
        return
    for entry in members:
        for what, text in labels(entry).items():
            assert not re.search(r"attack|member", text), f"{what} of {entry.name}"


def test_there_is_a_family_without_attacks() -> None:
    assert "explanations" in FAMILIES
    assert not [p.name for e in CATALOG if e.family == "explanations" for p in e.parameters if p.name == "attack"]


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_has_a_title(family: str) -> None:
    assert family_title(family) == sys.modules[f"xrai_widgets.engines.{family}"].TITLE


def test_what_means_the_same_everywhere_names_no_parameter() -> None:
    parameters = {parameter.name for entry in CATALOG for parameter in entry.parameters}
    assert not parameters & {*_LABELS}


def test_the_same_key_is_called_otherwise_by_another_engine() -> None:
    assert label("loss", "privacy.membership_inference") == "minus the loss"
    assert label("loss", "explanations.cem") == label("loss") == "loss"
    assert asked("n_samples", "robustness.evasion") == "samples to attack"
    assert asked("n_samples", "explanations.cem") == "samples to explain"
    assert asked("gamma", "privacy.lira") != asked("gamma", "explanations.cem")


def test_an_outcome_of_an_engine_that_is_not_here_shows_its_keys() -> None:
    finding = Finding({"pn_share": 0.5, "auc": 0.7}, {"pn_share": (0.4, 0.6), "auc": (0.6, 0.8)})
    made = Outcome("custom.gone", "f" * 64, "model", {"n_samples": 3}, "ok", finding)
    shown = html.values(made, made.verdict())
    assert ">pn share<" in shown
    assert ">AUC<" in shown  # what means the same everywhere
    assert asked("n_samples", "custom.gone") == "n samples"
    assert family_title("custom") == "Custom"


def test_an_engine_of_the_session_is_shown_in_its_own_words() -> None:
    import pandas as pd

    from xrai_widgets.core import Chart, Step, quiet

    table = pd.DataFrame({"loss": [0.1, 0.2], "measure": ["auc", "odd_key"], "y": [1.0, 2.0]})
    chart = Chart("odd_key", "scatter", "loss", y="y", title="T")
    try:

        @assessment(
            title="words",
            measures=(Measure("auc", "lower", label="area of my own"),),
            words={"loss": "what it costs", "odd_key": "an odd table"},
        )
        def wordy(X: object, *, step: Step = quiet) -> Finding:
            """Say something."""
            return Finding({"auc": 0.5}, tables={"odd_key": table}, charts=(chart,))

        finding = wordy(None)
        made = Outcome("custom.wordy", "f" * 64, "model", {}, "ok", finding)
        assert ">area of my own<" in html.values(made, made.verdict())
        assert draw(chart, finding, "custom.wordy").axes[0].get_xlabel() == "what it costs"
        assert draw(chart, finding).axes[0].get_xlabel() == "loss"
        shown = html.table(table, words.label("odd_key", "custom.wordy"), assessment="custom.wordy")
        for text in ("an odd table", "what it costs", "area of my own"):
            assert text in shown
        assert "odd_key" not in shown
    finally:
        _registry.pop("custom.wordy", None)


def test_words_that_are_said_twice_are_refused() -> None:
    from xrai_widgets.core import Step, quiet

    with pytest.raises(ValueError, match="says twice what 'auc' is called"):

        @assessment(title="twice", measures=(Measure("auc", "lower", label="a"),), words={"auc": "b"})
        def twice(X: object, *, step: Step = quiet) -> Finding:
            """Say something."""
            return Finding({})


def test_a_label_is_read_where_a_person_types_the_name() -> None:
    one = Parameter("n_samples", "int", 3, "how many", label="samples to try")
    assert one.both == "n_samples (samples to try)"
    assert Parameter("memory_limit", "float", 1.0, "GB", label="memory limit (GB)").both == (
        "memory_limit (memory limit, GB)"
    )
    assert Parameter("attack", "str", "", "which").both == "attack"
    assert Label("x").text == "x"
