"""Numbers do not depend on how many workers there are."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from tests.contract.catalog import CATALOG, load, small
from xrai_widgets.core import Assessment, Outcome, find
from xrai_widgets.engines.privacy.shapr import knn_shapley
from xrai_widgets.runtime import RunStep, pool, run, spreading
from xrai_widgets.runtime.parallel import Parallel

NAME = "small_credit_forest"
SPREAD = (
    *("privacy.attribute_inference", "privacy.lira", "privacy.membership_inference", "privacy.pdtp"),
    *("privacy.label_only", "privacy.shapr"),
)
MORE: dict[str, dict[str, Any]] = {"privacy.membership_inference": {"attack": "random forest", "repeats": 2}}


def with_workers(entry: Assessment, jobs: int) -> Outcome:
    params = small(entry, NAME) | MORE.get(entry.name, {})
    return run(load(NAME), entry, params, step=RunStep(backend=Parallel(jobs, worth=0.0)), strict=True)


def check_same(entry: Assessment) -> None:
    one, two = with_workers(entry, 1), with_workers(entry, 2)
    assert (one.status, one.reason, one.queries) == (two.status, two.reason, two.queries)
    if one.finding is None or two.finding is None:
        assert one.finding is two.finding
        return
    assert one.finding.values == two.finding.values
    assert one.finding.intervals == two.finding.intervals
    assert one.finding.notes == two.finding.notes
    for key, table in one.finding.tables.items():
        pd.testing.assert_frame_equal(table, two.finding.tables[key], check_exact=True)
    for key, array in one.finding.arrays.items():
        np.testing.assert_array_equal(array, two.finding.arrays[key])


@pytest.mark.parametrize("name", SPREAD[2:])
def test_numbers_do_not_depend_on_the_number_of_workers(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, spread = [], pool.in_processes

    def counted(function: Callable[[Any], Any], work: list[Any], *rest: Any) -> Any:
        asked.append(len(work))
        return spread(function, work, *rest)

    monkeypatch.setattr(spreading, "in_processes", counted)
    monkeypatch.setattr(knn_shapley, "_BLOCK", 2000)  # several blocks, as of many samples
    monkeypatch.setattr(knn_shapley, "_TOGETHER", 2)
    check_same(find(name))
    assert sum(asked) > 2, "workers did some of it"


@pytest.mark.slow
@pytest.mark.parametrize("entry", CATALOG, ids=[entry.name for entry in CATALOG])
def test_numbers_of_no_engine_depend_on_the_number_of_workers(entry: Assessment) -> None:
    check_same(entry)
