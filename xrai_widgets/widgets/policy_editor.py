"""The policy as text: read it, change it, keep it."""

from typing import Any

import ipywidgets as w
import traitlets

from xrai_widgets.results.policy import Policy
from xrai_widgets.widgets.download import Download, File
from xrai_widgets.widgets.parts import Html, guarded
from xrai_widgets.widgets.session import Change


class PolicyEditor(w.VBox):  # type: ignore[misc]
    """Edit the policy as TOML.

    Attributes
    ----------
    policy : Policy
        Replaced when a text without mistakes is applied.
    """

    policy = traitlets.Instance(Policy)

    def __init__(self, policy: Policy | None = None, **kwargs: Any) -> None:
        self.message = Html()
        self.text = w.Textarea(
            description="policy",
            tooltip="thresholds as TOML: one table per assessment, max or min per measure",
            layout=w.Layout(width="auto", height="170px"),
        )
        self.button = w.Button(description="Apply", tooltip="judge by this policy; nothing is run again")
        save = Download("save", {"TOML": lambda: File("policy.toml", "application/toml", self.policy.to_toml())})
        super().__init__([self.text, w.HBox([self.button, save]), self.message], **kwargs)
        self.set_trait("policy", policy or Policy.default())
        self.button.on_click(lambda _: self.apply())
        self.observe(self._write, "policy")
        self._write()

    @guarded
    def apply(self) -> None:
        """Read the text; what is wrong with it is shown beside it, and the old policy stays."""
        self.policy = Policy.parse(self.text.value)
        self.message.say("applied", "status")

    def _write(self, _: Change | None = None) -> None:
        self.text.value = self.policy.to_toml()
        self.message.say("")
