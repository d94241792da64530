"""`ood.vae`: what it says beside the alarm, and what it keeps."""

from pathlib import Path

import numpy as np
import pytest

import xrai_widgets as xw
from tests.subjects import small_digits
from xrai_widgets.core import Finding, Subject
from xrai_widgets.io.checkpoint_files import kept_in
from xrai_widgets.runtime import Progress, RunStep, run

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # the small network is not trained to the end
PARAMS = {"epochs": 15, "hidden": 64, "latent": 8, "seed": 1}


@pytest.fixture(scope="module")
def digits() -> Subject:
    whole = small_digits()
    turned = 1.0 * whole.X[:60].transpose(0, 1, 3, 2)
    X_new = np.concatenate([whole.X[60:120], turned]).astype(np.float32)
    return Subject.of(
        lambda X: np.asarray(whole.predict(X)),
        whole.X,
        whole.y,
        X_train=whole.X_train,
        y_train=whole.y_train,
        X_new=X_new,
        foreign=np.arange(120) >= 60,
        classes=whole.classes,
    )


@pytest.fixture(scope="module")
def finding(digits: Subject) -> Finding:
    found = xw.assess(digits, "ood.vae", strict=True, **PARAMS).finding
    assert found is not None
    return found


def test_each_part_of_the_score_stands_beside_it(finding: Finding) -> None:
    samples, scores = finding.tables["samples"], finding.tables["scores"]
    assert {"foreignness", "elbo", "reconstruction", "p_value"} <= set(samples.columns)
    assert list(scores["score"]) == ["score", "ELBO", "reconstruction", "KL divergence"]
    strange = samples["group"] == "foreign"
    own = samples["part"] == "X"
    for name, column in (("score", samples["foreignness"]), ("ELBO", -samples["elbo"])):
        pairs = column[strange].to_numpy()[:, None] - column[own].to_numpy()
        row = scores.set_index("score").loc[name]
        assert row["auroc"] == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
        assert row["auroc_low"] <= row["auroc"] <= row["auroc_high"]
    assert finding.values["auroc"] == pytest.approx(scores["auroc"][0])
    assert finding.values["auroc"] > 0.8


def test_losses_and_pictures_are_shown_and_pictures_stay_out_of_reports(finding: Finding) -> None:
    assert finding.tables["training"]["epoch"].max() == PARAMS["epochs"]
    assert [chart.array for chart in finding.charts if chart.kind == "images"] == ["reconstructions", "new_pictures"]
    assert {array.dtype for array in finding.arrays.values()} == {np.dtype(np.uint8)}
    assert finding.without_contents().arrays == {}
    assert not any(name.startswith(("weights", "optimizer")) for name in finding.arrays)


def test_a_second_run_trains_nothing_and_says_the_same(
    digits: Subject, finding: Finding, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XRAI_CHECKPOINTS", str(tmp_path))
    learned = []
    monkeypatch.setattr("xrai_widgets.runtime.run_step._PERIOD", 0.0)
    for _ in range(2):
        heard: list[Progress] = []
        outcome = run(digits, "ood.vae", PARAMS, step=RunStep(listen=heard.append), strict=True)
        assert outcome.finding is not None
        assert outcome.finding.values == finding.values
        learned.append(sum("epoch" in progress.note for progress in heard))
    assert learned[0] > 0 == learned[1]
    assert len(kept_in(tmp_path)) == (10 if len(digits.X_train) < 500 else 1)  # type: ignore[arg-type]  # there are some
    assert any(p.partial is not None and "training" in p.partial.tables for p in heard) or learned[1] == 0


def test_a_table_has_no_pictures_and_no_correction() -> None:
    rng = np.random.default_rng(0)
    X, train = (rng.normal(size=(n, 1)) + 0.1 * rng.normal(size=(n, 4)) for n in (120, 600))
    new = np.vstack([X[:60], [rng.permutation(row) for row in rng.normal(size=(60, 4))]])
    y = (X[:, 0] > 0).astype(int)
    subject = Subject.of(
        lambda rows: np.column_stack([rows[:, 0] <= 0, rows[:, 0] > 0]).astype(float),
        X,
        y,
        X_train=train,
        y_train=(train[:, 0] > 0).astype(int),
        X_new=new,
        foreign=np.arange(120) >= 60,
        classes=(0, 1),
    )
    found = xw.assess(subject, "ood.vae", strict=True, epochs=60, batch_size=32).finding
    assert found is not None
    assert found.values["auroc"] > 0.85
    assert "scores" not in found.tables
    assert found.arrays == {}
