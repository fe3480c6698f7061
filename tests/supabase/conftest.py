"""One Supabase project for the session: migrated, with the optional owner policies, emptied before each test."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from persistence.connections.embedded import Server, embedded_postgres
from persistence.migrate import migrate
from persistence.store.open import Store, open_supabase_store
from tests.background import in_background
from tests.conftest import FAST, temporary_folder
from tests.supabase.project import Project, create_database, create_platform, missing, serve


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if reason := missing():
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def platform() -> Iterator[Server]:
    """A server with Supabase's roles. Not the session's other one: roles are the whole cluster's."""

    @asynccontextmanager
    async def prepared(folder: Path) -> AsyncIterator[Server]:
        async with embedded_postgres(folder, settings=FAST) as server:
            await create_platform(server)
            yield server

    with temporary_folder() as folder, in_background(prepared(folder)) as server:
        yield server


@pytest.fixture(scope="session")
def shared_project(platform: Server) -> Iterator[Project]:
    @asynccontextmanager
    async def served() -> AsyncIterator[Project]:
        project = await create_database(platform, "shared_project")
        await migrate(project.database_url, extras=["owner_policies"])
        async with serve(project) as running:
            yield running

    with in_background(served()) as project:
        yield project


@pytest.fixture
def project(shared_project: Project) -> Project:
    with psycopg.connect(shared_project.server.url(shared_project.database), autocommit=True) as connection:
        connection.execute(
            "truncate public.compute_workloads, public.compute_assets, agent.queue,"
            " agent.answers, agent.power, agent.relaxations, agent.runs, agent.left_threads,"
            " agent.source_cache"
        )
    return shared_project


@pytest.fixture
async def store(project: Project) -> AsyncIterator[Store]:
    async with open_supabase_store(project.url, project.service_key) as opened:
        yield opened


@pytest.fixture
async def new_project(platform: Server) -> Project:
    """An empty project of the test's own, not served."""
    return await create_database(platform, f"project_{uuid4().hex}")


@pytest.fixture
def browser(project: Project) -> Callable[..., httpx.AsyncClient]:
    """`async with browser(user=…) as client`: what a frontend has, the anon key and perhaps a signed-in user."""

    def client(*, user: UUID | None = None, key: str | None = None, token: str | None = None) -> httpx.AsyncClient:
        headers: dict[str, Any] = {"apikey": key or project.anon_key, "Prefer": "return=representation"}
        if user or token:
            headers["Authorization"] = f"Bearer {token or project.token('authenticated', user=user)}"
        return httpx.AsyncClient(base_url=f"{project.url}/rest/v1", headers=headers)

    return client
