"""Through a transaction pooler, as on Supabase's port 6543: nothing of ours may need a session, but `migrate`."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from persistence.checkpoints.fenced import FencedSaver
from persistence.connections import pooler
from persistence.connections.pool import open_pool
from persistence.connections.pooler import is_transaction_pooled
from persistence.errors import SessionNeeded
from persistence.migrate import migrate, pending
from persistence.store.open import open_postgres_store
from tests.conftest import Cluster
from tests.graphs import STORED_TYPES, chain, input_for, now, step
from tests.pgbouncer import pooled

pytestmark = pytest.mark.anyio


@pytest.fixture
def pooled_url(cluster: Cluster, database_url: str) -> Iterator[str]:
    with pooled(cluster, database_url) as url:
        yield url


async def test_pollers_share_few_connections_without_noticing(pooled_url: str, answer: Callable[..., Any]) -> None:
    async with contextlib.AsyncExitStack() as stack:
        stores = [await stack.enter_async_context(open_postgres_store(pooled_url, max_connections=4)) for _ in range(5)]
        await stores[0].operations.submit([{"workload_name": f"w{n}"} for n in range(100)])

        async def work(number: int) -> int:
            store, done = stores[number % 5], 0
            while claims := await store.queue.claim(owner=f"p{number}", limit=3, lease_seconds=60, max_attempts=5):
                assert await store.queue.extend([one.lease for one in claims], lease_seconds=60) == {
                    one.lease.token for one in claims
                }
                done += len((await store.queue.complete_all([(one.lease, answer()) for one in claims])).written)
            return done

        assert sum(await asyncio.gather(*(work(number) for number in range(20)))) == 100


async def test_runs_checkpoint_side_by_side(pooled_url: str) -> None:
    async with open_pool(pooled_url, name="checkpoints", max_size=20, check=True) as pool:

        async def run() -> dict[str, Any]:
            thread = uuid4()
            saver = FencedSaver(pool, thread_id=thread, token=1, stored_types=STORED_TYPES)
            await saver.open()
            graph = chain(first=step("first"), second=step("second")).compile(checkpointer=saver)
            return await graph.ainvoke(
                input_for({"id": "x"}, now()), {"configurable": {"thread_id": str(thread)}}, durability="sync"
            )

        results = await asyncio.gather(*(run() for _ in range(40)))
    assert [result["steps"] for result in results] == [["first", "second", "conclude"]] * 40


async def test_waiting_for_work_becomes_the_interval(pooled_url: str) -> None:
    async with open_postgres_store(pooled_url) as store:
        started = time.monotonic()
        await store.queue.wait_for_work(timeout_seconds=0.2)
        await store.queue.wait_for_work(timeout_seconds=0.2)
        assert time.monotonic() - started >= 0.4


class TestDetection:
    @pytest.fixture(autouse=True)
    def _patience(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pooler, "PATIENCE_SECONDS", 1)

    async def test_a_quiet_transaction_pooler_gives_itself_away(self, pooled_url: str) -> None:
        # which hands the same session out again and again
        async with await psycopg.AsyncConnection.connect(pooled_url, autocommit=True) as connection:
            seen = {(await (await connection.execute("select pg_backend_pid()")).fetchone()) for _ in range(20)}
            assert len(seen) == 1
        assert await is_transaction_pooled(pooled_url)

    async def test_a_pooler_of_one_session_for_all_gives_itself_away(self, cluster: Cluster, database_url: str) -> None:
        with pooled(cluster, database_url, size=1) as url:
            assert await is_transaction_pooled(url)

    async def test_several_who_ask_at_once_hear_only_their_own_word(self, pooled_url: str, database_url: str) -> None:
        asked = [is_transaction_pooled(url) for url in [pooled_url, database_url] * 3]
        assert await asyncio.gather(*asked) == [True, False] * 3

    async def test_a_session_pooler_will_do(self, cluster: Cluster, database_url: str) -> None:
        with pooled(cluster, database_url, mode="session") as url:
            asked = [is_transaction_pooled(url), migrate(url)]
            assert (await asyncio.gather(*asked))[0] is False

    async def test_a_session_pooler_without_a_second_place_gets_the_benefit_of_the_doubt(
        self, cluster: Cluster, database_url: str
    ) -> None:
        with pooled(cluster, database_url, mode="session", size=1, wait_seconds=1) as url:
            assert await migrate(url)

    async def test_migrate_refuses_before_it_changes_anything_and_names_the_way_out(
        self, cluster: Cluster, empty_database_url: str
    ) -> None:
        with pooled(cluster, empty_database_url) as url:
            port = psycopg.conninfo.conninfo_to_dict(url)["port"]
            refused = rf"127\.0\.0\.1, port {port}, is a transaction pooler.*direct address or a session pooler's"
            with pytest.raises(SessionNeeded, match=refused):
                await migrate(url)
            missing = await pending(url)
        assert "0001_tables" in missing
        assert missing == await pending(empty_database_url)
