"""The files of a Binder."""

import os
import subprocess
from pathlib import Path

from packaging.requirements import Requirement

BINDER = Path(__file__).parent.parent / "binder"


def test_the_requirements_are_the_lock_the_repository_and_what_starts_a_page() -> None:
    lines = (BINDER / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert "-c lock.txt" in wanted
    assert "-e .[all]" in wanted
    assert any("whl/cpu" in line for line in wanted)
    lock = {line.partition("==")[0] for line in (BINDER / "lock.txt").read_text(encoding="utf-8").splitlines()}
    named = [Requirement(line).name for line in wanted if not line.startswith("-")]
    assert set(named) == {"ipykernel", "ipywidgets", "anywidget", "voila", "jupyterlab"}
    assert set(named) <= lock


def test_python_is_one_that_the_package_supports() -> None:
    assert (BINDER / "runtime.txt").read_text(encoding="utf-8").strip() == "python-3.11"


def test_start_sets_one_thread_and_our_paths_and_then_becomes_the_command() -> None:
    show = 'echo "$OMP_NUM_THREADS $JUPYTER_PATH $JUPYTER_CONFIG_PATH $1"'
    command = [str(BINDER / "start"), "bash", "-c", show, "bash", "an argument"]
    environment = {"PATH": os.environ["PATH"], "JUPYTER_PATH": "/elsewhere"}
    text = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/", env=environment).stdout
    share = BINDER.parent / "xrai_widgets" / "apps" / "share"
    assert text.strip() == f"1 {share}:/elsewhere {BINDER / 'jupyter'} an argument"
    assert (BINDER / "start").read_text(encoding="utf-8").rstrip().endswith('exec "$@"')


def test_scripts_can_be_run_and_stop_at_the_first_error() -> None:
    for name in ("start", "postBuild"):
        assert os.access(BINDER / name, os.X_OK), name
    assert "set -euo pipefail" in (BINDER / "postBuild").read_text(encoding="utf-8")
