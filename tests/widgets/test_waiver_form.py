"""Waiving in the workbench."""

from datetime import date, timedelta

import pytest

from xrai_widgets.core import Finding, Outcome
from xrai_widgets.results.policy import Policy
from xrai_widgets.widgets import OutcomeView, WaiverForm

MIA = "privacy.membership_inference"
LATER = date.today() + timedelta(days=10)


def outcome(value: float = 0.5) -> Outcome:
    finding = Finding({"advantage": value}, {"advantage": (value - 0.05, value + 0.05)})
    return Outcome(MIA, "ab12" * 16, "forest", {}, "ok", finding)


def filled(form: WaiverForm) -> WaiverForm:
    form.who.value, form.why.value, form.until.value = "A. Smith", "retrained soon", LATER
    return form


def test_a_failing_value_is_waived_and_taken_back() -> None:
    form = filled(WaiverForm(outcome()))
    form.button.click()
    waiver = form.policy.waivers[0]
    assert (waiver.assessment, waiver.measure, waiver.subject) == (MIA, "advantage", "ab12" * 4)
    assert len(form.held.children) == 1
    form.held.children[0].children[0].click()
    assert form.policy == Policy.default()
    assert form.held.children == ()


def test_a_waiver_for_all_models_names_none() -> None:
    form = filled(WaiverForm(outcome()))
    form.only.value = False
    form.button.click()
    assert form.policy.waivers[0].subject == ""


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("who", "  ", "accepted by must be given"),
        ("why", "", "reason must be given"),
        ("until", None, "got no date"),
        ("until", date(2020, 1, 1), "got 2020-01-01"),
    ],
)
def test_what_is_missing_is_said_in_place_and_nothing_is_waived(field: str, value: object, message: str) -> None:
    form = filled(WaiverForm(outcome()))
    getattr(form, field).value = value
    form.button.click()
    assert message in form.message.value
    assert form.policy.waivers == ()


def test_the_form_is_hidden_where_nothing_fails() -> None:
    assert WaiverForm(outcome(0.0)).layout.display == "none"
    assert WaiverForm().layout.display == "none"
    assert WaiverForm(outcome()).layout.display != "none"


def test_the_view_shares_its_policy_with_the_form() -> None:
    view = OutcomeView(outcome())
    filled(view.waivers).button.click()
    assert view.policy.waivers
    assert "Waived by A. Smith" in view._values.value
    view.policy = Policy.default()
    assert view.waivers.held.children == ()
