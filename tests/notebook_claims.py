"""What the notebooks say in words, as assertions about what they show.

Each function runs in the notebook's own kernel, after its last cell, on the names that its cells have made. It must not
use anything from this module.
"""

from typing import Any


def of_01_privacy_of_a_credit_model(shown: dict[str, Any]) -> None:
    """Claims of the notebook on the privacy of a credit model."""
    import numpy as np
    from scipy.stats import binomtest

    from xrai_widgets.results.policy import Policy, judge

    def interval(outcome: Any, key: str = "advantage") -> tuple[float, float]:
        low, high = outcome.finding.intervals[key]
        return low, high

    def wilson(hits: Any) -> tuple[float, float]:
        limits = binomtest(int(hits.sum()), len(hits)).proportion_ci(method="wilson")
        return limits.low, limits.high

    subject, y_test, predictions = shown["subject"], shown["y_test"].to_numpy(), shown["predictions"]
    assert len(shown["X"]) == 1000
    assert len(subject.X_train) == 600, "15 of the 600"
    threshold = Policy.default().threshold("privacy.membership_inference", "advantage")
    assert threshold is not None
    assert threshold.value == 0.10, "the policy allows 0.10"
    assert {"constant model", "memorising model"} <= set(shown["membership"].table("controls")["control"])
    assert interval(shown["membership"])[0] > 0.10, "it reveals to anyone who was in the training data"
    assert interval(shown["lira"])[0] > 0, "a few references are enough to see the direction"
    assert interval(shown["labels"])[0] > 0, "hiding the probabilities does not close the leak"
    assert judge(shown["exposure"]).status == "not judged", "its mean is not judged"
    twice = [shown["logistic"].fit(subject.X_train, subject.y_train, seed=seed)(subject.X) for seed in (0, 1)]
    assert np.allclose(*twice), "a logistic regression is the same every time"
    forests = [subject.fit(subject.X_train, subject.y_train, seed=seed)(subject.X) for seed in (0, 1)]
    assert not np.allclose(*forests), "a forest predicts something else after every training"

    full, pruned, logistic = shown["defences"]
    assert interval(full)[0] > max(interval(pruned)[1], interval(logistic)[1]), "both defences close most of the leak"
    for outcome in (pruned, logistic):
        low, high = interval(outcome)
        assert low <= 0.05, "near 0"
        assert high < 0.2
    apart = abs(pruned.finding.values["advantage"] - logistic.finding.values["advantage"])
    assert apart < 0.1, "the logistic regression reveals as little"

    right = {name: given == y_test for name, given in predictions.items()}
    bad = y_test == "bad"
    named = {name: (given == "bad")[bad] for name, given in predictions.items()}
    assert np.mean(y_test == "good") > 0.6, "most applicants are good"
    assert not (predictions["everyone is good"] == "bad").any()
    low, high = wilson(right["pruned forest"])
    assert low <= np.mean(right["everyone is good"]) <= high, "right about as often as someone who never looks"
    assert np.mean(predictions["pruned forest"] == "bad") < 0.05, "hardly anyone is called bad"
    assert wilson(named["pruned forest"])[1] < wilson(named["fully grown forest"])[0], "few of the bad ones are named"
    for per_sample in (right, named):
        first, second = (per_sample[name].astype(float) for name in ("fully grown forest", "logistic regression"))
        difference = second - first
        half = 1.96 * difference.std(ddof=1) / np.sqrt(len(difference))
        assert abs(difference.mean()) <= half, "the logistic regression pays no price that shows"
        assert half < 0.12, "and a large one would show"


def of_02_evasion_of_a_tabular_model(shown: dict[str, Any]) -> None:
    """Claims of the notebook on evasion."""
    import numpy as np

    assert shown["forest"].X.shape[1] == 30, "thirty measurements"
    assert shown["forest"].gradient is None, "trees have no gradients"
    assert shown["logistic"].gradient is not None
    for name in ("attack", "by_labels", "by_gradient"):
        samples = shown[name].table("samples")
        assert samples.loc[samples["status"] != "found", "distance"].isna().all(), "not found is never a distance"
        assert set(shown[name].table("rows")) >= {"feature", "original", "adversarial"}
    by_gradient = shown["by_gradient"].table("samples").set_index("id")["distance"].to_numpy()
    by_labels = shown["by_labels"].table("samples").set_index("id")["distance"].to_numpy()
    both = np.isfinite(by_gradient) & np.isfinite(by_labels)
    assert both.sum() >= 15
    apart = np.abs(by_gradient[both] / by_labels[both] - 1)
    assert np.median(apart) < 0.03, "they come to nearly the same distance"
    assert np.quantile(apart, 0.9) < 0.1
    for distance in (by_gradient, by_labels):
        success = np.isfinite(distance)
        assert (distance[success] >= shown["exact"][success] * (1 - 1e-6)).all(), (
            "no attack can come out below the truth"
        )
        assert np.median(distance[success] / shown["exact"][success]) < 1.05, "and what is found lies just above"
    nearest = shown["strongest"].table("samples").set_index("id")["distance"]
    alone = shown["attack"].table("samples").set_index("id")["distance"]
    both = nearest.notna() & alone.notna()
    assert both.sum() >= 20
    assert (nearest[both] <= alone[both] * 1.01).mean() > 0.9, "the nearest change of each sample"
    attacks = shown["strongest"].table("attacks")
    assert (attacks["status"] == "run").sum() >= 3, "all that fit the model"
    assert attacks["queries"].max() <= 20_000, "within a budget"
    assert all(outcome.status == "ok" for outcome in shown["family"]), "one board shows them side by side"
    assert shown["family"][-2].verdict().status == "not judged", "an estimate"


def of_03_membership_of_a_regression_model(shown: dict[str, Any]) -> None:
    """Claims of the notebook on a regression."""
    import numpy as np

    import xrai_widgets as xw

    tree, ridge = shown["tree"], shown["ridge"]
    assert ridge.X.shape[1] == 10, "ten numbers"
    assert len(ridge.X_train) == 221, "221 patients"
    assert len(ridge.X_train) + len(ridge.X) == 442, "442 patients, half of them members"
    inside = np.abs(tree.predict(tree.X_train) - tree.y_train).mean()
    assert inside < np.abs(tree.predict(tree.X) - tree.y).mean(), "patients who were trained on are predicted better"
    plain = xw.assess(ridge, "privacy.membership_inference").finding
    assert plain is not None
    low, high = plain.intervals["advantage"]
    assert low <= 0 <= high, "the interval covers 0"
    by_tree, by_ridge = (outcome.finding.intervals["advantage"] for outcome in shown["strong"])
    error = shown["by_error"].finding
    assert error.intervals["advantage"][0] > 0
    assert by_tree[0] <= error.values["advantage"] <= by_tree[1], "finds about as much as the plain error does"
    assert by_ridge[0] <= 0, "nothing that chance would not"
    assert shown["left_out"].finding.values["worst_shift"] > 0


def of_04_compare_two_models(shown: dict[str, Any]) -> None:
    """Claims of the notebook that compares two models."""
    import numpy as np

    import xrai_widgets as xw

    deep, pruned, before, after = (shown[name] for name in ("deep", "pruned", "before", "after"))
    assert deep.parts == pruned.parts, "trained and tested on the same applicants"
    board = xw.compare(before, after).table()
    mine = board[(board["measure"] == "advantage") & board["difference"].notna()].iloc[0]
    assert mine["pairs"] == 1000
    assert mine["reading"] == "lower, better", "it gives away less"

    def called_bad(model: Any, group: str) -> Any:
        bad = model.classes.index("bad")
        return model.predict(model.X)[model.y == model.classes.index(group)].argmax(axis=1) == bad

    assert called_bad(pruned, "bad").mean() < 0.15, "names hardly any of the bad applicants"
    assert called_bad(deep, "bad").mean() > 2 * called_bad(pruned, "bad").mean(), "that is the price"

    rounded, silent = (xw.run_plan(shown[name], shown["plan"]) for name in ("rounded", "silent"))
    board = xw.compare(before, rounded, silent).table()
    differences = board[board["difference"].notna()].set_index(["measure", "subject"])
    by_rounding, by_silence = shown["rounded"].name, shown["silent"].name
    advantage = differences.loc[("advantage", by_rounding)]
    assert advantage["reading"] == "no difference shown", "no less of the advantage is left"
    assert advantage["difference_low"] > -0.05, "and a large difference would show"
    tail = rounded[0].finding
    low, high = tail.intervals["tpr_at_fpr_1pct"]
    if ("tpr_at_fpr_1pct", by_rounding) in differences.index:
        assert differences.loc[("tpr_at_fpr_1pct", by_rounding), "reading"] == "no difference shown"
    assert high - low > 0.1, "the interval of that number is wide"
    scores = shown["rounded"].predict(deep.X_train)[np.arange(len(deep.y_train)), deep.y_train]
    outside = shown["rounded"].predict(deep.X)[np.arange(len(deep.y)), deep.y]
    assert np.mean(outside == scores.max()) > 0.01, "no threshold accuses as few as one in a hundred"
    assert differences.loc[("advantage", by_silence), "reading"] == "lower, better", "takes part of the advantage away"
    left = silent[0].finding.intervals["advantage"]
    assert left[0] > 0, "and not all"
    assert left[0] > after[0].finding.intervals["advantage"][1], "the pruned model does not have it to hide"
    assert np.mean(deep.predict(deep.X_train).argmax(axis=1) == deep.y_train) > 0.99, "right about its training data"
    assert np.mean(deep.predict(deep.X).argmax(axis=1) == deep.y) < 0.85


def of_05_why_was_this_credit_refused(shown: dict[str, Any]) -> None:
    """Claims of the notebook on a refused credit."""
    assert len(shown["X"]) == 1000, "1,000 applicants"
    assert shown["applicant"] in shown["refused"], "the model predicts bad"
    free, limited = ({*shown[name].table("rows").query("mode == 'PN'")["feature"]} for name in ("free", "why"))
    assert "age" in free, "left to itself the search makes the applicant older"
    assert not limited & set(shown["fixed"])
    rows = shown["why"].table("rows")
    of_him = rows[(rows["id"] == shown["applicant"]) & (rows["mode"] == "PN")]
    assert {*of_him["feature"]} == {"duration_months", "credit_amount"}, "fewer months and a smaller amount"
    assert (of_him["to"].astype(int) < of_him["from"].astype(int)).all()
    held = {
        row["applications"]: float(row["in all five (95 % interval)"].partition(": ")[2].partition("%")[0])
        for row in shown["rows"]
    }
    just, safe, as_they_were = held.values()
    assert 35 <= just <= 65, "about half of the changes that only just alter the decision hold"
    assert safe > 85
    assert as_they_were < 80, "for many of the refused, other random numbers would have been enough"
    made = shown["xw"].compare(*shown["distances"]).table()
    apart = made[made["measure"] == "median_pn_distance"].set_index("subject")["reading"]
    assert apart["pruned forest"] == "higher, better"


def of_06_contrastive_digits(shown: dict[str, Any]) -> None:
    """Claims of the notebook on handwritten digits."""
    import numpy as np

    findings = {name: shown[name].finding for name in ("contrast", "both_ways", "likely", "steps", "again")}

    def of(name: str, key: str) -> float:
        return float(findings[name].values[key])

    assert shown["network"].image_shape[-2:] == (8, 8), "8 × 8 digits"
    assert 1.15 < np.exp(shown["quick"]["kappa"]) < 1.25, "about 1.2 to 1"
    samples = shown["contrast"].table("samples")
    assert ((samples["answer"].astype(str) == "9") & (samples["pn_class"].astype(str) == "8")).any(), "a 9 into an 8"
    added, either = (
        findings[name].arrays["pn"] - findings[name].arrays["original"] for name in ("contrast", "both_ways")
    )
    assert (added > -1e-9).all(), "a PN may only add ink"
    assert (either < -1e-3).any(), "some pixels have lost ink"
    assert of("both_ways", "median_pn_distance") < of("contrast", "median_pn_distance"), "still less is needed"
    assert of("likely", "median_pn_distance") > 2 * of("contrast", "median_pn_distance"), "PNs are much larger"
    assert of("likely", "pp_sparsity") > 2 * of("contrast", "pp_sparsity"), "PPs are more than a handful of pixels"
    for key in ("pn_sparsity", "pp_sparsity"):
        assert of("steps", key) < of("contrast", key), "PNs and PPs of the forest name fewer pixels"
    asked = [[*shown[name].table("samples")["id"].unique()] for name in ("contrast", "again", "steps")]
    assert asked[0] == asked[1] == asked[2], "the three models are asked about the same pictures"
    assert of("again", "median_pn_distance") > of("contrast", "median_pn_distance"), "dirt is learnt to be dirt"


def of_07_attacks_on_an_image_model(shown: dict[str, Any]) -> None:
    """Claims of the notebook on attacks on pictures."""
    import numpy as np

    network, attack, again = (shown[name] for name in ("network", "attack", "again"))
    right = network.predict(network.X).argmax(axis=1) == network.y
    assert 0.97 <= right.mean() <= 0.99, "right about 98 of 100"
    low, high = attack.finding.intervals["median_distance"]
    assert low <= 0.1 <= high, "most can be turned by a change of about that size"
    assert attack.finding.values["found_share"] > 0.9
    controls = attack.table("controls").set_index(["control", "measure"])["value"]
    random = controls[["random direction of the same length"]].dropna()
    assert (random > attack.finding.values["robust_accuracy"] + 0.2).any(), "hardly any prediction changes"
    both = shown["both"]
    apart = both["distance by labels"] / both["distance by gradients"]
    assert np.median(np.abs(apart - 1)) < 0.1, "both come to about the same distances"
    assert apart.min() > 0.7, "none is much nearer"
    scores = shown["side_by_side"].dropna(subset=["distance", "distance_attack"])
    assert len(scores) > 30
    assert (scores["distance"] <= scores["distance_attack"] * 1.001).all(), "all scores lie below what was found"
    assert 0.5 < np.median(scores["distance"] / scores["distance_attack"]) < 0.8, "by about a third"
    nearer, farther = (outcome.table("samples").set_index("id")["distance"] for outcome in (attack, again))
    gain = (farther - nearer).dropna()
    assert gain.median() > 0, "it did"
    assert (gain > 0).mean() > 0.65, "for most of the pictures"
    assert gain.median() < 0.05, "no more than a few hundredths"


def of_08_what_is_guaranteed(shown: dict[str, Any]) -> None:
    """Claims of the notebook on certificates and attacks."""
    import numpy as np

    from xrai_widgets.results.policy import judge

    for name in ("of_tree", "of_logistic"):
        outcome = shown[name]
        assert outcome.finding.bounds["certified_accuracy"] == "exact", "it is exact"
        samples = outcome.table("samples").dropna(subset=["distance_upper"])
        assert (samples["gap"] == 0).all(), "the two curves are one"
    for name in ("of_tree", "of_logistic", "of_forest", "of_network"):
        samples = shown[name].table("samples").dropna(subset=["distance_lower", "distance_upper"])
        assert len(samples) > 30
        assert (samples["distance_lower"] <= samples["distance_upper"] * (1 + 1e-9)).all(), "the truth lies between"
    assert judge(shown["of_forest"]).status == "pass", "what is proved may pass"
    assert judge(shown["attacked"]).status == "not refuted", "an attack alone never can"
    assert shown["of_forest"].finding.bounds["certified_accuracy"] == "exact", "it is exact, too"
    assert (shown["of_forest"].table("samples")["gap"].dropna() < 1e-6).all(), "nothing is left to know"
    vote = shown["of_vote"].finding
    assert 0 < vote.values["smoothed_certified_accuracy"] <= vote.values["smoothed_accuracy"], "what is proved then"
    assert judge(shown["of_vote"]).status == "not judged", "of that vote, and of nothing else"
    ratio = {
        name: np.nanmedian(table["distance_lower"] / table["distance_upper"])
        for name in ("of_forest", "of_network")
        for table in [shown[name].table("samples")]
    }
    assert ratio["of_network"] < ratio["of_forest"], "where little can be proved"
    between = shown["between"].dropna(subset=["estimate", "distance_upper"])
    assert (between["estimate"] <= between["distance_upper"] * 1.001).all(), "it lies below what was found"
    proved = between["distance_lower"] > between["estimate"]
    assert proved.any(), "where more is proved"
    assert not proved.all(), "where less is proved than it says"


def of_09_confidence_and_the_chicken(shown: dict[str, Any]) -> None:
    """Claims of the notebook on thresholds of confidence."""
    shares, finding, energy = shown["shares"], shown["detection"].finding, shown["energy"].finding
    assert shares.argmax() == 4, "it is a 4"
    assert shares.max() > 0.95, "far above 0.85"
    assert shown["network"].foreign.any()
    low, high = finding.intervals["false_alarms_fixed"]
    assert low <= 0.2 <= high, "about one in five real digits"
    assert finding.intervals["false_alarms"][0] <= 0.05
    assert finding.values["plain_detection"] > 0.9, "nearly all that it finds is flagged"
    assert finding.intervals["adaptive_detection"][0] <= finding.values["false_alarms"], "hardly more than real digits"
    assert finding.values["adaptive_detection"] < 0.2
    assert finding.values["adaptive_detection_fixed"] > finding.values["adaptive_detection"], "a higher one flags more"
    assert finding.values["false_alarms_fixed"] > finding.values["false_alarms"], "of both"
    low, high = energy.intervals["adaptive_auc"]
    assert low <= 0.5 <= high, "no better than a coin"
    others = shown["detection"].table("detectors")
    assert others.set_index("detector").loc["confidence", "attacked"]
    assert others["attacked"].sum() == 1, "only the chosen score is attacked"


def of_13_what_frequencies_does_it_read(shown: dict[str, Any]) -> None:
    """Claims of the notebook on frequencies."""
    import numpy as np

    def right(model: Any) -> float:
        return float(np.mean(model.predict(model.X).argmax(axis=1) == model.y))

    models, read, validation = (shown[name] for name in ("models", "read", "validation"))
    assert len(models) == 15, "fifteen small networks"
    assert min(right(one) for one in models.values()) > 0.9, "nearly all are right"
    assert read["plain 0"].finding.intervals["score"][1] < 0, "the plain network has chosen the texture"
    shares = read["plain 0"].table("bands")["share"].to_numpy()
    assert shares[4:].sum() > 0.8
    kept = (
        read["plain 0"]
        .table("kept")
        .groupby("bands_kept")[["predicted", "label"]]
        .apply(lambda rows: float((rows["predicted"] == rows["label"]).mean()))
    )
    assert kept[2] < 0.6, "the network does not, until the fine bands come"
    assert kept[8] > 0.9
    relation = validation.relations.set_index("against").loc["error"]
    assert relation["n"] == 15
    assert relation["high"] < 0, "networks that read lower frequencies err less"
    assert validation.mechanism.relation.low > 0, "it predicts how much accuracy it loses"
    of = validation.models.assign(training=validation.models["subject"].str.split().str[0]).groupby("training")
    score, error = of["score"].mean(), of["error"].mean()
    assert abs(score["adversarial"] - score["high-pass"]) < 0.15, "read as high"
    assert error["adversarial"] < error["high-pass"] - 0.05, "and still err less"
    scores = shown["dynamics"].scores
    assert scores["score_low"].iloc[-1] > scores["score_high"].iloc[0], "the coarse ones take over"
    assert min(right(one) for one in shown["passes"]) > 0.8, "more than 8 of 10"
    assert len(shown["others"][1].table("bands")) == 4, "room for four bands"


def of_11_natural_adversaries(shown: dict[str, Any]) -> None:
    """Claims of the notebook on natural adversaries."""
    import numpy as np

    natural, other, network, hasty = (shown[name] for name in ("natural", "other", "network", "hasty"))
    samples = natural.table("samples")
    assert samples.loc[samples["status"] != "found", "delta_z"].isna().all(), "not counted as 0"
    assert (samples["status"] == "another label when reconstructed").any()
    gate = natural.table("gate").set_index("kind")
    assert gate.loc["held out, reconstructed", "share"] > 0.5, "most must lie nearer"
    assert natural.finding.arrays["adversaries"].shape == (24, 1, 8, 8), "three groups"
    assert np.array_equal(natural.table("gate"), other.table("gate")), "on the same map"
    right = [(one.predict(one.X).argmax(axis=1) == one.y).mean() for one in (network, hasty)]
    assert right[1] < right[0] - 0.03, "reads fewer of them rightly"
    first, second = (one.finding.intervals["delta_z"] for one in (natural, other))
    assert max(first[0], second[0]) < min(first[1], second[1]), "the intervals overlap"
    assert other.finding.values["errors_auroc"] > 0.75, "more than three times in four"
    assert other.finding.intervals["errors_auroc"][0] > 0.5


def of_10_foreign_inputs(shown: dict[str, Any]) -> None:
    """Claims of the notebook on foreign pictures."""
    tables, alarms, p_values = shown["tables"], shown["alarms"], shown["p_values"]
    assert shown["shares"].shape == (2, 10)
    says = ["largest probability", "energy", "generalised entropy"]
    assert 0.25 < alarms["largest probability"]["near: mirrored"] < 0.45, "about a third"
    assert alarms["largest probability"]["far: chicken"] == 0, "it lets the chicken pass"
    assert alarms["neighbour, pixels"]["near: mirrored"] > 0.9, "nearly all of them"
    assert (alarms.loc["shifted: one pixel", ["neighbour, pixels", "ensemble"]] > 0.5).all(), "for most of those"
    for table in tables.values():
        row = table.loc["in distribution"]
        assert row["low"] <= 0.05 <= row["high"], "about 5 in 100"
    near = [f"near: {name}" for name in ("upside down", "mirrored", "transposed")]
    assert (alarms.loc[near, says] < 0.5).all(axis=None), "miss more than half"
    assert (alarms.loc["far: inverted", says] < 0.2).all(), "nearly all inverted ones"
    far = ["far: inverted", "far: photographs", "far: noise"]
    assert (alarms.loc[far].drop(columns=says) > 0.97).all(axis=None), "miss hardly one"
    assert tables["ensemble"]["n"][["far: chicken", "far: falafel"]].tolist() == [1, 1]
    areas = shown["by_digit"]("near: upside down", (0, 1))
    assert areas.idxmin() == 8
    assert areas.nsmallest(2).index.tolist() == [8, 3]
    assert shown["by_digit"]("near: mirrored", (0, 1, 8)).min() > 0.95
    assert 0.1 < p_values["likelihood alone"]["far: falafel"] < 0.25, "one digit in six"
    assert p_values["corrected"]["far: falafel"] < 0.01
    assert alarms["autoencoder"]["shifted: lighter ink"] > 0.95, "for every digit in paler ink"
    assert tables["ensemble"]["auroc"]["near: upside down"] > 0.95


def of_12_is_this_applicant_like_the_training(shown: dict[str, Any]) -> None:
    """Claims of the notebook on single applicants."""
    answers, votes, sets = shown["answers"], shown["checked"].votes, shown["sets"].set_index("set")
    assert len(shown["credit"].X_train) == 600
    assert answers["abstain"].tolist() == [False, False, True]
    assert answers["outside"].tolist() == [0, 0, 1]
    assert answers["p_value"].iloc[2] <= 0.011, "1 in 100"
    assert votes.columns.tolist() == ["mahalanobis", "knn", "shuffle_forest"]
    assert (votes.iloc[2, :2] < 0.01).all()
    assert votes.iloc[2, 2] > 0.5
    row = sets.loc["in distribution"]
    assert row["low"] <= 0.05 <= row["high"]
    assert row["alarms"] < sets["alarms"]["new"] < 0.5
    assert sets["low"]["new"] > 0.05
    beyond = sets.loc["synthetic: one number beyond"]
    assert 0.2 < beyond["alarms"] < 0.4, "about three of ten"
    assert sets["alarms"]["synthetic: columns shuffled"] < beyond["alarms"]
    auroc = shown["auroc"]
    pairs, numbers = (auroc[f"synthetic: {name}"].sort_values() for name in ("columns shuffled", "one number beyond"))
    assert pairs.index[0] == "isolation_forest"
    assert pairs.iloc[0] < 0.6
    assert pairs.index[-1] == "shuffle_forest"
    assert numbers.index[0] == "shuffle_forest"
    assert numbers.index[-1] == "mahalanobis"
    assert "ensemble" in pairs.index[-2:]
    assert numbers["ensemble"] > numbers.max() - 0.05, "close to the best"
    assert any("120 samples calibrate" in note and "0.00826" in note for note in shown["outcome"].finding.notes)
