"""A process whose children run plans into a store until they are killed, and say what has ended.

Not a test: one starts it. What a child needs is imported once, before it begins.
"""

import hashlib
import importlib
import json
import os
import sys
from typing import Annotated, Any

import numpy as np
import pandas as pd

import xrai_widgets as xw
from xrai_widgets.core import Outcome, Predict, Step, Subject
from xrai_widgets.io.outcomes import outcome_to_dict

ENDED = "\0ended "  # begins what is said of a child that has ended, also where it was killed within a line


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


def run(place: str, start: int) -> None:
    """Say one's process id, and run until killed."""
    X = np.zeros((3, 1))
    subject = Subject.of(lambda X: np.full((len(X), 2), 0.5), X, np.array([0, 1, 0]), classes=(0, 1))
    plan = [("custom.large", {"seed": start + number}) for number in range(10_000)]
    print(os.getpid(), flush=True)
    xw.run_plan(subject, plan, store=xw.Store(place, patience=30), each=hear)


if __name__ == "__main__":
    xw.assessment(title="large")(large)
    importlib.import_module("xrai_widgets.runtime.store_database")  # so that the moments lie in the run
    for line in sys.stdin:
        child = os.fork()
        if not child:
            run(*json.loads(line))
            os._exit(1)
        _, status = os.waitpid(child, 0)
        print(f"{ENDED}{os.waitstatus_to_exitcode(status)}", flush=True)
