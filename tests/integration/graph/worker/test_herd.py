"""Identical workloads that are decided at the same time: no site is promised more power than it has."""

import asyncio
from typing import Any

import pytest

from tests.integration.graph.command import gridwise

pytestmark = pytest.mark.anyio

OVERLOADS = """
with promises as (
    select w.id, w.recommended_asset_id as asset, w.recommended_time_window_start as starts,
        w.recommended_time_window_end as ends, (w.metadata #>> '{provenance,power_kw}')::numeric as power_kw
    from compute_workloads as w
)
select a.asset_name, p.id, p.starts, sum(q.power_kw) as promised_kw, a.rated_power_kw
from promises as p
join promises as q on q.asset = p.asset and q.starts <= p.starts and q.ends > p.starts
join compute_assets as a on a.id = p.asset
group by a.asset_name, p.id, p.starts, a.rated_power_kw
having sum(q.power_kw) > a.rated_power_kw
"""


async def test_no_site_is_promised_more_power_than_it_has(machine: dict[str, Any], open_connection: Any) -> None:
    """Two processes with twelve runs each, so that the promises of either are news to the other."""
    async with open_connection() as connection:
        await connection.execute(
            """
            insert into compute_workloads (workload_name, required_gpu_mins, required_cpu_cores,
                estimated_energy_kwh, estimated_duration_hours, is_deferrable, deferral_window_mins)
            select 'twin ' || n, 240, 8, 14, 2, true, 1200 from generate_series(1, 60) as n
            """
        )
        pollers = (gridwise("run", "--until-empty", MAX_WORKLOADS_PER_CYCLE="12", **machine) for _ in range(2))
        answers = await asyncio.gather(*pollers)
        for answer in answers:
            assert answer.code == 0, answer.err[-4000:]
        placed = await connection.execute(
            "select count(*), count(distinct (recommended_asset_id, recommended_time_window_start))"
            " from compute_workloads where status = 'queued'"
        )
        total, slots = await placed.fetchone() or (0, 0)
        assert total == 60
        assert slots > 5
        workers = await connection.execute("select count(distinct owner) from agent.runs where outcome = 'queued'")
        assert await workers.fetchone() == (2,)
        overloads = await (await connection.execute(OVERLOADS.encode())).fetchall()
        assert overloads == []
