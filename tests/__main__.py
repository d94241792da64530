"""``python -m tests``: a browser and a PostgreSQL, then Ruff, mypy and pytest on two workers.

Every check runs; the exit code says whether all of them passed. What follows the command goes to pytest: ``-n 0`` for
one process, names of files for some tests only. What was installed and what was tested is timed apart. mypy keeps one
processor busy only, so it works beside pytest, and its words follow those of pytest.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests import get_postgres
from tests.get_browser import obtain

ROOT = Path(__file__).parent.parent
WORKERS = 2
FIRST = (["ruff", "check", "."], ["ruff", "format", "--check", "."])
BESIDE = ["mypy"]
TESTS = ["pytest", "-n", str(WORKERS), *sys.argv[1:]]


def main() -> int:
    """Run the checks and return 0 if all of them pass."""
    began = time.time()
    environment = {**os.environ, "XRAI_BROWSER": obtain()}
    # each worker would use all processors for its arithmetic
    environment.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // WORKERS)))
    print(f"browser: {environment['XRAI_BROWSER']}", flush=True)
    print(f"PostgreSQL: {get_postgres.obtain() or 'not to be had here'}", flush=True)
    tested = time.time()
    packages = f"packages {since_installing(began):.0f} s, " if "XRAI_INSTALLING_SINCE" in os.environ else ""
    print(f"installation: {packages}browser and PostgreSQL {tested - began:.0f} s", flush=True)
    failed = [check[0] for check in FIRST if not passes(check, environment)]
    with tempfile.TemporaryFile() as log:
        beside = subprocess.Popen(line(BESIDE), cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT)
        failed += [TESTS[0]] if not passes(TESTS, environment) else []
        print(f"\n--- {' '.join(BESIDE)}, beside pytest", flush=True)
        failed += [BESIDE[0]] if beside.wait() else []
        log.seek(0)
        print(log.read().decode(errors="replace"), end="", flush=True)
    print(f"tests without installation: {time.time() - tested:.0f} s")
    print(f"\nfailed: {', '.join(failed)}" if failed else "\nall passed")
    return 1 if failed else 0


def line(check: list[str]) -> list[str]:
    """Return a check as a command."""
    return [sys.executable, "-m", *check]


def passes(check: list[str], environment: dict[str, str]) -> bool:
    """Run a check, tell how long it took, and return whether it passed."""
    print(f"\n--- {' '.join(check)}", flush=True)
    began = time.time()
    code = subprocess.run(line(check), cwd=ROOT, env=environment, check=False).returncode
    print(f"{' '.join(check[:2])}: {time.time() - began:.0f} s", flush=True)
    return code == 0


def since_installing(began: float) -> float:
    """Return the seconds that the packages took, where the caller says when their installation began."""
    return began - float(os.environ["XRAI_INSTALLING_SINCE"])


if __name__ == "__main__":
    sys.exit(main())
