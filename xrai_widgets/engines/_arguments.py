"""What several engines ask for word for word."""

from typing import Annotated, Literal

from xrai_widgets.core import Label, Requires

Scale = Annotated[
    Literal["range", "raw"], Label("units of sizes"), "sizes as shares of each feature's range, or in raw units"
]
SampleIds = Annotated[str, Label("these samples only"), "ids of samples, separated by commas, instead of a draw"]
Part = Annotated[
    Literal["X", "X_train"], Label("samples from"), "X: held-out samples; X_train: those that the model was trained on"
]
EitherPart = Annotated[Part, Requires("X_train", "X_train")]  # where training samples are not needed anyway
