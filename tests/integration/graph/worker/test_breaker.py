"""The system's faults over real HTTP and PostgreSQL: nothing is charged to a workload, work resumes by itself."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import structlog
from structlog.testing import capture_logs

from evals.standin.script import Step, blocks, fails, honest, rate_limited
from evals.standin.server import StandIn
from evals.standin.wire import GenerateRequest
from graph.app.runtime import make_worker, open_runtime
from graph.app.settings import Settings
from graph.views.queue import status_lines
from graph.web.server import serving
from graph.worker import breaker
from graph.worker.tasks import end
from persistence.retry import Backoff
from persistence.store.open import Store

pytestmark = pytest.mark.anyio

INSERT = "insert into compute_workloads (workload_name, required_cpu_cores, estimated_duration_hours) values (%s, 4, 1)"
PER_DAY = "GenerateRequestsPerDayPerProjectPerModel-FreeTier"


class Gemini(StandIn):
    """Answers every request by `step`, which the test changes."""

    def __init__(self) -> None:
        self.step: Step = honest
        super().__init__(self._script)

    def _script(self, request: GenerateRequest, number: int) -> Step:
        return self.step


@pytest.fixture
def gemini(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(breaker, "PROBES", Backoff(base_seconds=0.2, cap_seconds=0.2))
    with Gemini() as server:
        yield server


class Polling:
    """A worker at work: its health over HTTP, its rows in the database."""

    def __init__(self, client: httpx.AsyncClient, store: Store, open_connection: Callable[[], Any]) -> None:
        self._client = client
        self._store = store
        self._open = open_connection

    async def health(self, status: int) -> dict[str, Any]:
        async with asyncio.timeout(20):
            while (answer := await self._client.get("/healthz")).status_code != status:
                await asyncio.sleep(0.02)
        return dict(answer.json())

    async def insert(self, *names: str) -> None:
        async with self._open() as connection:
            for name in names:
                await connection.execute(INSERT, (name,))

    async def status(self) -> str:
        """What `gridwise status` says of what keeps pollers from working, once it says so."""
        async with asyncio.timeout(20):
            while True:
                status, pollers = await self._store.operations.status(), await self._store.pollers.seen()
                lines = status_lines(status, pollers)
                if found := [line for line in lines if "takes no work" in line or "read-only" in line]:
                    return " ".join(found)
                await asyncio.sleep(0.1)

    async def states(self, *wanted: str) -> list[str]:
        """Once these are the rows' states, sorted."""
        async with asyncio.timeout(15), self._open() as connection:
            while True:
                rows = await (await connection.execute("select status from compute_workloads")).fetchall()
                if sorted(row[0] for row in rows) == sorted(wanted):
                    return list(wanted)
                await asyncio.sleep(0.02)

    async def attempts(self) -> list[Any]:
        """The largest attempt of any run or lease, and the errors that rows show."""
        async with self._open() as connection:
            cursor = await connection.execute(
                "select coalesce(max(attempt), 0) from (select attempt from agent.runs where outcome <> 'released'"
                " union all select attempt from agent.leases where owner is null) as all_of_them (attempt)"
            )
            (most,) = await cursor.fetchone()
            errors = await (await connection.execute("select agent_error from compute_workloads")).fetchall()
        return [most, *(row[0] for row in errors if row[0])]


@pytest.fixture
def polling(machine: dict[str, Any], gemini: Gemini, open_connection: Callable[[], Any]) -> Callable[..., Any]:
    @asynccontextmanager
    async def work(**variables: str) -> AsyncIterator[Polling]:
        given = {
            "DATABASE_URL": machine["DATABASE_URL"], "GRIDWISE_SOURCES": "recorded", "GEMINI_API_KEY": "k",
            "GEMINI_BASE_URL": gemini.base_url, "WORKLOAD_POLL_INTERVAL": "0.2",
            "GRIDWISE_LEASE_SECONDS": "6", **variables,
        }  # fmt: skip
        async with open_runtime(Settings(**given)) as runtime:
            worker = make_worker(runtime)
            task = asyncio.create_task(worker.run())
            log = structlog.get_logger()
            with capture_logs() as lines, serving(worker.metrics, worker.health, port=0, log=log):
                port = next(line["port"] for line in lines if "port" in line)
                async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
                    try:
                        yield Polling(client, runtime.store, open_connection)
                    finally:
                        worker.stop()
                        await asyncio.wait({task}, timeout=20)
                        await end([task])

    return work


@pytest.mark.parametrize(
    ("step", "cause", "says"),
    [
        (fails(401, "UNAUTHENTICATED"), "model_access", "check GEMINI_API_KEY"),
        (fails(403, "PERMISSION_DENIED"), "model_access", "permissions"),
        (fails(400, "INVALID_ARGUMENT", "API key not valid. Please pass a valid API key."), "model_access", "API_KEY"),
        (fails(404, "NOT_FOUND"), "model_name", "GRIDWISE_AGENT_MODEL"),
        (rate_limited("30s", PER_DAY), "model_quota", "raise the quota"),
    ],
    ids=["401", "403", "invalid key", "404", "daily quota"],
)
async def test_what_is_wrong_with_the_model_is_no_workloads_fault(
    polling: Any, gemini: Gemini, step: Step, cause: str, says: str
) -> None:
    gemini.step = step
    async with polling(GRIDWISE_MAX_ATTEMPTS="1") as worker:
        await worker.insert("a", "b", "c", "d")
        health = await worker.health(503)
        assert [circuit["cause"] for circuit in health["breakers"]] == [cause]
        assert says in " ".join(health["problems"])
        asked = len(gemini.requests)
        await asyncio.sleep(1)  # some probes
        assert asked < len(gemini.requests) < asked + 15, "probes, one at a time"
        assert await worker.attempts() == [0]
        assert says in await worker.status()
        gemini.step = honest
        await worker.states(*["queued"] * 4)
        assert (await worker.health(200))["breakers"] == []


async def test_a_blocked_prompt_is_its_workloads_fault_and_the_others_go_on(polling: Any, gemini: Gemini) -> None:
    def step(request: GenerateRequest) -> Any:
        is_bad = any("bad" in str(message.content) for message in request.messages)
        return (blocks("SAFETY") if is_bad else honest)(request)

    gemini.step = step
    async with polling() as worker:
        await worker.insert("good", "bad", "good too")
        await worker.states("queued", "failed", "queued")
        await worker.health(200)


async def test_a_model_that_is_down_costs_no_more_than_two_workloads_an_attempt(polling: Any, gemini: Gemini) -> None:
    gemini.step = fails(503, "UNAVAILABLE", "The model is overloaded.")
    async with polling(GRIDWISE_MAX_ATTEMPTS="5", MAX_WORKLOADS_PER_CYCLE="8") as worker:
        await worker.insert(*(f"w{number}" for number in range(8)))
        health = await worker.health(503)
        assert [circuit["cause"] for circuit in health["breakers"]] == ["model_unavailable"]
        gemini.step = honest
        await worker.states(*["queued"] * 8)


END_OTHERS = """
select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()
"""
FULL = """
create function public.is_full() returns trigger language plpgsql as
$$ begin raise exception 'could not extend file: No space left on device' using errcode = 'disk_full'; end $$
"""
FILL = "create trigger is_full before insert on agent_checkpoints.checkpoint_blobs execute function public.is_full()"
READ_ONLY = "alter database {database} set default_transaction_read_only ="
CLAIM = "claim_workloads(text, integer, double precision, integer, uuid, boolean)"
FAULTS = {
    "disk full": ([FULL, FILL], ["drop function public.is_full() cascade"], "Free space"),
    "missing function": (
        ["alter function public.claim_workloads rename to gone"],
        ["alter function public.gone rename to claim_workloads"],
        "gridwise migrate",
    ),
    "renamed column": (
        ["alter table compute_workloads rename priority to importance"],
        ["alter table compute_workloads rename importance to priority"],
        "gridwise migrate",
    ),
    "column that only the insert trigger reads": (
        ["alter table compute_workloads rename user_id to owner_id"],
        ["alter table compute_workloads rename owner_id to user_id"],
        "gridwise migrate",
    ),
    "column of another type": (
        ["drop view workloads_with_recommendations; alter table compute_workloads alter user_id type text"],
        ["alter table compute_workloads alter user_id type uuid using user_id::uuid"],
        "gridwise migrate",
    ),
    "right taken away": (
        [
            "create role {database}_owner; grant usage on schema public, agent to {database}_owner",
            f"alter function {CLAIM} security definer; alter function {CLAIM} owner to {{database}}_owner",
        ],
        [f"alter function {CLAIM} security invoker"],
        "may not do this",
    ),
    "read-only": ([f"{READ_ONLY} on", END_OTHERS], [f"{READ_ONLY} off", END_OTHERS], "read-only"),
    "missing schema": (
        ["alter schema agent_checkpoints rename to gone"],
        ["alter schema gone rename to agent_checkpoints"],
        "gridwise migrate",
    ),
}
"""What breaks, what mends, and what the operator reads."""


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_is_wrong_with_the_database_is_no_workloads_fault(
    polling: Any, open_connection: Callable[[], Any], fault: str
) -> None:
    broken, mended, says = FAULTS[fault]
    async with polling(GRIDWISE_MAX_ATTEMPTS="1") as worker:
        await worker.insert("before")
        await worker.states("queued")
        await _run(open_connection, broken)
        async with open_connection() as connection:
            await connection.execute("set default_transaction_read_only = off")
            for name in ("a", "b", "c"):
                await connection.execute(INSERT, (name,))
        health = await worker.health(503)
        assert says in " ".join(health["problems"])
        assert says in await worker.status()
        await asyncio.sleep(0.5)
        assert await worker.attempts() == [1], "that of the first workload, which was answered"
        await _run(open_connection, mended)
        await worker.states(*["queued"] * 4)
        await worker.health(200)


async def _run(open_connection: Callable[[], Any], statements: Sequence[str]) -> None:
    async with open_connection() as connection:
        await connection.execute("set default_transaction_read_only = off")
        (database,) = await (await connection.execute("select current_database()")).fetchone()
        for statement in statements:
            await connection.execute(statement.format(database=database))
