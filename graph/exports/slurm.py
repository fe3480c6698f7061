"""Slurm: the header of a batch script."""

from datetime import timedelta, tzinfo

from graph.exports.run import Run


def sbatch(run: Run, zone: tzinfo) -> str:
    """The head of a script; times are those of the cluster's `zone`, as `sbatch` reads them."""
    lines = [
        "#!/bin/bash",
        f"#SBATCH --job-name={run.slug}",
        f"#SBATCH --begin={begin(run, zone)}",
        f"#SBATCH --time={time_limit(run.running_time)}",
        f"# {run.region}, {run.start:%Y-%m-%d %H:%M} UTC",
    ]
    return "\n".join(lines) + "\n"


def begin(run: Run, zone: tzinfo) -> str:
    """For `--begin`."""
    return f"{run.start.astimezone(zone):%Y-%m-%dT%H:%M:%S}"


def time_limit(duration: timedelta) -> str:
    """For `--time`: D-HH:MM:SS, rounded up to whole minutes."""
    minutes = -(-duration // timedelta(minutes=1))
    return f"{minutes // 1440}-{minutes // 60 % 24:02}:{minutes % 60:02}:00"
