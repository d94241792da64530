"""Waive a failing value, with a name, a reason and a date; and take it back."""

from datetime import date
from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.core import Outcome
from xrai_widgets.results import html, words
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.results.waiver import Waiver
from xrai_widgets.widgets.parts import LABELS, Html, guarded, wide
from xrai_widgets.widgets.session import Change

_SHOWN = 16  # characters of the fingerprint: enough to mean one model


class WaiverForm(w.VBox):  # type: ignore[misc]
    """Waive what fails or straddles in one outcome. The verdict stays; it no longer makes the run fail.

    Attributes
    ----------
    outcome : Outcome or None
    policy : Policy
        Replaced when something is waived or taken back; it is saved with its waivers.
    """

    outcome = traitlets.Instance(Outcome, allow_none=True)
    policy = traitlets.Instance(Policy)

    def __init__(self, outcome: Outcome | None = None, policy: Policy | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.set_trait("policy", policy or Policy.default())
        self.observe(self._show, ["outcome", "policy"])
        self.outcome = outcome
        self._show()

    def _make(self) -> None:
        """Make the form when something fails for the first time: most pages open without."""
        self.message = Html()
        look = {"style": LABELS}
        typed = {**look, "continuous_update": False}  # else a click may overtake the last letters
        self.measure = w.Dropdown(description="value to waive", tooltip="what is accepted", layout=wide(), **look)
        self.who = w.Text(
            description="accepted by", tooltip="name of the person who accepts it", layout=wide(), **typed
        )
        self.why = w.Text(description="reason", tooltip="why it is accepted", layout=wide(), **typed)
        self.until = w.DatePicker(
            description="until", tooltip="the last day on which it is in force", layout=w.Layout(width="340px"), **look
        )
        self.only = w.Checkbox(
            value=True,
            description="for this very model only; a model that was fitted again is judged anew",
            tooltip="names the model's fingerprint in the waiver",
            indent=False,
            layout=wide(),
        )
        self.button = w.Button(description="Waive", tooltip="keep the verdict, and let the run pass in spite of it")
        self._form = w.VBox([self.measure, self.who, self.why, self.until, self.only, self.button])
        self.held = w.VBox()
        self._accordion = w.Accordion([w.VBox([self._form, self.held, self.message])], titles=["Waive a failing value"])
        self.children = [self._accordion]
        self.button.on_click(lambda _: self.waive())
        self.observe(lambda _: self.message.say(""), "outcome")

    @guarded
    def waive(self) -> None:
        """Add the waiver to the policy; what is wrong with the entries is shown beside them."""
        assert self.outcome is not None
        for field, text in ((self.who, "the name of the person who accepts it"), (self.why, "the reason")):
            if not field.value.strip():
                raise ValueError(f"{field.description} must be given: {text}")
        if self.until.value is None or self.until.value < date.today():
            got = "no date" if self.until.value is None else self.until.value.isoformat()
            raise ValueError(f"until must be a date from {date.today().isoformat()} on, got {got}")
        subject = self.outcome.subject[:_SHOWN] if self.only.value else ""
        waiver = Waiver(
            *(self.outcome.assessment, self.measure.value, self.who.value.strip(), self.why.value.strip()),
            *(self.until.value, subject),
        )
        self.policy = self.policy.with_waiver(waiver)
        name = words.label(waiver.measure, waiver.assessment)
        self.message.say(f"{name} is waived until {waiver.until.isoformat()}", "status")

    @guarded
    def take_back(self, waiver: Waiver) -> None:
        """Take a waiver out of the policy."""
        self.policy = self.policy.without_waiver(waiver)
        self.message.say(f"{words.label(waiver.measure, waiver.assessment)} is no longer waived", "status")

    def _show(self, _: Change | None = None) -> None:
        checks = judge(self.outcome, self.policy).checks if self.outcome is not None else ()
        groups = judge(self.outcome, self.policy).groups if self.outcome is not None else ()
        noted = [check for check in checks if check.waiver is not None]
        bad = {group.key for group in groups if group.together == "fail"}
        failing = [check for check in checks if check.status in ("fail", "warn") or check.key in bad]
        self.layout.display = "" if failing or noted else "none"
        if not self.children and (failing or noted):
            self._make()
        if not self.children:
            return
        name = words.labels_of(self.outcome.assessment if self.outcome is not None else "")
        options = [
            (f"{name(check.key)} ({'fail' if check.key in bad else check.status})", check.key) for check in failing
        ]
        if tuple(options) != tuple(self.measure.options):
            self.measure.options = options
            self.measure.value = failing[0].key if failing else None
        rows = []
        for check in noted:
            text = Html()
            text.show(html.render("waiver.html", check=check, name=name(check.key)))
            button = w.Button(description="Take back", tooltip=f"judge {name(check.key)} without this waiver")
            button.on_click(lambda _, waiver=check.waiver: self.take_back(waiver))
            rows.append(w.HBox([button, text]))
        self.held.children = rows
        self._form.layout.display = "" if failing else "none"
