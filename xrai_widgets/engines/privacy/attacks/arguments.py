"""What several attacks ask for word for word."""

from typing import Annotated, Literal

from xrai_widgets.core import Label, Range, Section

SPLIT = Section("split")
TrainRatio = Annotated[
    float,
    Range(0.1, 0.9),
    Label("share to learn from"),
    SPLIT,
    "share of the samples that the attack learns from, or that choose its threshold; it is tried on the rest",
]
Repeats = Annotated[
    int,
    Range(1, 200),
    Label("random splits"),
    SPLIT,
    "how many times the samples are split at random into these two parts",
]
Thresholds = Annotated[Literal["global", "per class"], "one threshold for all samples, or one per class"]
