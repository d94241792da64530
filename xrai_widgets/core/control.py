"""Models of which the answer is known: measured beside the user's own, they show where its number sits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

CONTROLS = "controls"  # the table of a finding in which they stand
OWN_MODEL = "your model"  # its first row
BLIND = "no model, the data alone"  # its row of what tells members from others without any model
SPLIT_LEAKS = "the split leaks by itself"  # begins the reason why a number that this explains is not judged
ControlKind = Literal["constant", "memorising", "chance", "shuffled", "blind"]
Expected = Literal["no leak", "leak", "anything"]


@dataclass(frozen=True)
class Control:
    """One model beside the user's own, made of the same data and measured by the same engine.

    Parameters
    ----------
    kind : {"constant", "memorising", "chance", "shuffled", "blind"}
        ``constant``: gives every sample the shares of the classes (or the mean). ``memorising``: knows the answer to
        its training samples by heart and gives the constant one elsewhere. ``chance``: the user's model, members and
        non-members dealt at random. ``shuffled``: the user's model, the training labels dealt at random. ``blind``: no
        model at all; a classifier tells members from non-members by the samples and labels alone.
    expect : {"no leak", "leak", "anything"}
        Which value of the first measure is right. One that is wrong becomes a warning beside the number.
    says : str, optional
        What a reader should see, where "should be near …" is not it.
    params : mapping, optional
        Parameters of the engine that must differ for it, as ids of samples that it may not have.
    """

    kind: ControlKind
    expect: Expected
    says: str = ""
    params: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value, allowed in (("kind", self.kind, ControlKind), ("expect", self.expect, Expected)):
            if value not in get_args(allowed):
                raise ValueError(f"{name} of a Control must be one of {', '.join(get_args(allowed))}, got {value!r}")
        if self.expect == "anything" and not self.says:
            raise ValueError(f"the control {self.kind!r} expects anything, so it must say what a reader should see")
