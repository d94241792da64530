"""The forms of all chosen assessments, and the plan they make."""

from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.core import Subject, find
from xrai_widgets.widgets.parameter_form import ParameterForm
from xrai_widgets.widgets.session import Change


class ParameterForms(w.VBox):  # type: ignore[misc]
    """One form per chosen assessment.

    Attributes
    ----------
    names : tuple of str
        The chosen assessments.
    plan : tuple of (name, params)
        What is to be run.
    error : str
        Why it cannot be run; empty if it can.
    subject : Subject or None
    """

    names = traitlets.Tuple()
    plan = traitlets.Tuple()
    error = traitlets.Unicode()
    subject = traitlets.Instance(Subject, allow_none=True)

    def __init__(self, **kwargs: Any) -> None:
        self._forms: dict[str, ParameterForm] = {}
        self._accordion = w.Accordion()
        super().__init__([self._accordion], **kwargs)
        self.observe(self._change, ["names", "subject"])

    def form(self, name: str) -> ParameterForm:
        """Return the form of an assessment; entries are kept while it is not chosen."""
        if name not in self._forms:
            self._forms[name] = ParameterForm(name, self.subject)
            self._forms[name].observe(self._collect, ["params", "error"])
        return self._forms[name]

    def _change(self, change: Change) -> None:
        forms = [self.form(name) for name in self.names]
        if change["name"] == "subject":
            for form in self._forms.values():
                form.subject = self.subject
        else:
            self._list(forms)
        self._collect()

    def _list(self, forms: list[ParameterForm]) -> None:
        """Show the forms; one that is open stays open."""
        before = self._accordion
        opened = None if before.selected_index is None else before.children[before.selected_index]
        # an accordion that gets other children shows titles over the forms of others for a while, or for good
        self._accordion = w.Accordion(
            forms,
            titles=[f"Parameters: {find(name).title}" for name in self.names],
            selected_index=forms.index(opened) if opened in forms else None,
        )
        self.children = [self._accordion]
        before.layout.close()
        before.close()

    def _collect(self, _: Change | None = None) -> None:
        forms = [self.form(name) for name in self.names]
        errors = [f"{form.assessment.name}: {form.error}" for form in forms if form.error]
        self.error = " ".join(errors)
        self.plan = tuple((form.assessment.name, dict(form.params)) for form in forms)
