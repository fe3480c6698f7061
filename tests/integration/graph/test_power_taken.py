"""Power that others are promised while a run decides: the run is planned again, and never promises it twice."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from langgraph.runtime import RunControl

from agents.model.clients import Models
from graph.build import build_graph
from graph.catalogue import StoredCatalogue
from graph.state import STORED_TYPES, graph_input
from graph.worker.outcome import Recommended, Report, Retry
from persistence.connections.pool import Pool
from persistence.store.open import Store
from persistence.store.queue import Claim
from tests.graphs import executor_config, run_workload
from tools.placement import Commitment
from tools.sources.recorded import RecordedSource

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 1, 14, 10, 7, tzinfo=UTC)
RATED_KW = 12.0
SOUTH_WALES = 7


class Rival(StoredCatalogue):
    """Before each reservation that is numbered in `at`, another workload gets the power of its windows."""

    def __init__(self, store: Store, claim: Claim, *, at: Sequence[int]) -> None:
        super().__init__(store.catalogue)
        self._rival_store, self._lease, self._at = store, claim.lease, at
        self.wanted: list[tuple[Commitment, ...]] = []
        self._got: list[Commitment] = []

    async def reserve(self, workload_id: UUID, commitments: Sequence[Commitment], *, token: int | None) -> bool:
        self.wanted.append(tuple(commitments))
        if len(self.wanted) in self._at:
            self._got += [one.model_copy(update={"power_kw": RATED_KW}) for one in commitments]
            windows = [one.model_dump(mode="json") for one in self._got]
            assert await self._rival_store.catalogue.reserve(self._lease.workload_id, windows, token=self._lease.token)
        return await super().reserve(workload_id, commitments, token=token)


@pytest.fixture
async def claims(store: Store, open_connection: Any) -> tuple[Claim, Claim]:
    """The workload under test, and its rival's; two sites, of which the text excludes the better one."""
    async with open_connection() as connection:
        await connection.execute(
            "insert into compute_assets (asset_name, region_id, rated_power_kw, metadata)"
            " select 'site ' || region_id, id, %s, '{\"cpu_cores\": 64, \"memory_gb\": 256}' from uk_regions"
            " where region_id in (1, %s)",
            (RATED_KW, SOUTH_WALES),
        )
    await store.operations.submit([{"workload_name": "rival"}])
    (rival,) = await store.queue.claim(owner="rival", limit=1, lease_seconds=60, max_attempts=5)
    await store.operations.submit(
        [
            {
                "workload_name": "nightly training",
                "required_cpu_cores": 8,
                "estimated_energy_kwh": 14,
                "estimated_duration_hours": 2,
                "is_deferrable": True,
                "deferral_window_mins": 1200,
                "metadata": {"user_request": "It has to run in South Wales."},
            }
        ]
    )
    (mine,) = await store.queue.claim(owner="me", limit=1, lease_seconds=60, max_attempts=5)
    return mine, rival


async def run(claim: Claim, catalogue: StoredCatalogue, store: Store, pool: Pool) -> Report:
    graph = build_graph(models=Models.offline(), source=RecordedSource(), catalogue=catalogue)
    services = executor_config(store, pool, graph, input_for=graph_input, clock=lambda: NOW, stored_types=STORED_TYPES)
    return await run_workload(claim, services, RunControl())


async def test_a_plan_that_others_were_quicker_with_is_made_again_before_a_model_is_asked(
    claims: tuple[Claim, Claim], store: Store, pool: Pool
) -> None:
    mine, rival = claims
    catalogue = Rival(store, rival, at=[1, 2])
    report = await run(mine, catalogue, store, pool)
    assert isinstance(report.outcome, Recommended)
    assert report.lease.thread_id == mine.lease.thread_id
    assert len(catalogue.wanted) == 4  # two in vain, one that stands, and the one of the result
    assert len(set(catalogue.wanted[:3])) == 3


async def test_a_result_whose_power_is_gone_is_planned_anew_on_a_new_thread(
    claims: tuple[Claim, Claim], store: Store, pool: Pool
) -> None:
    mine, rival = claims
    catalogue = Rival(store, rival, at=[2])
    report = await run(mine, catalogue, store, pool)
    assert isinstance(report.outcome, Recommended)
    assert report.lease.thread_id != mine.lease.thread_id
    lost, given = catalogue.wanted[1], catalogue.wanted[3]
    assert report.outcome.recommendation.options[0].region_number == SOUTH_WALES
    assert {one.asset_id for one in lost} == {one.asset_id for one in given}
    assert not any(a.start < b.end and b.start < a.end for a in lost for b in given)


async def test_one_that_is_beaten_again_is_tried_later(claims: tuple[Claim, Claim], store: Store, pool: Pool) -> None:
    mine, rival = claims
    report = await run(mine, Rival(store, rival, at=[2, 4]), store, pool)
    assert isinstance(report.outcome, Retry)
    assert "power of the chosen site" in report.outcome.error


async def test_what_is_reserved_cannot_be_taken(claims: tuple[Claim, Claim], store: Store, pool: Pool) -> None:
    mine, rival = claims
    catalogue = StoredCatalogue(store.catalogue)
    report = await run(mine, catalogue, store, pool)
    assert isinstance(report.outcome, Recommended)
    (option, *_) = report.outcome.recommendation.options
    window = {"asset_id": str(option.asset_id), "start": option.start.isoformat(), "end": option.end.isoformat()}
    for power_kw, fits in ((RATED_KW - 1, False), (1, True)):
        windows = [{**window, "power_kw": power_kw}]
        assert await store.catalogue.reserve(rival.lease.workload_id, windows, token=rival.lease.token) is fits
