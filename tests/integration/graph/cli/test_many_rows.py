"""Many rows of a frontend, malformed ones among them: all are answered, none is lost, the poller goes on."""

from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from tests.integration.graph.command import gridwise
from tests.thorough import tries

pytestmark = pytest.mark.anyio

ROWS = tries(100, 1000)

# column values of a malformed row → what agent_error has to name
MALFORMED: list[tuple[dict[str, Any], str]] = [
    ({"required_gpu_mins": -60}, "required_gpu_mins"),
    ({"required_cpu_cores": -1}, "required_cpu_cores"),
    ({"required_memory_gb": 2_147_483_647}, "required_memory_gb"),
    ({"required_gpu_mins": 2_000_000_000}, "required_gpu_mins"),
    ({"estimated_energy_kwh": "NaN"}, "estimated_energy_kwh"),
    ({"estimated_energy_kwh": "-5"}, "estimated_energy_kwh"),
    ({"estimated_duration_hours": "1e9"}, "estimated_duration_hours"),
    ({"carbon_cap_gco2": -10}, "carbon_cap_gco2"),
    ({"max_carbon_intensity_gco2_kwh": "Infinity"}, "max_carbon_intensity_gco2_kwh"),
    ({"min_renewable_pct": 150}, "min_renewable_pct"),
    ({"max_price_gbp": -1}, "max_price_gbp"),
    ({"deferral_window_mins": -30}, "deferral_window_mins"),
    ({"urgency": "YESTERDAY"}, "urgency"),
    ({"workload_type": "COFFEE"}, "workload_type"),
    ({"deadline": "2020-01-01T00:00Z"}, "deadline"),
    ({"earliest_start": "2999-01-01T00:00Z"}, "earliest_start"),
    ({"workload_name": None}, "workload_name"),
    ({"workload_name": "  "}, "workload_name"),
    ({"workload_name": "bell \a and escape \x1b[31m"}, "workload_name"),
    ({"metadata": {"user_request": {"required_gpu_mins": "many"}}}, "metadata.user_request.required_gpu_mins"),
    ({"metadata": {"user_request": {"estimated_duration_hours": [1, 2]}}}, "estimated_duration_hours"),
    ({"metadata": {"user_request": {"deadline": "soon"}}}, "metadata.user_request.deadline"),
    ({"metadata": {"user_request": 42}}, "metadata.user_request"),
    ({"metadata": {"user_request": "x" * 1_000_000}}, "metadata.user_request"),
    ({"metadata": ["not", "an", "object"]}, "metadata"),
    ({"carbon_cap_gco2": 0, "estimated_energy_kwh": 50, "host_dc": "nowhere"}, "carbon_cap_gco2"),
]


async def test_all_rows_are_drained_and_malformed_ones_explained(machine: dict[str, Any], open_connection: Any) -> None:
    async with open_connection() as connection:
        for row, _ in MALFORMED:
            await _insert(connection, {"workload_name": "malformed", **row})
        await connection.execute(
            """
            insert into compute_workloads (workload_name, workload_type, urgency, required_gpu_mins,
                required_cpu_cores, required_memory_gb, estimated_duration_hours, is_deferrable, deferral_window_mins)
            select 'row ' || n, 'DATA_PROCESSING', (array['LOW', 'MEDIUM', 'HIGH', 'CRITICAL'])[1 + n %% 4],
                n %% 3 * 60, 4 + n %% 8, 16, 0.5 + n %% 5, true, 60 * (6 + n %% 20)
            from generate_series(1, %s) as n
            """,
            (ROWS - len(MALFORMED),),
        )
        answer = await gridwise("run", "--until-empty", MAX_WORKLOADS_PER_CYCLE="20", **machine)
        assert answer.code == 0, answer.err[-4000:]
        found = await connection.execute(
            "select workload_name, status, agent_error, decision_summary from compute_workloads"
        )
        rows = await found.fetchall()
        assert len(rows) == ROWS
        good = [row for row in rows if str(row[0]).startswith("row ")]
        assert len(good) == ROWS - len(MALFORMED)
        assert {row[1:3] for row in good} == {("queued", None)}
        assert all(row[3] for row in good)
        errors = [str(row[2]) for row in rows if not str(row[0]).startswith("row ")]
        assert len(errors) == len(MALFORMED)
        for _, named in MALFORMED:
            assert any(named in error for error in errors), named
        assert not [error for error in errors if "Traceback" in error or "Unexpected" in error]
        left = await (
            await connection.execute("select count(*) from agent.queue where state in ('running', 'retry')")
        ).fetchone()
        assert left == (0,)


async def _insert(connection: psycopg.AsyncConnection[Any], row: dict[str, Any]) -> None:
    values = [Jsonb(value) if isinstance(value, dict | list) else value for value in row.values()]
    columns = ", ".join(row)
    marks = ", ".join(["%s"] * len(row))
    await connection.execute(f"insert into compute_workloads ({columns}) values ({marks})".encode(), values)
