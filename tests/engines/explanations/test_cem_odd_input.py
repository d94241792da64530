"""Samples, columns and limits that leave CEM little to say."""

from typing import Any

import numpy as np
import pytest

from xrai_widgets.core import Array, Constraint, Names
from xrai_widgets.engines.explanations import cem
from xrai_widgets.models.adapted import softmax

SEARCHES = ["automatic", "coordinate", "finite differences"]
FLAT: dict[str, Any] = {"noise": 0.0}


def lead(Z: Array) -> Array:
    """Two classes, apart along the first column and the product of the next two."""
    return softmax(np.column_stack([np.zeros(len(Z)), 8 * (Z[:, 0] + Z[:, 1] * Z[:, 2] - 0.75)]))


@pytest.fixture
def X() -> Array:
    return np.random.default_rng(0).random((40, 5))


def unit(d: int) -> Array:
    return np.array([np.zeros(d), np.ones(d)])


@pytest.mark.parametrize("search", SEARCHES)
def test_columns_that_never_vary_are_no_part_of_an_explanation(X: Array, search: Any) -> None:
    X[:, [1, 3]] = 0.5, 0.2
    bounds = np.array([X.min(axis=0), X.max(axis=0)])
    finding = cem(lead, X, lead(X).argmax(axis=1), bounds, search=search, **FLAT)
    assert np.array_equal(finding.arrays["pn"][:, [1, 3]], finding.arrays["original"][:, [1, 3]])
    assert np.array_equal(finding.arrays["pp"][:, [1, 3]], finding.arrays["original"][:, [1, 3]])
    assert set(finding.tables["features"]["feature"]) <= {"x0", "x2", "x4"}
    assert finding.values["pn_share"] > 0.9
    assert finding.values["validity"] == 1.0


@pytest.mark.parametrize("search", SEARCHES)
@pytest.mark.parametrize("why", ["constant", "immutable"])
def test_where_nothing_may_change_no_pn_is_found_and_it_is_said(X: Array, search: Any, why: str) -> None:
    rows = np.repeat(X[:1], 10, axis=0) if why == "constant" else X
    bounds = np.array([rows.min(axis=0), rows.max(axis=0)])
    kinds = tuple(Constraint(immutable=why == "immutable") for _ in range(5))
    finding = cem(lead, rows, lead(rows).argmax(axis=1), bounds, kinds, n_samples=10, search=search, **FLAT)
    assert finding.values["pn_share"] == 0.0
    assert (finding.tables["samples"]["pn_status"] == "not found").all()
    assert finding.tables["samples"]["pn_distance"].isna().all()
    assert np.array_equal(finding.arrays["pn"], finding.arrays["original"])
    assert any("For 10 of 10 instances no pertinent negative was found within the ranges" in n for n in finding.notes)


@pytest.mark.parametrize("search", SEARCHES)
def test_the_same_sample_twice_gets_the_same_explanation_twice(X: Array, search: Any) -> None:
    twice = np.concatenate([X[:10], X[:10]])
    finding = cem(lead, twice, lead(twice).argmax(axis=1), unit(5), n_samples=20, search=search, **FLAT)
    for mode in ("pn", "pp"):
        first, second = finding.arrays[mode][:10], finding.arrays[mode][10:]
        assert np.allclose(first, second, atol=1e-9)
    ids = np.array([f"s{number}" for number in range(20)])
    named = cem(lead, twice, lead(twice).argmax(axis=1), unit(5), instances="s3, s3,s13", naming=Names(ids=ids), **FLAT)
    assert named.tables["samples"]["id"].tolist() == ["s3", "s13"]


@pytest.mark.parametrize("search", SEARCHES)
def test_no_pn_within_the_ranges_leaves_the_nearest_attempt(X: Array, search: Any) -> None:
    X[:, 0] *= 0.3
    bounds = np.array([np.zeros(5), np.array([0.3, 1, 1, 1, 1])])
    kinds = (Constraint(), Constraint(immutable=True), *(Constraint(),) * 3)
    X[:, 1] = 0.2  # at most 0.3 + 0.2 · 1 < 0.75 can be reached
    finding = cem(lead, X, np.zeros(40, dtype=int), bounds, kinds, mode="PN", search=search, **FLAT)
    assert (finding.tables["samples"]["pn_status"] == "not found").all()
    assert np.allclose(finding.arrays["pn"][:, [0, 2]], [0.3, 1.0]), "as near to the other answer as is allowed"
    assert "median_pn_distance" not in finding.values
    assert any("the table shows the nearest attempt, which is no explanation" in note for note in finding.notes)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"constraints": (Constraint(),)}, r"^constraints must be one per column \(5\), got 1"),
        ({"bounds": unit(5)[::-1]}, r"^bounds must be \(2, d\) with the lowest values first, got array"),
        ({"bounds": np.zeros(5)}, r"^bounds must be \(2, d\) with the lowest values first"),
        ({"bounds": np.full((2, 5), np.nan)}, r"^bounds must be \(2, d\) with the lowest values first"),
        ({"instances": "7, nobody"}, "^instances must be ids of the samples, such as 0, 1, .* got 'nobody'"),
    ],
)
def test_limits_that_do_not_fit_the_samples_are_told(X: Array, given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        cem(lead, X, lead(X).argmax(axis=1), **({"bounds": unit(5)} | FLAT | given))
