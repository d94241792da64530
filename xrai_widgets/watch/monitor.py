"""Two doors for those who know a monitor from a tutorial: one object, one function."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from xrai_widgets.core import Outcome, Subject
from xrai_widgets.results.change_limits import Changes
from xrai_widgets.results.look import Judged, judge_look
from xrai_widgets.results.policy import Policy
from xrai_widgets.runtime.plan import check_plan, run_plan
from xrai_widgets.runtime.store import Store

PLAN = ("monitoring.data_checks", "monitoring.data_drift", "monitoring.performance")


class ModelMonitor:
    """Is it still the model that was approved?

    Parameters
    ----------
    model : object
        The approved model, as `Subject.of` takes it.
    baseline : (X, y)
        Labelled samples that it was approved on; it was not trained on them.
    threshold : float
        Largest fall of a share, such as accuracy, that is no alert.
    plan : sequence of str or (str, parameters)
        Assessments of every batch.
    store : Store, optional
        Keeps every outcome; `history` reads them.
    **options
        For `Subject.of`: ``X_train``, ``ids``, ``classes`` …

    Attributes
    ----------
    outcomes : list of Outcome
        Of the last look.

    Examples
    --------
    >>> monitor = xw.ModelMonitor(model, (X, y), threshold=0.1)  # doctest: +SKIP
    >>> judged = monitor.look(X_today, y_today)  # doctest: +SKIP
    >>> judged.status, [problem.text for problem in judged.problems]  # doctest: +SKIP
    """

    def __init__(
        self,
        model: Any,
        baseline: tuple[Any, Any],
        threshold: float = 0.1,
        *,
        plan: Sequence[Any] = PLAN,
        store: Store | None = None,
        **options: Any,
    ) -> None:
        if not 0 <= threshold < 1:
            raise ValueError(f"threshold is a fall of a share, from 0 to 1: got {threshold}")
        X, y = baseline
        self._model, self._X, self._y, self._options = model, X, y, options
        self.plan = [(entry.name, params) for entry, params in check_plan(plan)]
        self.store = store
        made = replace(Policy.default(), changes=Changes(threshold))
        self.policy = made.with_threshold("monitoring.performance", "accuracy_fall", threshold)
        self.outcomes: list[Outcome] = []

    def look(self, X_new: Any, y_new: Any = None, **more: Any) -> Judged:
        """Run the plan on a batch and judge it.

        Parameters
        ----------
        X_new : array or DataFrame of shape (n, …)
            With the columns of the model.
        y_new : array of shape (n,), optional
            Labels, where they are known already; without them performance is not measured.
        **more
            ``new_ids``, ``new_groups``, as `Subject.of` takes them.

        Returns
        -------
        Judged
            Status, problems as sentences, notes; ``outcomes`` of this monitor has the findings.
        """
        subject = Subject.of(self._model, self._X, self._y, X_new=X_new, y_new=y_new, **self._options, **more)
        self.outcomes = run_plan(subject, self.plan, store=self.store)
        return judge_look(self.outcomes, {}, self.policy)


def scheduled_evaluation(watch: str | Path, *, if_due: bool = True) -> Any:
    """Run what is due of a watch that a TOML file describes, as ``xrai-widgets watch run`` does.

    Parameters
    ----------
    watch : str or Path
    if_due : bool
        Do nothing where no slot has passed since the last look.

    Returns
    -------
    Ran
        Exit code, looks, the state of every problem, and what was told.
    """
    from xrai_widgets.io.watch_files import read_watch
    from xrai_widgets.watch.watch import Watch

    return Watch(read_watch(watch)).run(if_due=if_due)
