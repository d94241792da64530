"""ProtoDash against AIX360's own, wherever that can be imported."""

from typing import Any

import numpy as np
import pytest

from xrai_widgets.core import Array, NotApplicable
from xrai_widgets.engines.explanations import protodash

pytest.importorskip("aix360")
pytest.importorskip("cvxpy")


def both(X: Array, pool: Array, **params: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    return tuple(  # type: ignore[return-value]
        dict(protodash(X, pool, implementation=name, **params).arrays) for name in ("native", "aix360")
    )


def behind_a_decoy(pool: Array) -> Array:
    """AIX360 can never choose the lowest-numbered candidate that remains: this one is in its way for good."""
    return np.vstack([np.full(pool.shape[1], -100.0), pool])


@pytest.mark.skipif(np.lib.NumpyVersion(np.__version__) >= "2.4.0", reason="AIX360's Gaussian kernel needs numpy<2.4")
@pytest.mark.parametrize("sigma", [1.0, 3.0])
def test_the_gaussian_picks_and_weights_are_those_of_aix360(sigma: float, rng: np.random.Generator) -> None:
    X, pool = rng.normal(size=(200, 8)), behind_a_decoy(rng.normal(size=(300, 8)))
    ours, theirs = both(X, pool, n_prototypes=15, sigma=sigma)
    assert np.array_equal(ours["indices"], theirs["indices"])
    assert np.abs(ours["weights"] - theirs["weights"]).max() < 1e-5


def test_the_linear_picks_are_those_of_aix360_and_the_objective_is_not_lower(rng: np.random.Generator) -> None:
    X, pool = rng.random((200, 20)), behind_a_decoy(rng.random((300, 20)))
    ours, theirs = both(X, pool, n_prototypes=10, kernel="linear")
    assert np.array_equal(ours["indices"], theirs["indices"])
    assert np.abs(ours["weights"] - theirs["weights"]).max() < 1e-4
    results = [
        protodash(X, pool, n_prototypes=25, kernel="linear", implementation=name) for name in ("native", "aix360")
    ]
    reached = [f.tables["curve"].query("`chosen by` == 'ProtoDash'")["objective"].iloc[-1] for f in results]
    assert reached[0] >= reached[1] - 1e-9


def test_aix360_misses_candidate_0_and_ours_finds_it(rng: np.random.Generator) -> None:
    X = rng.random((40, 3)) + 1.0
    pool = np.vstack([X.mean(axis=0), rng.random((30, 3)) + np.array([4.0, 0.0, -3.0])])
    ours, theirs = both(X, pool, n_prototypes=1, kernel="linear")
    assert ours["indices"].tolist() == [0]
    assert theirs["indices"].tolist() != [0]


def test_more_prototypes_than_aix360_can_weigh_are_not_applicable() -> None:
    X = np.random.default_rng(4).normal(size=(5000, 30))
    X = X - X.min(axis=0)
    with pytest.raises(NotApplicable, match="cannot weigh 40 prototypes that depend on each other: ask for fewer"):
        protodash(X, X, n_prototypes=40, kernel="linear", implementation="aix360")
