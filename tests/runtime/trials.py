"""What a worker process is told to do; in a module that imports next to nothing."""

import os
import time
from pathlib import Path


def crashes(*_: object) -> None:
    """Die as a segmentation fault would."""
    os.kill(os.getpid(), 11)


def says(path: Path, _: object) -> tuple[int, str]:
    """Tell in which process it is."""
    return os.getpid(), path.name


def sleeps(*_: object) -> None:
    """Hang."""
    time.sleep(60)
