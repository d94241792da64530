"""Every type of column that a table may have comes out of a cell."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from xrai_widgets.cells.plain import careful, plainly
from xrai_widgets.models.frame import FrameCodec

COLUMNS: dict[str, Any] = {
    "float": [1.5, 2.5],
    "int8": np.array([1, 2], dtype=np.int8),
    "bool": [True, False],
    "text": ["a", "b"],
    "object": np.array(["a", None], dtype=object),
    "string": pd.array(["a", "b"], dtype="string"),
    "category": pd.Categorical(["b", "a"], categories=["b", "a"], ordered=True),
    "category of numbers": pd.Categorical([2, 1]),
    "Int64": pd.array([1, 2], dtype="Int64"),
    "Float64": pd.array([1.0, 2.0], dtype="Float64"),
    "boolean": pd.array([True, False], dtype="boolean"),
}


@pytest.mark.parametrize("name", COLUMNS)
def test_a_codec_comes_back_and_decodes_alike(name: str) -> None:
    frame = pd.DataFrame({"x": COLUMNS[name]})
    codec = FrameCodec.learn({"X": frame})
    back = careful(plainly(codec))
    X = codec.encode(frame, "X")
    pd.testing.assert_frame_equal(back.decode(X), codec.decode(X))
    assert back.constraints == codec.constraints
