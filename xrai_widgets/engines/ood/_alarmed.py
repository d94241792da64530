"""What an alarm said of all samples."""

from dataclasses import dataclass, field

import numpy as np

from xrai_widgets.core import Array
from xrai_widgets.engines.ood._alarm import Alarm
from xrai_widgets.engines.ood._sets import Part, kind_of, new_parts
from xrai_widgets.engines.ood._synthetic import Made


@dataclass(eq=False)
class Alarmed:
    """Foreignness and p-values of all samples.

    Parameters
    ----------
    foreignness, p : array (n,)
        Of the samples of X, each by an alarm that it did not calibrate.
    classes : int array (n,), optional
        Their true classes; None in regression, as ``right``: whether the model is.
    n_calibration : int
        Samples that calibrated for them.
    alarm : Alarm
        That of new samples.
    missing : int
        Samples with missing numbers.
    new : (foreignness, p), optional
    foreign : bool array, optional
        Which of the new samples are; ``by_name`` where the names of their sets alone say so.
    new_sets : array, optional
        The set of each new sample.
    sets : list of (Made, foreignness, p)
    """

    name: str
    alpha: float
    rate: float
    ids: Array
    classes: Array | None
    class_names: tuple[str, ...]
    foreignness: Array
    p: Array
    right: Array | None
    n_calibration: int
    alarm: Alarm
    missing: int
    seed: int
    new_ids: Array = field(default_factory=lambda: np.empty(0))
    new: tuple[Array, Array] | None = None
    foreign: Array | None = None
    by_name: bool = False
    new_sets: Array | None = None
    sets: list[tuple[Made, Array, Array]] = field(default_factory=list)

    @property
    def labelled(self) -> bool:
        """Whether the user said which samples are foreign, and some are."""
        return self.new is not None and self.foreign is not None and bool(self.foreign.any())

    @property
    def strange(self) -> tuple[Array, Array] | None:
        """Foreignness and p-values of the foreign samples: the user's own, or synthetic ones where no new ones are."""
        if self.labelled:
            assert self.new is not None
            return self.new[0][self.foreign], self.new[1][self.foreign]
        parts = [(f, p) for made, f, p in self.sets if made.kind != "shifted"] if self.new is None else []
        return (np.concatenate([f for f, _ in parts]), np.concatenate([p for _, p in parts])) if parts else None

    @property
    def parts(self) -> list[Part]:
        """The sets of new samples."""
        return [] if self.new is None else new_parts(self.new, self.foreign, self.new_sets)

    @property
    def shifted(self) -> list[Part]:
        """The user's own sets that are shifted but valid, or synthetic ones where there are none."""
        named = [part for part in self.parts if kind_of(part.name) == "shifted"]
        return named or [Part(made.name, made.kind, f, p) for made, f, p in self.sets if made.kind == "shifted"]
