"""The one-shot answer is the graph's answer, and it needs neither LangGraph nor a database."""

import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from agents.model.clients import Models
from graph.app.oneshot import regions_as_sites, walk
from graph.build import build_graph
from graph.state import graph_input
from tools.errors import Infeasible
from tools.sources.recorded import RecordedSource

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 3, 4, 10, 12, tzinfo=UTC)


def row(**columns: Any) -> dict[str, Any]:
    return {
        "id": "3f2a0000-0000-4000-8000-000000000001",
        "workload_name": "nightly",
        "submitted_at": NOW.isoformat(),
        "estimated_duration_hours": 3,
        "required_gpu_mins": 720,
        **columns,
    }


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"urgency": "CRITICAL"},
        {"deadline": "2026-03-05T06:00Z", "host_dc": "London"},
        {"metadata": {"user_request": "Not in Scotland, please. It can be paused."}},
        {"metadata": {"user_request": "Cheapest is best, carbon matters less."}, "min_renewable_pct": 20},
    ],
)
async def test_the_steps_without_langgraph_give_what_the_graph_gives(columns: dict[str, Any]) -> None:
    given = graph_input(row(**columns), NOW)
    graph = build_graph(models=Models.offline(), source=RecordedSource(), catalogue=regions_as_sites()).compile()
    by_graph = (await graph.ainvoke(given))["recommendation"]
    assert (await walk(given, RecordedSource(), regions_as_sites()))["recommendation"] == by_graph


async def test_both_ways_refuse_the_same() -> None:
    given = graph_input(row(deadline="2026-03-04T12:00Z", max_price_gbp=0.01), NOW)
    graph = build_graph(models=Models.offline(), source=RecordedSource(), catalogue=regions_as_sites()).compile()
    with pytest.raises(Infeasible) as by_graph:
        await graph.ainvoke(given)
    with pytest.raises(Infeasible) as by_steps:
        await walk(given, RecordedSource(), regions_as_sites())
    assert str(by_graph.value) == str(by_steps.value)
    assert by_graph.value.relaxations == by_steps.value.relaxations


def test_planning_imports_neither_langgraph_nor_a_model_client_nor_a_database() -> None:
    check = (
        "import sys, graph.cli.planning; "
        "print([m for m in ('langgraph', 'google.genai', 'psycopg', 'supabase', 'langsmith') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"
