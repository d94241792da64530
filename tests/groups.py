"""Which tests run in one worker, one after the other, where pytest-xdist spreads them over several."""

import re
from typing import Any

# they start kernels, servers and browsers, and share what they start: two groups, so that both workers have one. A port
# is a worker's own (`tests.ports`), and so is Playwright's event loop, which ends with the tests of its folder
JUPYTERLAB = (
    "tests/browser/test_jupyterlab.py",
    "tests/runtime/test_kernel.py",
    "tests/test_notebooks.py",
)
SERVERS = (
    "tests/apps/test_answers.py",
    "tests/browser/",
)
# what they judge by a clock must not be slowed by another of them
CLOCKS = (
    "tests/contract/test_running.py::test_cancel_lands_within_a_second",
    "tests/contract/test_the_contract.py",
    "tests/runtime/test_guard.py",
    "tests/runtime/test_isolated.py",
    "tests/runtime/test_job.py",
    "tests/runtime/test_parallel.py",
    "tests/runtime/test_plan.py",
    "tests/runtime/test_trial.py",
    "tests/test_import.py",
    "tests/widgets/test_components.py",
)
# their tests share nothing that is made in the file, and take long
LOOSE = (
    "tests/engines/robustness/test_evasion.py",
    "tests/results/test_run_as_code.py",
    "tests/test_cli",
)
_OF_AN_ENGINE = re.compile(r"^tests/contract/\w+\.py::\w+\[([a-z_]+\.[a-z_]+)")


def group_of(nodeid: str) -> str:
    """Return the name of a test's group: by default its file, whose tests share what is made in it."""
    if nodeid.startswith(JUPYTERLAB):
        return "jupyterlab"
    if nodeid.startswith(SERVERS):
        return "servers"
    if nodeid.startswith(CLOCKS):
        return "clocks"
    if nodeid.startswith(LOOSE):
        return nodeid
    match = _OF_AN_ENGINE.match(nodeid)
    return f"contract of {match[1]}" if match else nodeid.partition("::")[0]


def reruns_of(nodeid: str, test: Any) -> int:
    """Return how often a test that fails is run again; each time is told at the end of the run.

    What is judged by a clock is judged by the best of three times: a machine that stands still for a second is no fault
    of the product. A page is given a second chance.
    """
    if {"slowness", "stretch", "thread_time", "work"} & {*getattr(getattr(test, "__code__", None), "co_names", ())}:
        return 2
    return 1 if group_of(nodeid) in ("jupyterlab", "servers") else 0


def scheduler(config: Any, log: Any) -> Any:
    """Return pytest-xdist's scheduler of groups, the largest first.

    Its own option ``--dist loadgroup`` writes the names of groups into the names of tests, which pytest 9.1 and later
    do not take.
    """
    from xdist.scheduler import LoadScopeScheduling

    class Groups(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group_of(nodeid)

    return Groups(config, log)
