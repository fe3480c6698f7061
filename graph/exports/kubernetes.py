"""Kubernetes: a suspended Job for whoever starts it, or a CronJob that starts at the time by itself."""

import json
import re
from collections.abc import Sequence
from typing import Any

from graph.exports.run import Run

IMAGE = "your-image"
ZONE_LABEL = "topology.kubernetes.io/region"


def job(run: Run, command: Sequence[str]) -> str:
    """`kubectl patch job/NAME -p '{"spec":{"suspend":false}}'` starts it."""
    return _yaml(
        {
            "apiVersion": "batch/v1",
            "kind": "Job",
            "metadata": _metadata(run),
            "spec": {"suspend": True, **_job_spec(run, command)},
        }
    )


def cronjob(run: Run, command: Sequence[str]) -> str:
    """A schedule has no year: the deadline for a missed start is half a day, and the next is a year away."""
    return _yaml(
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": _metadata(run),
            "spec": {
                "schedule": f"{run.start:%-M %-H %-d %-m} *",
                "timeZone": "Etc/UTC",
                "concurrencyPolicy": "Forbid",
                "startingDeadlineSeconds": 43200,
                "jobTemplate": {"spec": _job_spec(run, command)},
            },
        }
    )


def zone_of(region: str) -> str:
    """The region's name as the value of a node label."""
    return re.sub(r"[^a-z0-9]+", "-", region.lower()).strip("-")[:63]


def _metadata(run: Run) -> dict[str, Any]:
    return {
        "name": f"gridwise-{run.slug}",
        "annotations": {
            "gridwise/workload-id": run.workload_id,
            "gridwise/region": run.region,
            "gridwise/start": run.start.isoformat(),
            "gridwise/end": run.end.isoformat(),
        },
    }


def _job_spec(run: Run, command: Sequence[str]) -> dict[str, Any]:
    nodes = {"matchExpressions": [{"key": ZONE_LABEL, "operator": "In", "values": [zone_of(run.region)]}]}
    return {
        "backoffLimit": 0,
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "affinity": {
                    "nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [nodes]}}
                },
                "containers": [{"name": "main", "image": IMAGE, "command": list(command)}],
            }
        },
    }


def _yaml(value: Any, indent: str = "") -> str:  # noqa: ANN401  JSON
    """Plain block YAML: every scalar as JSON, which YAML reads the same."""
    lines = []
    for key, item in value.items():
        if isinstance(item, dict):
            lines.append(f"{indent}{key}:\n{_yaml(item, indent + '  ')}")
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            entries = (_yaml(entry, indent + "    ") for entry in item)
            lines.append(f"{indent}{key}:\n" + "".join(f"{indent}  - {entry.lstrip()}" for entry in entries))
        else:
            lines.append(f"{indent}{key}: {json.dumps(item)}\n")
    return "".join(lines)
