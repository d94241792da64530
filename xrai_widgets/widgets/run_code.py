"""Everything on the board as code that runs it again, to be copied."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from xrai_widgets.core import Outcome
from xrai_widgets.results import html
from xrai_widgets.results.policy import Policy
from xrai_widgets.widgets.session import Change

_HERE = Path(__file__).parent


class RunCode(anywidget.AnyWidget):
    """A notebook cell, a TOML plan and a command line, each with a button that copies it.

    Attributes
    ----------
    outcomes : tuple of Outcome
    policy : Policy
    blocks : list of [title, text]
        What is shown.
    """

    _esm = _HERE / "run_code.js"
    _css = _HERE / "run_code.css"
    outcomes = traitlets.Tuple()
    policy = traitlets.Instance(Policy)
    blocks: Any = traitlets.List().tag(sync=True)

    def __init__(self, outcomes: Iterable[Outcome] = (), policy: Policy | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.set_trait("policy", policy or Policy.default())
        self.observe(self._write, ["outcomes", "policy"])
        self.outcomes = tuple(outcomes)

    def _write(self, _: Change) -> None:
        self.blocks = [list(block) for block in html.run_blocks(self.outcomes, self.policy)]

    def __repr__(self) -> str:
        return f"RunCode({len(self.blocks)} blocks)"
