"""What is measured beside the user's own number and has a known result: it shows where the number sits."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from xrai_widgets.core.finding import Finding

CONTROLS = "controls"  # the table of a finding in which they stand
MODEL_ROW = "your model"  # its first row
BLIND = "no model, the data alone"  # its row of what tells members from others without any model
SPLIT_LEAKS = "the split leaks by itself"  # begins the reason why a number that this explains is not judged
ControlKind = Literal["constant", "memorising", "chance", "shuffled", "blind", "dealt"]
Expected = Literal["no leak", "leak", "anything"]
Right = Mapping[str, tuple[float, float]]
_OF_MEMBERS = ("memorising", "chance", "shuffled", "blind")


@dataclass(frozen=True)
class Control:
    """One model beside the user's own, measured by the same engine; or what chance gives in place of what was found.

    Parameters
    ----------
    kind : {"constant", "memorising", "chance", "shuffled", "blind", "dealt"}, or a name
        ``constant``: gives every sample the shares of the classes (or the mean). ``memorising``: knows the label of
        its training samples by heart and gives the constant one elsewhere. ``chance``: the user's model, members and
        non-members shuffled. ``shuffled``: the user's model, the training labels shuffled. ``blind``: no
        model at all; a classifier separates members from non-members by the samples and labels alone. ``dealt``: the
        user's model, its predictions shuffled among the samples. With ``measured``, what the control is called.
    expect : {"no leak", "leak", "anything"}, or mapping of str to (low, high)
        Which value of the first measure is right; or the range of the right ones for each of some values of the
        control's finding. One whose interval is outside is wrong: a note says so, and what it is about is not judged.
    says : str, optional
        What a reader should see, where "should be near …" is not it.
    params : mapping, optional
        Parameters of the engine that must differ for it, as ids of samples that it may not have.
    at_most : mapping, optional
        Parameters of the engine that are lowered to this for it, so that it stays cheap.
    about : tuple of str, optional
        Values of the finding that it stands beside; empty: every measure, or every value where there are none.
    measured : callable, optional
        ``measured(finding, …, *, …, step)`` → Finding: what chance gives, derived from what the engine found. Its other
        positional arguments are fields of the subject, its keyword-only ones parameters, of those that the engine has.
    wrong : str, optional
        What it means if it is wrong; needed where ``expect`` is a mapping.
    """

    kind: ControlKind | str
    expect: Expected | Right
    says: str = ""
    params: Mapping[str, object] = field(default_factory=dict)
    at_most: Mapping[str, float] = field(default_factory=dict)
    about: tuple[str, ...] = ()
    measured: Callable[..., Finding] | None = None
    wrong: str = ""

    def __post_init__(self) -> None:
        if self.measured is None and self.kind not in get_args(ControlKind):
            allowed = ", ".join(get_args(ControlKind))
            raise ValueError(f"kind of a Control must be one of {allowed}, or measured= be given, got {self.kind!r}")
        if isinstance(self.expect, str) and self.expect not in get_args(Expected):
            allowed = ", ".join(get_args(Expected))
            raise ValueError(f"expect of a Control must be one of {allowed}, or a mapping, got {self.expect!r}")
        if not self.says and (self.expect == "anything" or not isinstance(self.expect, str)):
            what = self.expect if isinstance(self.expect, str) else "values"
            raise ValueError(f"the control {self.kind!r} expects {what}, so it must say what a reader should see")
        if not isinstance(self.expect, str) and not self.wrong:
            raise ValueError(f"the control {self.kind!r} expects values, so wrong= must say what others mean")

    @property
    def made_of(self) -> tuple[tuple[str, str], ...]:
        """The samples and labels that its model is made of: those of the first pair that an engine asks for."""
        training, held_out = ("X_train", "y_train"), ("X", "y")
        return (training,) if self.kind in _OF_MEMBERS else (training, held_out)

    def given(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters of the engine for it, derived from those of the user's own run."""
        lowered = {
            key: most if params[key] is None else min(most, params[key])  # None: automatic
            for key, most in self.at_most.items()
            if key in params
        }
        return {**params, **lowered, **self.params}
