"""GitHub Actions: step outputs, for a gate or a runner label."""

from datetime import datetime, timedelta

from graph.exports.kubernetes import zone_of
from graph.exports.run import Run

SOON = timedelta(minutes=5)
"""A start this near is now: a job takes longer to be scheduled."""


def github(run: Run, now: datetime) -> str:
    """Lines for `$GITHUB_OUTPUT`; no value can hold a line break."""
    wait = max(timedelta(), run.start - now)
    values = {
        "start": run.start.isoformat(),
        "end": run.end.isoformat(),
        "region": run.region,
        "region_label": zone_of(run.region),
        "intensity": "" if run.intensity is None else f"{run.intensity:g}",
        "wait_seconds": str(int(wait.total_seconds())),
        "clean_now": "true" if wait <= SOON else "false",
    }
    return "".join(f"{name}={' '.join(value.split())}\n" for name, value in values.items())
