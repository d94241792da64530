"""The form of an assessment or a defence, generated from a function's signature."""

from collections.abc import Callable
from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.core import Assessment, Parameter, Subject, find
from xrai_widgets.core.parameter import ADVANCED_SECTION
from xrai_widgets.models.defences import Defence
from xrai_widgets.widgets.parts import LABELS, Html, wide
from xrai_widgets.widgets.session import Change

_SLIDER = 20  # a range that reaches further beyond the default gets a box for the number instead of a slider
_LEAST = 1e-6  # a lowest number below this only keeps 0 out


class ParameterForm(w.VBox):  # type: ignore[misc]
    """Controls for every parameter of one assessment, or of one defence.

    Parameters
    ----------
    assessment : str, Assessment or Defence
    subject : Subject, optional
        Choices that do not fit it are refused with the reason.

    Attributes
    ----------
    params : dict
        The values, always valid.
    error : str
        What is wrong with the present entry; empty if nothing is.
    """

    params = traitlets.Dict()
    error = traitlets.Unicode()
    subject = traitlets.Instance(Subject, allow_none=True)

    def __init__(self, assessment: str | Assessment | Defence, subject: Subject | None = None, **kwargs: Any) -> None:
        self.assessment = find(assessment) if isinstance(assessment, str) else assessment
        self.message = Html()
        self._controls = {p.name: _control(p) for p in self.assessment.parameters}
        self._automatic: dict[str, w.Checkbox] = {}
        rows: dict[str, list[w.Widget]] = {}
        for parameter in self.assessment.parameters:
            rows.setdefault(parameter.section, []).append(self._row(parameter))
        plain, last = rows.pop("", []), rows.pop(ADVANCED_SECTION, [])
        folded = {**rows, ADVANCED_SECTION: last} if last else rows
        titles = [title[:1].upper() + title[1:] for title in folded]
        self.more = w.Accordion([w.VBox(part) for part in folded.values()], titles=titles)
        super().__init__([*plain, *([self.more] if folded else []), self.message], **kwargs)
        self.add_class("xrai-form")
        for control in [*self._controls.values(), *self._automatic.values()]:
            control.observe(self._read, "value")
        self.observe(self._read, "subject")
        self.subject = subject
        self._read()

    def control(self, name: str) -> w.Widget:
        """Return the control of a parameter."""
        return self._controls[name]

    def _row(self, parameter: Parameter) -> w.Widget:
        control = self._controls[parameter.name]
        if not parameter.optional:
            return control
        box = w.Checkbox(value=parameter.default is None, description=parameter.unset, indent=False, layout=wide())
        box.tooltip = (
            f"choose {parameter.label} automatically"
            if parameter.unset == "automatic"
            else f"leave {parameter.label} open"
        )
        self._automatic[parameter.name] = box
        control.layout.flex, control.layout.min_width = "1 1 0", "0"  # a narrow form shrinks it, not the box beside it
        box.layout.flex = "0 0 auto"
        return w.HBox([control, box])

    def _read(self, _: Change | None = None) -> None:
        params: dict[str, Any] = {}
        for parameter in self.assessment.parameters:
            try:
                params[parameter.name] = self._value(parameter)
            except (ValueError, TypeError) as error:
                self._refuse(str(error))
                return
        self._grey(params)
        gap = self.assessment.gap(self.subject, params, labels=True) if self.subject is not None else None
        if gap is not None:
            self._refuse(f"{gap.reason}." + (f" Instead: {gap.instead}." if gap.instead else ""))
            return
        self.message.say("")
        self.error = ""
        self.params = params

    def _value(self, parameter: Parameter) -> Any:
        if parameter.name in self._automatic and self._automatic[parameter.name].value:
            return None
        value, called = self._controls[parameter.name].value, parameter.called(parameter.label)
        return called.parse(value) if parameter.kind == "floats" else called.check(value)

    def _refuse(self, reason: str) -> None:
        self.message.say(reason)
        self.error = reason

    def _grey(self, params: dict[str, Any]) -> None:
        for parameter in self.assessment.parameters:
            out = parameter.when is not None and params[parameter.when.parameter] != parameter.when.value
            automatic = parameter.name in self._automatic and self._automatic[parameter.name].value
            self._controls[parameter.name].disabled = out or automatic


def _control(parameter: Parameter) -> w.Widget:
    """Return the control for a parameter's kind."""
    made = _MAKERS[parameter.kind](parameter)
    made.description = parameter.label
    span = f" · {parameter.allowed}"
    made.tooltip = f"{parameter.help}{span}"
    made.description_allow_html = False
    made.style = LABELS
    made.layout = wide()
    return made


def _number(parameter: Parameter) -> w.Widget:
    whole = parameter.kind == "int"
    value = parameter.default if parameter.default is not None else _start(parameter)
    if parameter.range is None or parameter.range.high > _SLIDER * max(abs(value), 1e-9 if not whole else 5):
        return (w.IntText if whole else w.FloatText)(value=value, continuous_update=False)
    low, high = parameter.range.low, parameter.range.high
    if whole:
        return w.IntSlider(value=value, min=int(low), max=int(high), continuous_update=False)
    step = 10.0 ** (len(f"{int(high - low)}") - 1) / 100 if high - low >= 1 else (high - low) / 100
    return w.FloatSlider(value=value, min=low, max=high, step=step, readout_format=".3g", continuous_update=False)


def _start(parameter: Parameter) -> float:
    """Return where the control of a number without default starts: no limit that is there only to keep 0 out."""
    if parameter.range is None:
        return 0
    return 1.0 if 0 < parameter.range.low < _LEAST else parameter.range.low


_MAKERS: dict[str, Callable[[Parameter], w.Widget]] = {
    "bool": lambda p: w.Checkbox(value=bool(p.default), indent=True),
    "str": lambda p: w.Text(value=p.default or "", continuous_update=False),
    "choice": lambda p: w.Dropdown(options=p.choices, value=p.default if p.default is not None else p.choices[0]),
    "floats": lambda p: w.Text(value=", ".join(f"{item:g}" for item in p.default or ()), continuous_update=False),
    "int": _number,
    "float": _number,
}
