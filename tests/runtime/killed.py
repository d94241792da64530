"""A process that runs plans into a store until it is killed, and says what has ended. Not a test: one starts it."""

import hashlib
import importlib
import json
import sys
from typing import Annotated, Any

import numpy as np
import pandas as pd

import xrai_widgets as xw
from xrai_widgets.core import Outcome, Predict, Step, Subject
from xrai_widgets.io.outcomes import outcome_to_dict


def digest(outcome: Outcome) -> str:
    plain = {**outcome_to_dict(outcome, include_rows=True), "recalled": False}
    return hashlib.sha256(json.dumps(plain).encode()).hexdigest()


def large(
    predict: Predict, *, seed: Annotated[int, xw.Range(0, 2**31), "which numbers"] = 0, step: Step = xw.quiet
) -> xw.Finding:
    """Give a finding of about a megabyte, so that writing it takes time."""
    rng = np.random.default_rng(seed)
    samples = pd.DataFrame({"part": "X", "id": range(20_000), "score": rng.random(20_000)})
    step(0.5, "half", xw.Finding(values={"half": 0.5}))
    return xw.Finding(values={"mean": samples["score"].mean()}, tables={"samples": samples})


def hear(news: Any) -> None:
    if isinstance(news, Outcome):
        print(digest(news), news.unsaved, flush=True)


if __name__ == "__main__":
    place, start = sys.argv[1], int(sys.argv[2])
    xw.assessment(title="large")(large)
    X = np.zeros((3, 1))
    subject = Subject.of(lambda X: np.full((len(X), 2), 0.5), X, np.array([0, 1, 0]), classes=(0, 1))
    plan = [("custom.large", {"seed": start + number}) for number in range(10_000)]
    importlib.import_module("xrai_widgets.runtime.store_database")  # so that the moments lie in the run
    print("ready", flush=True)
    xw.run_plan(subject, plan, store=xw.Store(place, patience=30), each=hear)
