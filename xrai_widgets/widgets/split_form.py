"""A split of one table into training and held-out samples."""

from typing import Any

import ipywidgets as w

from xrai_widgets.widgets.parts import LABELS, Html, wide

_SAYS = (
    "Right only if the model was trained on exactly these rows: they are those of scikit-learn's "
    "train_test_split(table, test_size=share, random_state=seed)."
)


class SplitForm(w.VBox):  # type: ignore[misc]
    """Share held out, seed, and whether the shares of the classes are kept."""

    def __init__(self, **kwargs: Any) -> None:
        self.share = w.BoundedFloatText(
            0.25, min=0.01, max=0.99, step=0.05, description="share held out", tooltip="part of the rows, 0.01 to 0.99"
        )
        self.seed = w.BoundedIntText(
            0, min=0, max=2**31 - 1, description="seed of the split", tooltip="random_state of the split"
        )
        for control in (self.share, self.seed):
            control.style, control.layout = LABELS, wide()
        self.stratify = w.Checkbox(
            False, description="keep the shares of the classes (stratify)", indent=False, layout=wide()
        )
        says = Html()
        says.say(_SAYS, "info")
        super().__init__([self.share, self.seed, self.stratify, says], **kwargs)

    @property
    def values(self) -> dict[str, Any]:
        """The arguments ``split, seed, stratify`` of `OwnFiles`."""
        return {"split": self.share.value, "seed": self.seed.value, "stratify": self.stratify.value}
