"""How the tests are spread over workers."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.groups import CLOCKS, JUPYTERLAB, LOOSE, SERVERS, group_of, reruns_of
from tests.pace import slowness, stretch

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("start", [*JUPYTERLAB, *SERVERS, *CLOCKS, *LOOSE])
def test_every_group_names_tests_that_there_are(start: str) -> None:
    path, _, test = start.partition("::")
    files = [path for path in ROOT.glob(f"{path}*") if path.exists()]
    assert files
    assert not test or any(f"def {test}" in file.read_text(encoding="utf-8") for file in files)


def test_whatever_starts_a_kernel_or_a_browser_is_in_one_of_two_groups() -> None:
    starts = re.compile(r"^(?:from|import) (?:playwright|nbclient|jupyter_client|tests\.browser\.)", re.MULTILINE)
    folder = ROOT / "tests"
    for path in folder.rglob("test_*.py"):
        if starts.search(path.read_text(encoding="utf-8")) and "benchmarks" not in path.parts:
            assert group_of(f"{path.relative_to(ROOT).as_posix()}::test") in {"jupyterlab", "servers"}, path


def test_what_a_file_or_a_run_of_the_contract_shares_is_made_in_one_worker() -> None:
    assert group_of("tests/io/test_plans.py::test_a") == group_of("tests/io/test_plans.py::test_b[x::y]")
    one, other = (f"tests/contract/test_{part}.py::test_{part}[privacy.shapr-diabetes_tree]" for part in ("a", "b"))
    assert group_of(one) == group_of(other) == "contract of privacy.shapr"
    assert group_of(one.replace("shapr", "pdtp")) != group_of(one)


def test_only_pages_and_what_a_clock_judges_are_run_again() -> None:
    def judged() -> None:
        assert slowness() < 2

    def timed() -> None:
        with stretch():
            pass

    assert reruns_of("tests/runtime/test_job.py::test_a", judged) == reruns_of("tests/io/test_b.py::test_b", timed) == 2
    assert reruns_of("tests/browser/test_gallery.py::test_a", print) == 1
    assert reruns_of("tests/engines/test_a.py::test_a", test_two_workers_keep_the_groups_together) == 0


def test_two_workers_keep_the_groups_together(tmp_path: Path) -> None:
    files = {f"test_{name}.py": f"import pytest, os\n{TEST}" for name in "abc"}
    (tmp_path / "tests").mkdir()
    for name, text in files.items():
        (tmp_path / "tests" / name).write_text(text)
    (tmp_path / "conftest.py").write_text(
        "from tests_of_the_package.groups import scheduler\n"
        "def pytest_xdist_make_scheduler(config, log):\n    return scheduler(config, log)\n"
    )
    (tmp_path / "tests_of_the_package").mkdir()
    (tmp_path / "tests_of_the_package" / "groups.py").write_text((ROOT / "tests" / "groups.py").read_text())
    command = [sys.executable, "-m", "pytest", "-n", "2", "-v", "-p", "no:cacheprovider", "tests"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120).stdout
    assert "12 passed" in said, said
    ran = re.findall(r"\[(gw\d)\] .* PASSED tests/test_(\w)\.py", said)
    assert len(ran) == len({*ran}) * 4, "each file in one worker"
    assert len({worker for worker, _ in ran}) == 2


TEST = """
@pytest.mark.parametrize("n", range(4))
def test_it(n):
    assert os.environ["PYTEST_XDIST_WORKER"]
"""
