"""ProtoDash by AIX360, as a second opinion."""

import warnings
from functools import partial

import numpy as np

from xrai_widgets.core import Array, NotApplicable, Step
from xrai_widgets.engines.explanations.protodash.search import Chosen
from xrai_widgets.engines.explanations.protodash.similarity import Rows

_NATIVE = "implementation='native'"
_BROKEN_FROM = "2.4.0"


def search_by_aix360(pool: Rows, to: Rows, most: int, memory: float, chosen: Chosen, step: Step) -> None:
    """Fill ``chosen`` by AIX360's ``ProtodashExplainer``, with its solver cvxpy.

    Raises
    ------
    NotApplicable
        if AIX360 or what its ProtoDash imports is not installed, or where it is known to fail.
    ValueError
        if its table of all pairs exceeds the memory limit.
    """
    kind = pool.kernel.kind
    if kind == "gaussian" and np.lib.NumpyVersion(np.__version__) >= _BROKEN_FROM:
        raise NotApplicable(f"AIX360's Gaussian ProtoDash needs numpy<2.4, this is {np.__version__}", _NATIVE)
    needed = len(pool) * (len(to) if kind == "linear" else most) * 8 / 1e9
    if needed > memory:
        raise ValueError(
            f"AIX360 builds an array of {needed:.2g} GB here, memory_limit must be at least that, got {memory}"
        )
    if len(pool) < 2:
        raise NotApplicable("AIX360 cannot choose from a single sample", _NATIVE)
    explained, offered = (np.concatenate([points for _, points in rows.chunks()]) for rows in (to, pool))
    step(0.0, "AIX360 (cannot say how far it is)")
    # one item for the step's own thread: Cancel need not wait for it
    task = partial(_explain, offered=offered, most=most, kind=kind)
    weights, indices, objective = next(step.map(task, [explained], "AIX360 (cannot say how far it is)"))
    chosen.indices += [int(row) for row in indices]
    chosen.path += [np.full(number, np.nan) for number in range(1, most)] + [weights]
    chosen.objective += [float(value) for value in objective]


def _explain(explained: Array, *, offered: Array, most: int, kind: str) -> tuple[Array, Array, Array]:
    with warnings.catch_warnings():  # of what it imports, and of NumPy on what fails from 2.4 on
        warnings.simplefilter("ignore")
        try:
            from aix360.algorithms.protodash import ProtodashExplainer
            from cvxpy.error import DCPError
        except ImportError as missing:
            reason = f"AIX360's ProtoDash needs {missing.name}: pip install 'xrai-widgets[aix360]'"
            raise NotApplicable(reason, _NATIVE) from None
        name = "Gaussian" if kind == "gaussian" else "other"
        try:  # samples are in units of sigma here
            weights, rows, objective = ProtodashExplainer().explain(
                explained, offered, m=most, kernelType=name, sigma=1.0
            )
        except DCPError:
            reason = f"AIX360's solver cannot weigh {most} prototypes that depend on each other: ask for fewer"
            raise NotApplicable(reason, _NATIVE) from None
    return np.asarray(weights, dtype=np.float64).ravel(), rows, objective
