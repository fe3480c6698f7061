"""The store over the real PostgREST: the same answers as the direct one, exact values, and errors in words."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from persistence.errors import AccessDenied, LeaseLost, MigrationNeeded, StoreError
from persistence.migrate import migrate
from persistence.store.open import Store, open_store, open_supabase_store
from persistence.workload import RankedOption, Recommendation, parse_workload
from tests.supabase.project import Project, serve

pytestmark = pytest.mark.anyio

START = datetime(2026, 1, 31, 18, 0, 0, 123456, tzinfo=UTC)


def recommendation() -> Recommendation:
    option = RankedOption(
        region="South Scotland", region_number=2, carbon_intensity=Decimal("99999999.99"),
        renewable_mix=Decimal("100.00"), cost_gbp=Decimal("123456.7891"), reason="pricing", start=START,
        end=START.replace(hour=20),
    )  # fmt: skip
    return Recommendation(
        options=(option,), source="compute", rank=1, confidence=Decimal("0.07"), decision_summary="“Süd” – ok",
        metadata={"provenance": {"power_kw": 0.1}},
    )  # fmt: skip


async def rows(project: Project, query: str, *arguments: object) -> list[dict[str, Any]]:
    url = project.server.url(project.database)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=dict_row) as connection:
        cursor = await connection.execute(query, arguments or None)
        return await cursor.fetchall() if cursor.description else []


async def test_a_workload_passes_through_with_exact_values(project: Project, store: Store) -> None:
    given = {"workload_name": "w", "max_price_gbp": 0.1, "deadline": "2026-02-01T00:00:00.123456+01:00"}
    (workload,) = await store.operations.submit([given])
    (claimed,) = await store.queue.claim(owner="a", limit=5, lease_seconds=60, max_attempts=5)
    parsed = parse_workload(claimed.row)
    assert parsed.finish_by == datetime(2026, 1, 31, 23, 0, 0, 123456, tzinfo=UTC)
    assert parsed.max_price_gbp == 0.1
    assert await store.queue.extend([claimed.lease], lease_seconds=60) == {claimed.lease.token}
    renewed = await store.queue.new_thread(claimed.lease)
    assert await store.queue.complete(renewed, recommendation())
    (row,) = await rows(project, "select * from compute_workloads")
    assert row["recommended_carbon_intensity"] == Decimal("99999999.99")
    assert row["recommended_cost_gbp"] == Decimal("123456.7891")
    assert row["recommended_time_window_start"] == START
    assert row["decision_summary"] == "“Süd” – ok"
    assert [one["outcome"] for one in await store.operations.history(workload)] == ["queued"]
    assert (await store.operations.read(workload) or {})["status"] == "queued"
    assert (await store.operations.status())["pending"] == 0
    assert (await store.operations.depth())["in_flight"] == 0


async def test_failures_retries_releases_and_requeues_are_those_of_the_direct_store(store: Store) -> None:
    (workload,) = await store.operations.submit([{"workload_name": "w"}])

    async def claim() -> Any:
        (claimed,) = await store.queue.claim(owner="a", limit=5, lease_seconds=60, max_attempts=5)
        return claimed.lease

    first = await claim()
    assert await store.queue.release([first]) == 1
    with pytest.raises(LeaseLost):
        await store.queue.new_thread(first)
    second = await claim()
    assert second.attempt == 1
    assert await store.queue.fail(second, "429", retry_in_seconds=3600, max_attempts=5) == "retry"
    assert await store.operations.requeue([workload], fresh=False) == [workload]
    third = await claim()
    assert (third.attempt, third.thread_id) == (2, first.thread_id)
    assert await store.queue.fail(third, "no", retry_in_seconds=None, max_attempts=5, details={"v": 1}) == "failed"
    assert await store.retention.prunable_threads(retention_seconds=0) == [first.thread_id]
    await store.retention.mark_pruned([first.thread_id], retention_seconds=0)
    assert await store.retention.trim_history(retention_seconds=0) == 0
    assert await store.retention.adopt_orphans(grace_seconds=0) == 0
    assert await store.catalogue.assets() == []
    assert await store.catalogue.commitments(START, START.replace(hour=23)) == []


async def test_the_source_cache_works_through_rest(store: Store) -> None:
    cache = store.source_cache
    async with cache.lock("neso"):
        await cache.put("neso", [])
    found = await cache.get("neso")
    assert found
    assert found[0] == []


async def test_concurrent_claims_share_the_rows(store: Store) -> None:
    await store.operations.submit([{"workload_name": f"w{n}"} for n in range(60)])
    claims = await asyncio.gather(
        *(store.queue.claim(owner=f"p{n}", limit=5, lease_seconds=60, max_attempts=5) for n in range(20))
    )
    taken = [one.lease.workload_id for claimed in claims for one in claimed]
    assert len(taken) == len(set(taken)) == 60


async def test_an_integer_that_python_refuses_does_not_hinder_other_rows(project: Project, store: Store) -> None:
    await rows(
        project,
        "insert into compute_workloads (workload_name, metadata) values ('huge', "
        "('{\"n\": ' || repeat('9', 5000) || '}')::jsonb), ('fine', '{}')",
    )
    claims = await store.queue.claim(owner="a", limit=5, lease_seconds=60, max_attempts=5)
    assert {one.row["workload_name"] for one in claims} == {"huge", "fine"}


async def test_json_deeper_than_python_reads_hinders_no_claim_and_is_told_in_words(
    project: Project, store: Store
) -> None:
    (deep,) = await rows(
        project,
        "insert into compute_workloads (workload_name, metadata) values ('deep', "
        "('{\"user_request\": ' || repeat('[', 1500) || repeat(']', 1500) || '}')::jsonb) returning id",
    )
    await store.operations.submit([{"workload_name": "fine"}])
    claims = await store.queue.claim(owner="a", limit=5, lease_seconds=60, max_attempts=5)
    assert {one.row["workload_name"] for one in claims} == {"deep", "fine"}
    with pytest.raises(StoreError, match="nested too deeply") as caught:
        await store.operations.read(deep["id"])
    assert not caught.value.retryable
    assert str(deep["id"]) in str(caught.value)


async def test_the_factory_picks_the_transport_by_what_is_configured(project: Project) -> None:
    async with open_store(
        database_url="postgresql://elsewhere/db", supabase_url=project.url, supabase_key=project.service_key
    ) as store:
        assert (await store.operations.depth())["pending"] == 0
        assert store.name == project.url.removeprefix("http://")
    with pytest.raises(ValueError, match="needs database_url or supabase_url"):
        async with open_store():
            pass


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("anon", "SUPABASE_KEY is the key of the role anon, which may not claim workloads"),
        ("nonsense", "Supabase refused the key .Invalid API key.. Check SUPABASE_KEY"),
    ],
)
async def test_a_key_that_does_not_suffice_is_told_apart(project: Project, key: str, message: str) -> None:
    with pytest.raises(AccessDenied, match=message) as caught:
        async with open_supabase_store(project.url, project.anon_key if key == "anon" else key) as store:
            await store.queue.claim(owner="a", limit=1, lease_seconds=60, max_attempts=5)
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("url", "key", "message"),
    [("not a url", "k", "SUPABASE_URL"), ("https://x.example", "", "SUPABASE_KEY is not a key: it is empty")],
)
async def test_a_configuration_of_wrong_form_is_refused_at_once(url: str, key: str, message: str) -> None:
    with pytest.raises(AccessDenied, match=message):
        async with open_supabase_store(url, key):
            pass


async def test_a_project_without_our_functions_asks_for_the_migration(new_project: Project) -> None:
    async with serve(new_project) as project, open_supabase_store(project.url, project.service_key) as store:
        with pytest.raises(MigrationNeeded, match="Run: gridwise migrate"):
            await store.operations.depth()
        await migrate(project.database_url)

        async def answered() -> Any:
            try:
                return await store.operations.depth()
            except MigrationNeeded as error:
                return error

        async with asyncio.timeout(10):  # PostgREST reloads its schema cache on the migration's NOTIFY
            while isinstance(found := await answered(), MigrationNeeded):
                pass
        assert found["pending"] == 0


async def test_postgrests_lost_database_is_retryable(new_project: Project) -> None:
    await migrate(new_project.database_url)
    async with serve(new_project) as project, open_supabase_store(project.url, project.service_key) as store:
        await store.operations.depth()
        forbid = f"alter database {project.database} allow_connections false"
        end = f"select pg_terminate_backend(pid) from pg_stat_activity where datname = '{project.database}'"
        async with await psycopg.AsyncConnection.connect(project.server.url("postgres"), autocommit=True) as admin:
            await admin.execute(forbid.encode())
            await admin.execute(end.encode())
            with pytest.raises(StoreError) as caught:
                await store.operations.depth()
            assert caught.value.retryable
            await admin.execute(forbid.replace("false", "true").encode())
        async with asyncio.timeout(60):
            while not isinstance(await _outcome(store.operations.depth()), dict):
                pass


async def _outcome(call: Awaitable[Any]) -> Any:
    try:
        return await call
    except StoreError as error:
        return error


@asynccontextmanager
async def answering(*replies: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """A gateway that is not PostgREST: sends these raw replies, one per connection; keeps what it was asked."""
    asked: list[bytes] = []

    async def serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(replies[min(len(asked), len(replies)) - 1])
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve_one, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", asked


def http(status: str, body: str, content_type: str = "application/json") -> bytes:
    encoded = body.encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\nconnection: close\r\ncontent-length: {len(encoded)}"
    return f"{head}\r\n\r\n".encode() + encoded


ANSWERS = {
    "gateway page": (http("502 Bad Gateway", "<html>oops</html>", "text/html"), StoreError, True, "answered 502"),
    "rate limit": (http("429 Too Many Requests", '{"message": "slow down"}'), StoreError, True, "429: slow down"),
    "overload": (
        http("503 Service Unavailable", '{"code": "PGRST001", "message": "no"}'),
        StoreError,
        True,
        "PGRST001",
    ),
    "pool": (http("504 Gateway Timeout", '{"code": "PGRST003", "message": "pool"}'), StoreError, True, "PGRST003"),
    "statement timeout": (http("500 E", '{"code": "57014", "message": "canceling"}'), StoreError, True, "57014"),
    "deadlock": (http("500 E", '{"code": "40P01", "message": "deadlock"}'), StoreError, True, "40P01"),
    "bad argument": (
        http("400 E", '{"code": "22023", "message": "limit"}'),
        StoreError,
        False,
        "limit .SQLSTATE 22023.",
    ),
    "internal": (http("500 E", '{"code": "XX000", "message": "oops"}'), StoreError, False, "XX000"),
    "too large": (http("413 Payload Too Large", "<html/>", "text/html"), StoreError, False, "too large"),
    "paused": (http("540 Project Paused", '{"message": "paused"}'), StoreError, True, "540: paused"),
    "expired": (http("401 U", '{"code": "PGRST301", "message": "JWT expired"}'), AccessDenied, False, "JWT expired"),
    "forbidden": (http("403 Forbidden", "<html/>", "text/html"), AccessDenied, False, "Check SUPABASE_KEY"),
    "no function": (
        http("404 N", '{"code": "PGRST202", "message": "no f"}'),
        MigrationNeeded,
        False,
        "gridwise migrate",
    ),
    "another site": (http("404 Not Found", "<html/>", "text/html"), StoreError, False, "Check SUPABASE_URL"),
    "not JSON": (http("200 OK", "<html/>", "text/html"), StoreError, False, "not JSON"),
    "conflict": (http("409 C", '{"code": "40001", "message": "serialise"}'), StoreError, True, "40001"),
}


@pytest.mark.parametrize("kind", ANSWERS)
async def test_every_refusal_is_translated_once(kind: str) -> None:
    reply, error_type, retryable, words = ANSWERS[kind]
    async with answering(reply) as (url, asked), open_supabase_store(url, "secret-key") as store:
        with pytest.raises(error_type, match=words) as caught:
            await store.operations.depth()
        assert caught.value.retryable is retryable
        assert len(asked) == (3 if retryable else 1)
    assert "secret-key" not in str(caught.value)


async def test_a_refused_connection_is_retryable() -> None:
    async with open_supabase_store("http://127.0.0.1:1", "key") as store:
        with pytest.raises(StoreError, match="cannot be reached") as caught:
            await store.operations.depth()
    assert caught.value.retryable


async def test_a_gateway_that_stays_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("persistence.transports.supabase.ANSWER_SECONDS", 0.1)
    done = asyncio.Event()

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await done.wait()
        writer.close()

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with open_supabase_store(f"http://127.0.0.1:{port}", "key") as store:
            with pytest.raises(StoreError, match="did not answer in time") as caught:
                await store.operations.depth()
        done.set()
    assert caught.value.retryable


async def test_a_claim_whose_answer_was_cut_off_is_not_made_twice(project: Project) -> None:
    """A proxy lets the request through to the project and cuts the connection before the answer, once."""
    cut: list[int] = []
    host, port = project.url.removeprefix("http://").split(":")

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream = await asyncio.open_connection(host, int(port))
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                length = next(
                    int(line.split(b":")[1])
                    for line in head.split(b"\r\n")
                    if line.lower().startswith(b"content-length")
                )
                upstream.write(head + await reader.readexactly(length))
                answer = await upstream_reader.read(1 << 20)
                if b"claim_workloads" in head and not cut:
                    cut.append(len(answer))
                    break
                writer.write(answer)
                await writer.drain()
        except asyncio.IncompleteReadError:
            pass
        finally:
            upstream.close()
            writer.close()

    async with await asyncio.start_server(pass_on, "127.0.0.1", 0) as proxy:
        url = f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        async with open_supabase_store(url, project.service_key) as store:
            await store.operations.submit([{"workload_name": "a"}, {"workload_name": "b"}])
            claims = await store.queue.claim(owner="p", limit=1, lease_seconds=60, max_attempts=5)
        assert cut
        assert len(claims) == 1
        assert (
            claims[0].lease.attempt,
            len(await rows(project, "select 1 from agent.queue where state = 'running'")),
        ) == (1, 1)


async def test_an_unknown_workload_reads_as_nothing(store: Store) -> None:
    assert await store.operations.read(uuid4()) is None
    assert await store.operations.history(uuid4()) == []


async def test_waiting_through_rest_is_the_interval(store: Store) -> None:
    started = asyncio.get_running_loop().time()
    await store.queue.wait_for_work(timeout_seconds=0.05)
    assert asyncio.get_running_loop().time() - started >= 0.05
