"""The command line with the store switched to Supabase: nothing else changes."""

from pathlib import Path
from typing import Any

import pytest

from persistence.migrate import migrate
from tests.integration.graph.command import gridwise
from tests.supabase.project import Project

pytestmark = pytest.mark.anyio


@pytest.fixture
def environment(project: Project, tmp_path: Path) -> dict[str, Any]:
    return {
        "cwd": tmp_path,
        "SUPABASE_URL": project.url,
        "SUPABASE_KEY": project.service_key,
        "DATABASE_URL": project.database_url,
    }


async def test_the_demo_passes_with_the_store_switched(project: Project, environment: dict[str, Any]) -> None:
    await migrate(project.database_url, extras=("sample_assets",))
    answer = await gridwise("demo", "--into-configured-store", "--json", **environment)
    assert answer.code == 0, answer.err
    assert [row["status"] for row in answer.records].count("queued") == 10
    shown = await gridwise("show", answer.records[0]["id"], "--json", **environment)
    assert shown.records[0]["decision_summary"] == answer.records[0]["decision_summary"]


async def test_the_demo_inserts_nothing_into_somebody_s_project_unless_told_to(environment: dict[str, Any]) -> None:
    answer = await gridwise("demo", "--json", **environment)
    assert answer.code == 0, answer.err
    assert len(answer.records) == 12
    status = await gridwise("status", "--json", **environment)
    assert status.records[0]["counts"] == []


async def test_a_key_that_is_not_the_service_role_s_is_explained(project: Project, environment: dict[str, Any]) -> None:
    answer = await gridwise("status", **{**environment, "SUPABASE_KEY": project.anon_key})
    assert answer.code == 2
    assert "SUPABASE_KEY" in answer.err
