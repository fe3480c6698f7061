"""A problem and a market that need no database and no network."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from graph.problem import problem_from
from persistence.workload import Workload
from tools.market import Market
from tools.placement import Asset, Problem
from tools.sources.recorded import RecordedSource

NOW = datetime(2026, 11, 24, 10, 37, tzinfo=UTC)
SITES = (
    ("Aberdeen", 1, 1.2),
    ("Edinburgh", 2, 1.15),
    ("Manchester", 3, 1.3),
    ("Leeds", 5, 1.25),
    ("Cardiff", 7, 1.2),
    ("Cambridge", 10, 1.18),
    ("London Docklands", 13, 1.4),
)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
def assets() -> tuple[Asset, ...]:
    return tuple(
        Asset(
            asset_id=UUID(int=number),
            name=f"Sample DC {name}",
            region=region,
            hardware="A100",
            gpu_count=16,
            cpu_cores=256,
            memory_gb=2048,
            rated_power_kw=100,
            pue=pue,
        )
        for number, (name, region, pue) in enumerate(SITES, 1)
    )


@pytest.fixture
def workload() -> Callable[..., Workload]:
    def make(**columns: Any) -> Workload:
        row: dict[str, Any] = {
            "id": UUID(int=7),
            "workload_name": "nightly training",
            "host_dc": "Sample DC London Docklands",
            "required_gpu_mins": 960,
            "required_cpu_cores": 16,
            "required_memory_gb": 128,
            "estimated_duration_hours": 2,
            "is_deferrable": True,
            "deferral_window_mins": 1200,
            "submitted_at": NOW,
        }
        return Workload(**{**row, **columns})

    return make


@pytest.fixture
def problem(workload: Callable[..., Workload], assets: tuple[Asset, ...]) -> Callable[..., Problem]:
    def make(**columns: Any) -> Problem:
        return problem_from(workload(**columns), assets=assets, commitments=(), now=NOW)

    return make


@pytest.fixture
async def market() -> Market:
    return await RecordedSource().market(NOW)
