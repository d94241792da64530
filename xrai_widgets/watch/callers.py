"""Who calls a watch: lines for cron, systemd and GitHub Actions, and the file for a metrics collector."""

import os
import shlex
import sys
import tempfile
from pathlib import Path

from xrai_widgets.io.watch_files import WatchFile
from xrai_widgets.runtime.look_tables import Look

_SHAPE = {
    "pass": 0,
    "not refuted": 1,
    "warn": 2,
    "fail": 3,
    "not judged": 4,
    "error": 5,
    "model changed": 6,
    "missed": 7,
}


def callers(file: WatchFile) -> str:
    """Return what to paste: a line of cron, a systemd unit with its timer, and a job of GitHub Actions."""
    command = f"{shlex.quote(_program())} watch run {shlex.quote(str(file.file))} --if-due --quiet"
    zone = file.schedule["zone"]
    fields = file.schedule.get("cron", "")
    cron = fields if len(fields.split()) == 5 else "*/15 * * * *"
    return "\n".join(
        [
            "# cron (crontab -e): every quarter of an hour; what is due is looked at, the rest costs a second",
            f"*/15 * * * * {command}",
            "",
            f"# systemd: ~/.config/systemd/user/{_unit(file.name)}.service",
            "[Service]",
            "Type=oneshot",
            f"ExecStart={command}",
            "SuccessExitStatus=1",
            "",
            f"# systemd: ~/.config/systemd/user/{_unit(file.name)}.timer, then: systemctl --user enable --now "
            f"{_unit(file.name)}.timer",
            "[Timer]",
            "OnCalendar=*:0/15",
            "Persistent=true",
            "RandomizedDelaySec=60",
            "[Install]",
            "WantedBy=timers.target",
            "",
            "# GitHub Actions: .github/workflows/watch.yml",
            "# schedules there run late, are dropped at load, and stop after 60 days without commits in public",
            "# repositories: let another machine call `xrai-widgets watch status`",
            "on:",
            "  schedule:",
            f'    - cron: "{_odd_minute(cron)}"  # UTC; the watch itself goes by {zone}',
            "jobs:",
            "  watch:",
            "    runs-on: ubuntu-latest",
            "    steps:",
            "      - uses: actions/checkout@v4",
            "      - run: pip install xrai-widgets",
            f"      - run: xrai-widgets watch run {shlex.quote(file.file.name)} --if-due --quiet",
        ]
    )


def write_metrics(file: WatchFile, look: Look, succeeded: float) -> str:
    """Write a look as OpenMetrics text, for the textfile collector of node_exporter, which never reads half of it.

    Parameters
    ----------
    file : WatchFile
        With ``metrics``; without it nothing is written.
    look : Look
        The newest one.
    succeeded : float
        When a look last ended without an error, in seconds since the epoch; 0 for never.

    Returns
    -------
    str
        Why nothing was written; empty where it was, or where none is wanted.
    """
    if file.metrics is None:
        return ""
    try:
        handle, name = tempfile.mkstemp(dir=file.metrics.parent, prefix=".xrai-metrics-")
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write("\n".join([*metrics(file.name, look, succeeded), ""]))
        os.chmod(name, 0o644)  # the collector is another user
        os.replace(name, file.metrics)
    except OSError as error:
        return f"the metrics file {file.metrics} cannot be written ({error.strerror})"
    return ""


def metrics(name: str, look: Look, succeeded: float) -> list[str]:
    """Return the lines of a look, the samples of each metric behind its type."""
    samples: dict[str, list[str]] = {metric: [] for metric in ("xrai_value", "xrai_value_low", "xrai_value_high")}
    for outcome in look.detail.get("outcomes", ()):
        for key, value in outcome["values"].items():
            where = f'{{watch="{_label(name)}",assessment="{_label(outcome["assessment"])}",measure="{_label(key)}"}}'
            numbers = (value, *outcome["intervals"].get(key, (None, None)))
            for metric, number in zip(samples, numbers, strict=True):
                if number is not None:
                    samples[metric].append(f"{metric}{where} {number!r}")
    verdict = f'xrai_verdict{{watch="{_label(name)}",verdict="{_label(look.status)}"}} {_SHAPE.get(look.status, 5)}'
    samples["xrai_verdict"] = [verdict]
    time = "xrai_last_success_timestamp_seconds"
    samples[time] = [f'{time}{{watch="{_label(name)}"}} {succeeded!r}']
    typed = (line for metric, lines in samples.items() for line in (f"# TYPE {metric} gauge", *lines))
    return [*typed, "# EOF"]


def _program() -> str:
    beside = Path(sys.executable).parent / "xrai-widgets"
    return str(beside) if beside.exists() else "xrai-widgets"


def _unit(name: str) -> str:
    return "xrai-" + "".join(letter if letter.isalnum() else "-" for letter in name).lower()


def _odd_minute(cron: str) -> str:
    """Whole hours are when everybody's jobs begin."""
    minute, _, rest = cron.partition(" ")
    return f"{(int(minute) + 7) % 60 if minute.isdigit() else '7,22,37,52'} {rest}"


def _label(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
