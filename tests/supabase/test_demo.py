"""`gridwise demo`, unchanged, with the store on Supabase and the checkpoints in the project's own database."""

import asyncio
import json
import os
import sys
from pathlib import Path

import psycopg
import pytest

import sql
from tests.supabase.project import Project

pytestmark = pytest.mark.anyio


async def test_the_demo_places_its_workloads_through_rest(project: Project, tmp_path: Path) -> None:
    async with await psycopg.AsyncConnection.connect(project.database_url, autocommit=True) as connection:
        await connection.execute(sql.optional("sample_assets").text.encode())
    ours = ("PATH", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
    process = await asyncio.create_subprocess_exec(
        str(Path(sys.executable).parent / "gridwise"), "demo", "--into-configured-store", "--json",
        cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={
            **{name: os.environ[name] for name in ours if name in os.environ},
            "HOME": str(tmp_path),
            "SUPABASE_URL": project.url,
            "SUPABASE_KEY": project.service_key,
            "DATABASE_URL": project.database_url,
        },
    )  # fmt: skip
    output, errors = await process.communicate()
    assert process.returncode == 0, errors.decode()
    rows = [json.loads(line) for line in output.splitlines()]
    states = sorted(row["status"] for row in rows)
    assert len(rows) >= 10
    assert states == ["failed"] * 2 + ["queued"] * (len(rows) - 2)
    async with await psycopg.AsyncConnection.connect(project.server.url(project.database)) as connection:
        found = await (await connection.execute("select count(*) from agent_checkpoints.checkpoints")).fetchone()
        leases = await (
            await connection.execute("select count(*) from agent.queue where state in ('running', 'retry')")
        ).fetchone()
    assert found
    assert found[0] > 0
    assert leases == (0,)
