"""The history of a model as a table: one line for every number of every look."""

import math
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from xrai_widgets.core import Outcome
from xrai_widgets.results.detector import watch_losses
from xrai_widgets.results.look import Counts
from xrai_widgets.results.policy import Policy, judge
from xrai_widgets.runtime.store import Store

_COLUMNS = (
    "time",
    "slot",
    "batch",
    "assessment",
    "measure",
    "value",
    "low",
    "high",
    "n",
    "verdict",
    "e_value",
    "number",
)


def history(store: Store, series: str = "", *, watch: str = "", policy: Policy | None = None) -> pd.DataFrame:
    """Return every number of every look at a model, oldest first.

    Parameters
    ----------
    store : Store
    series : str
        `Subject.series` of the model with its baseline; by default that of the newest look of ``watch``.
    watch : str
        Name of a watch: then ``slot`` says for which slot a batch was looked at, and ``e_value`` how strong the
        evidence was after it that accuracy fell.
    policy : Policy, optional
        Gives the verdicts; by default the packaged one.

    Returns
    -------
    DataFrame
        ``time`` (UTC), ``slot``, ``batch`` (digest), ``assessment``, ``measure``, ``value``, ``low``, ``high`` (95 %),
        ``n`` (samples), ``verdict``, ``e_value``, ``number`` (of the run in the store, as `Store.load` takes it). What
        did not end well has a line without a number, and its status as verdict.

    Raises
    ------
    ValueError
        if neither a series nor a watch with a look is named.
    """
    looks = store.watched(watch).looks() if watch else []
    if not series:
        names = [look.series for look in looks if look.series]
        if not names:
            raise ValueError("name a series (Subject.series), or a watch that has looked at something")
        series = names[-1]
    slots = {look.batch: look.slot for look in looks if look.series == series and look.status != "missed"}
    evidence = _evidence([look for look in looks if look.series == series and look.detail.get("counts")])
    judged_by = policy or Policy.default()
    lines: list[dict[str, Any]] = []
    for kept in store.looks(series):
        outcome = kept.outcome
        about = {
            "time": datetime.fromisoformat(outcome.started) if outcome.started else None,
            "slot": slots.get(outcome.batch, ""),
            "batch": outcome.batch,
            "assessment": outcome.assessment,
            "e_value": evidence.get(outcome.batch, math.nan),
            "number": kept.number,
        }
        lines += [about | number for number in _numbers(outcome, judged_by)]
    return pd.DataFrame(lines, columns=list(_COLUMNS))


def _numbers(outcome: Outcome, policy: Policy) -> list[dict[str, Any]]:
    finding = outcome.finding
    if finding is None or outcome.status != "ok":
        nothing = dict.fromkeys(("value", "low", "high"), math.nan)
        return [{"measure": "", **nothing, "n": 0, "verdict": outcome.status}]
    verdicts = {check.key: check.status for check in judge(outcome, policy).checks}
    return [
        {
            "measure": key,
            "value": value,
            **dict(zip(("low", "high"), finding.intervals.get(key, (math.nan, math.nan)), strict=True)),
            "n": finding.counts.get(key, 0),
            "verdict": verdicts.get(key, "not judged"),
        }
        for key, value in finding.values.items()
    ]


def _evidence(looks: list[Any]) -> dict[str, float]:
    """Return the e-value after each look with labels, by batch."""
    counts = [Counts(**look.detail["counts"]) for look in looks]
    limit = counts[-1].limit() if counts else None
    if limit is None:
        return {}
    path = watch_losses([one.wrong for one in counts], [one.rows for one in counts], limit)
    return {look.batch: float(np.exp(log)) for look, log in zip(looks, path.log_evidence, strict=True)}
