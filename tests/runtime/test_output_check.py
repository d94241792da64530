"""Every answer is looked at."""

import numpy as np
import pytest

from xrai_widgets.runtime.output_check import OutputCheck

SHAPES = [(3, 2), (400, 60)]  # both ways of adding up


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int64"])
def test_finite_numbers_of_any_size_pass(shape: tuple[int, int], dtype: str) -> None:
    large = np.iinfo(dtype).max if dtype == "int64" else np.finfo(dtype).max
    with np.errstate(over="ignore"):
        OutputCheck()(np.full(shape, large, dtype=dtype), shape[0], 0, shape[0])


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_one_that_is_not_is_named_with_its_row(shape: tuple[int, int], dtype: str, odd: float) -> None:
    out = np.ones(shape, dtype=dtype)
    out[2, 1] = odd
    with pytest.raises(ValueError, match=rf"must be finite, got \[1, {odd:g}.*for row 9 of the 500 asked at once"):
        OutputCheck()(out, shape[0], 7, 500)


def test_opposite_infinities_do_not_cancel() -> None:
    with pytest.raises(ValueError, match=r"for row 0 of the 2 asked at once; a number"):
        OutputCheck()(np.array([[np.inf, -np.inf], [0.0, 1.0]]), 2, 0, 2)


@pytest.mark.parametrize("row", [[0.5, 0.4], [1.5, -0.5], [np.nan, 1.0]])
def test_probabilities_are_at_least_0_and_sum_to_1(row: list[float]) -> None:
    out = np.array([[0.5, 0.5], row, [0.25, 0.75]])
    OutputCheck(probabilities=True)(out[[0, 2]], 2, 0, 2)
    with pytest.raises(ValueError, match=r"must be ≥ 0 and sum to 1, got .* for row 1 of the 3"):
        OutputCheck(probabilities=True)(out, 3, 0, 3)
