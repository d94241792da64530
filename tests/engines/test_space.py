"""The space of allowed samples: whatever an attack proposes, what comes out may exist."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xrai_widgets.core import Array, Constraint
from xrai_widgets.engines._space import Space

often = settings(max_examples=100, deadline=None)


@st.composite
def spaces(draw: st.DrawFn) -> tuple[Space, Array, Array]:
    """A space with columns of every kind, samples that exist in it, and points that need not."""
    kinds: list[Constraint] = []
    low: list[float] = []
    high: list[float] = []
    values: list[st.SearchStrategy[float]] = []

    def add(kind: Constraint, bottom: float, top: float, value: st.SearchStrategy[float]) -> None:
        kinds.append(kind)
        low.append(bottom)
        high.append(top)
        values.append(value)

    changes = {"immutable": st.booleans(), "monotone": st.sampled_from([-1, 0, 1])}
    for number in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(["continuous", "integer", "category"]))
        extra = {key: draw(value) for key, value in changes.items()}
        if kind == "category":
            labels = tuple(f"c{number}-{label}" for label in range(draw(st.integers(1, 4))))
            codes = st.integers(0, len(labels) - 1).map(float)
            add(Constraint("category", labels, **extra), 0.0, len(labels) - 1.0, codes)
            continue
        bottom = draw(st.floats(-5, 5))
        top = bottom + draw(st.sampled_from([0.0, 0.3, 1.0, 7.5]))
        if kind == "integer":
            bottom, top = np.floor(bottom), np.floor(bottom) + np.ceil(top - bottom)
            out = draw(st.sampled_from([0, 0, 3]))  # samples may lie outside the range of what they may become
            whole = st.integers(int(bottom) - out, int(top) + out).map(float)
            slack = draw(st.sampled_from([0.0, 0.4]))  # bounds need not be whole numbers themselves
            add(Constraint("integer", **extra), bottom - slack, top + slack, whole)
        else:
            out = draw(st.sampled_from([0.0, 0.0, 2.0]))
            add(Constraint(**extra), bottom, top, st.floats(bottom - out, top + out))
    members = draw(st.integers(0, 4))
    for _ in range(members):
        extra = {key: draw(value) for key, value in changes.items()}
        add(
            Constraint("integer", group="one of them", **extra),
            0.0,
            draw(st.sampled_from([1.0, 1.0, 0.0])),
            st.just(0.0),
        )
    d, n = len(kinds), draw(st.integers(1, 4))
    origins = np.array([[draw(value) for value in values] for _ in range(n)])
    group = np.arange(d - members, d)
    for row in range(n if members else 0):
        held = draw(st.sampled_from(group.tolist()))
        origins[row, held], high[held] = 1.0, 1.0
    scale = draw(st.sampled_from(["range", "raw"]))
    space = Space(np.array([low, high]), kinds, scale)
    width = space.to_coordinates(origins).shape[1]
    points = np.array([[draw(st.floats(-3, 3)) for _ in range(width)] for _ in range(n)])
    return space, origins, points


@often
@given(spaces())
def test_what_comes_out_lies_inside_the_bounds_or_nearer_to_them(case: tuple[Space, Array, Array]) -> None:
    space, origins, points = case
    samples = space.to_samples(points, origins)
    low, high = space.bounds
    assert samples.shape == origins.shape
    assert (samples >= np.minimum(low, origins)).all()
    assert (samples <= np.maximum(high, origins)).all()


@often
@given(spaces())
def test_what_comes_out_is_whole_where_only_whole_numbers_occur(case: tuple[Space, Array, Array]) -> None:
    space, origins, points = case
    samples = space.to_samples(points, origins)
    whole = [column for column, kind in enumerate(space.constraints) if kind.kind in ("integer", "category")]
    assert np.array_equal(samples[:, whole], np.rint(samples[:, whole]))


@often
@given(spaces())
def test_what_comes_out_has_one_known_category(case: tuple[Space, Array, Array]) -> None:
    space, origins, points = case
    samples = space.to_samples(points, origins)
    for column, kind in enumerate(space.constraints):
        if kind.kind == "category":
            assert set(samples[:, column]) <= set(range(len(kind.categories)))


@often
@given(spaces())
def test_what_comes_out_has_exactly_one_member_of_a_one_hot_group(case: tuple[Space, Array, Array]) -> None:
    space, origins, points = case
    group = [column for column, kind in enumerate(space.constraints) if kind.group]
    if group:
        chosen = space.to_samples(points, origins)[:, group]
        assert set(np.unique(chosen)) <= {0.0, 1.0}
        assert (chosen.sum(axis=1) == 1).all()


@often
@given(spaces())
def test_immutable_columns_are_untouched_and_monotone_ones_change_one_way(case: tuple[Space, Array, Array]) -> None:
    space, origins, points = case
    change = space.to_samples(points, origins) - origins
    for column, kind in enumerate(space.constraints):
        if kind.immutable:
            assert (change[:, column] == 0).all()
        assert (change[:, column] * kind.monotone >= 0).all()


@often
@given(spaces())
def test_coordinates_of_a_sample_lead_back_to_it(case: tuple[Space, Array, Array]) -> None:
    space, origins, _ = case
    back = space.to_samples(space.to_coordinates(origins), origins)
    assert back == pytest.approx(origins, abs=1e-12)
    assert space.distance(back, origins, "l2") == pytest.approx(0, abs=1e-12)


@often
@given(spaces())
def test_what_came_out_stays_as_it_is(case: tuple[Space, Array, Array]) -> None:
    space, origins, points = case
    samples = space.to_samples(points, origins)
    again = space.to_samples(space.to_coordinates(samples), origins)
    assert again == pytest.approx(samples, abs=1e-12)


@often
@given(spaces())
def test_coordinates_that_are_not_free_change_nothing(case: tuple[Space, Array, Array]) -> None:
    space, origins, points = case
    start = space.to_coordinates(origins)
    fixed = np.where(space.free, start, points)
    assert space.to_samples(fixed, origins) == pytest.approx(origins, abs=1e-12)


@often
@given(spaces())
def test_the_originals_are_not_written_to(case: tuple[Space, Array, Array]) -> None:
    space, origins, points = case
    before = origins.copy(), points.copy()
    space.to_samples(points, origins)
    assert np.array_equal(origins, before[0])
    assert np.array_equal(points, before[1])


def mixed() -> Space:
    kinds = [Constraint(), Constraint("category", ("red", "green", "blue")), Constraint("integer")]
    return Space(np.array([[10.0, 0.0, 0.0], [30.0, 2.0, 5.0]]), kinds)


def test_a_change_of_category_counts_as_1_however_far_apart_the_codes_are() -> None:
    origin = np.array([[20.0, 0.0, 2.0]])
    for code in (1.0, 2.0):
        assert mixed().distance(np.array([[20.0, code, 2.0]]), origin, "l2") == 1
    assert mixed().distance(origin, origin, "linf") == 0


def test_distances_are_shares_of_each_range() -> None:
    origin, changed = np.array([[20.0, 0.0, 2.0]]), np.array([[26.0, 1.0, 4.0]])
    assert mixed().share(changed, origin).tolist() == [[0.3, 1.0, 0.4]]
    assert mixed().distance(changed, origin, "l2") == pytest.approx(np.sqrt(0.09 + 1 + 0.16))
    assert mixed().distance(changed, origin, "linf") == 1


def test_distances_in_raw_units_are_not_divided_by_the_range() -> None:
    space = Space(np.array([[0.0, 0.0], [10.0, 0.5]]), (), "raw")
    assert space.distance(np.array([[3.0, 0.4]]), np.array([[0.0, 0.0]]), "l2") == pytest.approx(np.hypot(3, 0.4))
    assert space.distance(np.array([[3.0, 0.4]]), np.array([[0.0, 0.0]]), "linf") == 3


def test_the_largest_coordinate_of_a_category_wins() -> None:
    points = np.array([[0.5, 0.4, 0.2, 0.3, 0.6]])  # two numbers, then one coordinate per category
    assert mixed().to_samples(points[:, [0, 1, 2, 3, 4]], np.array([[20.0, 1.0, 2.0]])).tolist() == [[20.0, 2.0, 2.0]]


def test_the_origin_and_scale_of_coordinates_are_the_bounds() -> None:
    assert mixed().to_coordinates(np.array([[15.0, 1.0, 5.0]])).tolist() == [[0.25, 1.0, 0.0, 1.0, 0.0]]
    low, high = mixed().box
    assert (low.tolist(), high.tolist()) == ([0.0] * 5, [1.0] * 5)


def test_a_member_of_a_group_that_must_not_fall_keeps_its_place() -> None:
    kinds = [Constraint(group="g", immutable=True), Constraint(group="g"), Constraint(group="g", monotone=-1)]
    space = Space(np.array([[0.0] * 3, [1.0] * 3]), kinds)
    wish = np.array([[0.0, 1.0, 0.2], [0.9, 0.3, 0.8]])
    assert space.to_samples(wish, np.array([[1.0, 0, 0], [0, 1.0, 0]])).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert space.to_samples(wish[:1], np.array([[0.0, 0, 1]])).tolist() == [[0, 1, 0]]


def test_whole_numbers_stay_inside_bounds_that_are_not_whole() -> None:
    space = Space(np.array([[0.5], [3.7]]), [Constraint("integer")])
    assert space.to_samples(np.array([[-1.0], [2.0]]), np.array([[1.0], [1.0]])).tolist() == [[1.0], [3.0]]


def test_a_column_without_room_is_not_free() -> None:
    space = Space(np.array([[0.0, 2.0], [1.0, 2.0]]), [Constraint(), Constraint()])
    assert space.free.tolist() == [True, False]
    assert space.to_samples(np.array([[0.4, 9.0]]), np.array([[0.1, 2.0]])).tolist() == [[0.4, 2.0]]
