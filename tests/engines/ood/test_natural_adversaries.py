"""Natural adversaries as an assessment: statuses, both readings, gates."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import xrai_widgets as xw
from tests.subjects import small_digits
from xrai_widgets.core import Array, Finding, Subject
from xrai_widgets.runtime import RunStep, run

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")  # the small network is not trained to the end
NAME = "ood.natural_adversaries"
SMALL: dict[str, Any] = {"generator_steps": 150, "quality": 0.1, "agreement": 0.3, "n_samples": 80}


@pytest.fixture(scope="module")
def digits() -> Subject:
    whole = small_digits()
    X_new = np.concatenate([whole.X[:20], whole.X[:80].transpose(0, 1, 3, 2)])
    foreign = np.arange(100) >= 20
    return replace(whole, X_new=X_new, foreign=foreign, new_ids=np.arange(1000, 1100), logits=None, gradient=None)


@pytest.fixture(scope="module")
def finding(digits: Subject) -> Finding:
    return asked(digits)


def asked(subject: Subject, **more: Any) -> Finding:
    found = xw.assess(subject, NAME, strict=True, **(SMALL | more)).finding
    assert found is not None
    return found


def test_every_sample_has_a_status_and_only_what_was_found_a_distance(finding: Finding, digits: Subject) -> None:
    samples = finding.tables["samples"]
    assert len(samples) == 80 + 100
    assert set(samples["status"]) <= {
        *("found", "not found", "answered wrongly before"),
        "another label when reconstructed",
    }
    assert (samples["delta_z"].notna() == (samples["status"] == "found")).all()
    assert (samples.loc[samples["status"] == "found", "delta_z"] > 0).all()
    of_x = samples[samples["part"] == "X"].set_index("id")
    row = {name: place for place, name in enumerate(digits.ids.tolist())}
    places = [row[name] for name in of_x.index]
    labels = digits.predict(digits.X[places]).argmax(axis=1)
    assert (of_x["label"] == [digits.naming.of_classes(10)[code] for code in labels]).all()
    right = labels == digits.y[places]
    stays = of_x["status"] != "another label when reconstructed"
    assert ((of_x["status"] == "answered wrongly before") == (~right & stays)).all()
    assert set(samples.loc[samples["part"] == "X_new", "status"]) <= {"found", "another label when reconstructed"}
    assert (
        samples.loc[samples["status"] == "found", "becomes"] != samples.loc[samples["status"] == "found", "label"]
    ).all()


def test_the_median_is_that_of_the_samples_that_are_answered_rightly(finding: Finding) -> None:
    samples = finding.tables["samples"]
    own = samples[(samples["part"] == "X") & (samples["status"] == "found")]
    assert finding.values["delta_z"] == pytest.approx(own["delta_z"].median())
    assert finding.counts["delta_z"] == len(finding.tables["medians"]) == len(own)
    kept = samples.loc[samples["part"] == "X", "status"] != "another label when reconstructed"
    assert finding.values["agreement"] == pytest.approx(kept.mean())


def test_the_other_reading_is_an_area_of_pairs(finding: Finding) -> None:
    samples = finding.tables["samples"]
    foreign = samples.loc[(samples["group"] == "foreign") & samples["to_boundary"].notna(), "to_boundary"].to_numpy()
    own = samples.loc[(samples["part"] == "X") & samples["to_boundary"].notna(), "to_boundary"].to_numpy()
    pairs = own - foreign[:, None]
    assert finding.values["foreign_auroc"] == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())
    right = samples["group"] == "answered rightly"
    wrong = samples["group"] == "answered wrongly"
    far = samples["to_boundary"]
    if "errors_auroc" in finding.values:
        pairs = far[right & far.notna()].to_numpy() - far[wrong & far.notna()].to_numpy()[:, None]
        assert finding.values["errors_auroc"] == pytest.approx(((pairs > 0) + 0.5 * (pairs == 0)).mean())


def test_the_pictures_are_what_the_model_answers_otherwise(finding: Finding, digits: Subject) -> None:
    captions, pictures = finding.tables["adversaries"]["picture"], finding.arrays["adversaries"]
    assert pictures.dtype == np.uint8
    assert pictures.shape == (24, 1, 8, 8)
    assert captions[0].split(": ")[1] == captions[8].split(": ")[1], "a reconstruction keeps the label"
    assert finding.without_contents().arrays == {}
    smallest = finding.tables["samples"].query("part == 'X'")["delta_z"].min()
    assert captions[16].endswith(f"Δz {smallest:.2f}")


def test_without_slopes_a_model_is_asked_for_labels_and_comes_near_them(digits: Subject) -> None:
    along = asked(digits, n_samples=40)
    blind = replace(digits, logit_gradient=None)
    for search in ("automatic", "shrinking"):
        by_labels = asked(blind, n_samples=40, search=search)
        both = along.tables["samples"]["delta_z"], by_labels.tables["samples"]["delta_z"]
        ratio = (both[1] / both[0]).dropna()
        assert len(ratio) > 10
        assert 0.95 < ratio.median() < 1.2
    outcome = xw.assess(blind, NAME, search="gradients", **SMALL)
    assert outcome.status == "not applicable"


def test_what_is_aimed_at_is_named_and_must_be_a_class(digits: Subject) -> None:
    samples = asked(digits, target="3", n_samples=40, reach=30.0).tables["samples"]
    assert set(samples.loc[samples["status"] == "found", "becomes"]) == {"3"}
    assert (samples.loc[samples["status"] == "of that class already", "label"] == "3").all()
    assert (samples["status"] == "of that class already").any()
    with pytest.raises(ValueError, match="target must be"):
        xw.assess(digits, NAME, target="twelve", strict=True, **SMALL)


def test_nothing_within_reach_is_no_median_and_not_0(digits: Subject) -> None:
    finding = asked(digits, reach=0.01, n_samples=40)
    assert "delta_z" not in finding.values
    assert finding.values["found_share"] < 0.5
    assert (finding.tables["samples"]["status"] == "not found").any()
    assert any(note.startswith("No median") for note in finding.notes)
    assert np.isinf(finding.tables["medians"]["delta_z"]).any()


def test_a_model_that_does_not_know_what_is_reconstructed_gives_a_reason(digits: Subject) -> None:
    outcome = xw.assess(digits, NAME, **(SMALL | {"agreement": 1.0}))
    assert (outcome.status, outcome.instead) == ("not applicable", "robustness.evasion")
    assert "keep their label when they are reconstructed, less than 1" in outcome.reason
    outcome = xw.assess(digits, NAME, **(SMALL | {"quality": 1.0}))
    assert (outcome.status, outcome.instead) == ("not applicable", "robustness.evasion")
    assert "did not reach the quality of 1" in outcome.reason


def test_bad_samples_are_told_apart(digits: Subject) -> None:
    assert digits.X_train is not None
    grey = replace(digits, X_train=np.full_like(digits.X_train, 0.5))
    with pytest.raises(ValueError, match="must not all be one grey"):
        xw.assess(grey, NAME, strict=True, **SMALL)
    with pytest.raises(ValueError, match="X_train must hold at least 10 samples, got 3"):
        xw.assess(replace(digits, X_train=digits.X_train[:3]), NAME, strict=True, **SMALL)
    empty = replace(digits, X_new=digits.X[:0], foreign=np.zeros(0, dtype=bool), new_ids=np.arange(0))
    assert set(asked(empty, n_samples=20).tables["samples"]["part"]) == {"X"}
    quick: dict[str, Any] = {"generator_steps": 2, "hidden": 8, "latent": 2, "quality": 0.0}
    finding = xw.assess(empty, "ood.wgan_inverter", strict=True, **quick).finding
    assert finding is not None
    assert set(finding.tables["samples"]["part"]) == {"X"}

    def constant(X: Array) -> Array:
        return np.tile(np.eye(10)[0], (len(X), 1))

    single = replace(digits, predict=constant, logit_gradient=None, logits=None, y=np.zeros_like(digits.y))
    never = asked(single, n_samples=10, directions=16)
    assert set(never.tables["samples"]["status"]) == {"not found"}
    assert never.values["found_share"] == 0.0


def test_a_cancelled_search_keeps_what_was_looked_at(digits: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("xrai_widgets.engines.ood._latent.sought._BLOCK", 10)
    whole = asked(digits, n_samples=40).tables["samples"].set_index(["part", "id"])["delta_z"]
    step: RunStep

    def heard(progress: Any) -> None:
        if progress.note.startswith("searching") and progress.done > 0.8:
            step.meter.cancel.set()

    step = RunStep(listen=heard)
    outcome = run(digits, NAME, SMALL | {"n_samples": 40}, step=step)
    assert outcome.status == "cancelled"
    assert outcome.finding is not None
    part = outcome.finding.tables["samples"].set_index(["part", "id"])
    assert (part["status"] == "not looked at").any()
    some = part["delta_z"].notna()
    assert some.any()
    np.testing.assert_allclose(part["delta_z"][some], whole[some], rtol=1e-3)
