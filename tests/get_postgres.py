"""A PostgreSQL for the tests: programs that are there, else the distribution's package; a server of one's own."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.ports import free_port

USER = "postgres"
NEEDED = ("initdb", "pg_ctl", "postgres")


def find() -> str:
    """Return the folder with ``initdb`` and ``pg_ctl``; empty if there is none."""
    folders = [os.environ.get("XRAI_POSTGRES", ""), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))]
    program = shutil.which("initdb")
    folders.append(str(Path(program).resolve().parent) if program else "")
    return next((folder for folder in folders if folder and all((Path(folder) / n).exists() for n in NEEDED)), "")


def obtain() -> str:
    """Return that folder, installing the package if need be; empty where it cannot be had."""
    if not find() and shutil.which("apt-get"):
        print("Installing the distribution's postgresql package", flush=True)
        root = [] if os.geteuid() == 0 else ["sudo", "-n"]
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for step in (["update", "-qq"], ["install", "-y", "-qq", "postgresql"]):
            with contextlib.suppress(OSError):
                subprocess.run([*root, "apt-get", *step], check=False, env=environment, stdout=subprocess.DEVNULL)
    return find()


@contextlib.contextmanager
def server() -> Iterator[str]:
    """Start a server with a folder of its own; yield the URL of an empty database on loopback.

    PostgreSQL refuses to run as root: there it runs as the user that its package made.
    """
    with tempfile.TemporaryDirectory(prefix="xrai-postgres-") as folder:
        if os.geteuid() == 0:
            account = pwd.getpwnam(USER)
            os.chown(folder, account.pw_uid, account.pw_gid)
        yield from _serve(Path(folder) / "data", Path(find()), free_port())


def _serve(data: Path, programs: Path, port: int) -> Iterator[str]:
    _run(programs / "initdb", "-D", data, "-U", "xrai", "-A", "trust", "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
    try:
        _run(programs / "pg_ctl", "-D", data, "-w", "-t", "60", "-l", data / "log", "-o", options, "start")
        yield f"postgresql://xrai@127.0.0.1:{port}/postgres"
    finally:
        _run(programs / "pg_ctl", "-D", data, "-m", "immediate", "stop", check=False)


def _run(*command: object, check: bool = True) -> None:
    as_user = ["runuser", "-u", USER, "--"] if os.geteuid() == 0 else []
    words = [*as_user, *map(str, command)]
    done = subprocess.run(words, cwd="/", stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    assert not check or done.returncode == 0, done.stderr
