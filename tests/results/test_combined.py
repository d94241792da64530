"""Several searches read together: held against the plain minimum over all that was found."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pandas as pd
import pytest

from xrai_widgets.core import Finding, Outcome
from xrai_widgets.reporting import console
from xrai_widgets.reporting.compose import report
from xrai_widgets.reporting.exit_codes import exit_code
from xrai_widgets.reporting.formats.json import schema
from xrai_widgets.reporting.saved import read_combined, read_policy, read_report
from xrai_widgets.results import html
from xrai_widgets.results.combined import combined
from xrai_widgets.results.policy import Policy

EVASION, CEM = "robustness.evasion", "explanations.cem"
N, D, EPSILON = 40, 3, 0.5


def evasion(distance: np.ndarray, right: np.ndarray, ids: Any, norm: str = "l2", **changes: Any) -> Outcome:
    status = np.where(right, np.where(np.isfinite(distance), "found", "not found"), "answered wrongly before")
    shown = np.where(right & np.isfinite(distance), distance, np.nan)
    table = pd.DataFrame({"part": "X", "id": ids, "status": status, "distance": shown})
    nearest = np.where(np.isnan(shown)[:, None], np.nan, np.full((len(ids), D), 0.123456789))
    share = float((right & (distance > EPSILON)).mean())
    finding = Finding(
        {"robust_accuracy": share},
        {"robust_accuracy": (max(share - 0.01, 0), min(share + 0.01, 1))},
        tables={"samples": table},
        arrays={"nearest": nearest},
    )
    params = {"norm": norm, "scale": "range", "epsilon": EPSILON, "attack": "hop_skip_jump"}
    return replace(Outcome(EVASION, "f" * 64, "model", params, "ok", finding), **changes)


def cem(change: np.ndarray, found: np.ndarray, ids: Any, scale: str = "range", **changes: Any) -> Outcome:
    table = pd.DataFrame({"part": "X", "id": ids, "pn_distance": np.linalg.norm(change, axis=1)})
    arrays = {"nearest": np.where(found[:, None], 0.987654321, np.nan) * np.ones(D), "pn_change": change}
    finding = Finding({"pn_share": float(found.mean())}, tables={"samples": table}, arrays=arrays)
    return replace(Outcome(CEM, "f" * 64, "model", {"scale": scale}, "ok", finding), **changes)


@pytest.fixture
def two(rng: np.random.Generator) -> tuple[Outcome, Outcome, dict[str, Any]]:
    """Evasion on 40 samples, CEM on some of them and on others, in another order."""
    ids, right = np.arange(100, 100 + N), rng.random(N) < 0.8
    distance = np.where(rng.random(N) < 0.7, rng.uniform(0, 2, N), np.inf)
    others = rng.permutation(np.r_[ids[10:], 500:510])
    change, mask = rng.uniform(-1, 1, (len(others), D)), rng.random(len(others)) < 0.8
    plain = {"ids": ids, "right": right, "distance": distance, "others": others, "change": change, "found": mask}
    return evasion(distance, right, ids), cem(change, mask, others), plain


@pytest.mark.parametrize("norm", ["l2", "linf"])
def test_each_sample_counts_by_the_nearest_change_of_any_search(two: Any, norm: str) -> None:
    first, second, plain = two
    first = replace(first, params={**first.params, "norm": norm})
    (reading,) = combined([second, first])
    size = {"l2": lambda c: np.sqrt((c**2).sum()), "linf": lambda c: np.abs(c).max()}[norm]
    best, by, kept = [], [], 0
    for place, name in enumerate(plain["ids"]):
        near, method = plain["distance"][place], f"{EVASION} (hop_skip_jump)"
        for row in np.flatnonzero(plain["others"] == name):
            if plain["found"][row] and size(plain["change"][row]) < near:
                near, method = size(plain["change"][row]), CEM
        right = plain["right"][place]
        kept += bool(right and near > EPSILON)
        best.append(near if right else np.nan)
        by.append(method if right and np.isfinite(near) else "")
    np.testing.assert_allclose(reading.samples["distance"], best)
    assert reading.samples["method"].tolist() == by
    assert (reading.value, reading.count) == (kept / N, N)
    assert reading.low < reading.value < reading.high
    assert reading.value < first.finding.values["robust_accuracy"], "CEM finds nearer ones here"
    assert set(by) == {"", CEM, f"{EVASION} (hop_skip_jump)"}


def test_it_is_judged_by_the_limit_of_evasion_and_fails_the_run() -> None:
    ids, right = np.arange(N), np.ones(N, bool)
    first = evasion(np.full(N, 2.0), right, ids)
    second = cem(np.full((N, D), 0.01), right, ids)
    (reading,) = combined([first, second])
    assert reading.value == 0.0
    made = report([first, second])
    assert made.verdicts[0].status == "not refuted"
    assert made.readings[0][1].status == "fail"
    assert {f.family: (f.status, f.reason) for f in made.families}["robustness"] == (
        "fail",
        "all searches together find more than each alone",
    )
    assert (made.failed, exit_code(made)) == (True, 1)
    for text in (
        made.to_html(),
        made.to_markdown(),
        html.scoreboard([first, second], Policy.default()),
        "\n".join(console.reading_lines(made.readings)),
    ):
        assert "All searches together" in text
        assert f"{CEM} for {N}" in text


def test_together_they_prove_as_little_as_alone() -> None:
    ids, right = np.arange(N), np.ones(N, bool)
    given = [evasion(np.full(N, 2.0), right, ids), cem(np.full((N, D), 0.9), right, ids)]
    assert report(given).readings[0][1].status == "not refuted"


def test_it_is_kept_in_the_report_without_the_points_and_judged_again(tmp_path: Path, two: Any) -> None:
    first, second, _ = two
    made = report([first, second])
    data = json.loads(made.to_json())
    jsonschema.validate(data, schema())
    written = made.to_json()
    for outcome in data["outcomes"]:
        assert "nearest" not in outcome["finding"]["arrays"]
    for number in ("0.123456789", "0.987654321"):
        assert number not in written
    file = made.save(tmp_path / "r.json")
    (before,), (after,) = made.combined, read_combined(file)
    pd.testing.assert_frame_equal(before.samples, after.samples, check_dtype=False)
    assert (before.value, before.methods, before.notes) == (after.value, after.methods, after.notes)
    strict = read_policy(file).with_threshold(EVASION, "robust_accuracy", 0.999)
    again = report(read_report(file), strict, read_together=read_combined(file))
    assert again.readings[0][1].status == "fail"


def test_one_search_alone_and_those_of_another_model_are_not_combined(two: Any) -> None:
    first, second, _ = two
    assert combined([first]) == combined([second]) == []
    assert combined([first, replace(second, subject="e" * 64)]) == []
    assert combined([replace(first, status="cancelled"), second]) == []
    old = replace(second, finding=replace(second.finding, arrays={}))
    assert combined([first, old]) == []


def test_what_is_measured_otherwise_is_said_and_not_mixed(two: Any) -> None:
    first, second, _ = two
    (reading,) = combined([first, replace(second, params={"scale": "raw"})])
    assert reading.methods == (f"{EVASION} (hop_skip_jump)",)
    assert reading.notes == (
        f"{CEM} is not read with the others: its changes are measured in another scale (raw, not range)",
    )
    assert reading.value == first.finding.values["robust_accuracy"]
    largest = replace(first, params={**first.params, "norm": "linf", "attack": "pgd"})
    assert "another norm (linf, not l2)" in combined([first, largest])[0].notes[0]
    assert combined([largest, first])[0].notes == (), "the Euclidean distance is at least the largest change"


def test_a_name_of_two_samples_tells_neither() -> None:
    right = np.ones(4, bool)
    first = evasion(np.full(4, 2.0), right, ["a", "b", "c", "d"])
    second = cem(np.full((4, D), 0.01), right, ["a", "a", "b", "z"])
    assert combined([first, second])[0].samples["distance"].tolist() == [2.0, pytest.approx(0.01 * 3**0.5), 2.0, 2.0]
