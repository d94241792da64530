from xrai_widgets.results.look_states import Standing, standings


def _sets(*looks: str) -> list[frozenset[str]]:
    return [frozenset(look.split()) for look in looks]


def test_nothing_is_told_twice_until_the_reminder() -> None:
    told = [standings(_sets(*["a"] * number), {}, reminder=3)[0].notify for number in range(1, 9)]
    assert told == [True, False, False, True, False, False, True, False]


def test_new_lasting_and_over_stand_side_by_side() -> None:
    assert standings(_sets("a", "a b", "b c"), {}) == [
        Standing("a", "resolved", 2, notify=True),
        Standing("b", "still there", 2, notify=False),
        Standing("c", "opened", 1, notify=True),
    ]
    assert [one.key for one in standings(_sets("a", "b", "b"), {})] == ["b"]


def test_what_is_acknowledged_is_silent_until_it_is_over_and_comes_again() -> None:
    known = {1: frozenset({"a"})}
    assert standings(_sets(*["a"] * 9), known, reminder=1) == [Standing("a", "acknowledged", 9, notify=False)]
    assert standings(_sets("a", "a", "", "a"), known) == [Standing("a", "opened", 1, notify=True)]
    assert standings(_sets("b", "b", "a"), known)[0].state == "opened"


def test_no_looks_have_no_problems() -> None:
    assert standings([], {}) == []
    assert standings(_sets(""), {}) == []


def test_what_a_look_could_not_find_neither_ends_nor_lasts_longer() -> None:
    nothing, a = frozenset[str](), frozenset({"a"})
    # the newest look has no labels, those of the one before came
    assert standings(_sets("a", ""), {}, unasked=[nothing, a], fresh=(0, 1)) == [
        Standing("a", "opened", 1, notify=True)
    ]
    assert standings(_sets("a", ""), {}, unasked=[nothing, a]) == [Standing("a", "opened", 1, notify=False)]
    over = standings(_sets("a", "", ""), {}, unasked=[nothing, nothing, a], fresh=(1, 2))
    assert over == [Standing("a", "resolved", 1, notify=True)]
    known = {1: frozenset({"a"})}
    assert standings(_sets("a", "", "a"), known, unasked=[nothing, a, nothing])[0].state == "acknowledged"
