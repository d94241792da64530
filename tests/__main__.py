"""``python -m tests``: a browser and a PostgreSQL, then Ruff, mypy and pytest.

Every check runs; the exit code says whether all of them passed.
"""

import os
import subprocess
import sys
from pathlib import Path

from tests import get_postgres
from tests.get_browser import obtain

ROOT = Path(__file__).parent.parent
CHECKS = (
    ["ruff", "check", "."],
    ["ruff", "format", "--check", "."],
    ["mypy"],
    ["pytest", *sys.argv[1:]],
)


def main() -> int:
    """Run the checks and return 0 if all of them pass."""
    environment = {**os.environ, "XRAI_BROWSER": obtain()}
    print(f"browser: {environment['XRAI_BROWSER']}", flush=True)
    print(f"PostgreSQL: {get_postgres.obtain() or 'not to be had here'}", flush=True)
    failed = []
    for check in CHECKS:
        print(f"\n--- {' '.join(check)}", flush=True)
        if subprocess.run([sys.executable, "-m", *check], cwd=ROOT, env=environment, check=False).returncode:
            failed.append(check[0])
    print(f"\nfailed: {', '.join(failed)}" if failed else "\nall passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
