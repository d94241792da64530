from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from xrai_widgets.core import Subject
from xrai_widgets.runtime.store import Store
from xrai_widgets.watch.subjects import counts_of, run_look

WORDS = pd.DataFrame({"word": ["a", "b"] * 50})
Y = np.array([0, 1] * 50)
MODEL = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression()).fit(WORDS, Y)


def _subject(words: list[str], y: list[int]) -> Subject:
    return Subject.of(MODEL, WORDS, Y, X_new=pd.DataFrame({"word": words}), y_new=np.array(y))


def test_rows_with_new_words_are_counted_as_well() -> None:
    known = counts_of(_subject(["a", "b", "a", "b"], [0, 1, 1, 0]))
    assert known is not None
    assert (known.wrong, known.rows, known.baseline_wrong, known.baseline_rows) == (2, 4, 0, 100)
    new = counts_of(_subject(["a", "z", "z"], [0, 1, 0]))  # one answer for both: one of them is wrong
    assert new is not None
    assert (new.wrong, new.rows) == (1, 3)
    all_new = counts_of(_subject(["z", "z"], [0, 1]))
    assert all_new is not None
    assert (all_new.wrong, all_new.rows) == (1, 2)


def test_a_batch_of_new_words_alone_is_an_error_of_what_needs_known_ones(tmp_path: Path) -> None:
    subject = _subject(["z", "z"], [0, 1])

    def run(given: Subject, plan: Any, store: Store) -> list[Any]:
        return [(given is subject, plan[0][0])]

    plan: Any = [("robustness.corruptions", {}), ("monitoring.data_drift", {})]
    outcomes: Any = run_look(subject, plan, Store(tmp_path / "s.sqlite"), run)[0]
    assert (outcomes[0].status, "words are all known" in outcomes[0].reason) == ("error", True)
    assert outcomes[1] == (True, "monitoring.data_drift")
