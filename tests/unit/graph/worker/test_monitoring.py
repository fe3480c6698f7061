"""The dashboard and the alert rules ask for metrics that there are."""

import json
import re
from pathlib import Path

import pytest

from graph.worker.metrics import Metrics

FOLDER = Path(__file__).parents[4] / "docs" / "monitoring"


def exported() -> set[str]:
    return {
        name
        for metric in Metrics().registry.collect()
        for name in (metric.name, *(f"{metric.name}_{end}" for end in ("total", "count", "bucket", "sum")))
    }


@pytest.mark.parametrize("file", ["dashboard.json", "alerts.yaml"])
def test_every_metric_that_is_asked_for_is_exported(file: str) -> None:
    named = set(re.findall(r"gridwise_[a-z_]+", (FOLDER / file).read_text()))
    assert named
    assert named <= exported()


def test_the_dashboard_is_one_that_grafana_reads() -> None:
    dashboard = json.loads((FOLDER / "dashboard.json").read_text())
    assert all(panel["targets"] and panel["title"] for panel in dashboard["panels"])
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
