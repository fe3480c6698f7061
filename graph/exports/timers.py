"""One start at a given time, for the schedulers of a single machine: at, cron, systemd."""

import shlex
from collections.abc import Sequence
from datetime import tzinfo

from graph.exports.run import Run


def at(run: Run, command: Sequence[str]) -> str:
    """A line for a shell. `at` takes the time in UTC, whatever the machine's zone."""
    return f"echo {shlex.quote(shlex.join(command))} | at {run.start:%H:%M} UTC {run.start:%d.%m.%Y}\n"


def systemd(run: Run, command: Sequence[str]) -> str:
    """A transient timer of the user's systemd."""
    return (
        f"systemd-run --user --unit=gridwise-{run.slug} --timer-property=AccuracySec=1s "
        f"--on-calendar='{run.start:%Y-%m-%d %H:%M:%S} UTC' -- {shlex.join(command)}\n"
    )


def cron(run: Run, command: Sequence[str], zone: tzinfo) -> str:
    """A line for `crontab`, in the time of the machine's `zone`; it has no year, so that the day is asked for again."""
    start = run.start.astimezone(zone)
    escaped = shlex.join(command).replace("%", "\\%")
    return (
        f"# {run.start:%Y-%m-%d %H:%M} UTC, once; remove the line afterwards\n"
        f'{start:%-M %-H %-d %-m} * [ "$(date -u +\\%F)" = {run.start:%Y-%m-%d} ] && {escaped}\n'
    )
