"""(g) What the queue costs a frontend's insert, and `status` on a full queue."""

import time
from functools import partial

import psycopg

from persistence.store.open import open_postgres_store
from tests.bench.measure import Bench, interleaved, quantile

INSERTS = 400
USERS = 20
_BARE = "create table bare (like compute_workloads including defaults, primary key (id))"
_INSERT = """
insert into {} (workload_name, user_id, urgency, metadata)
values ('train', md5(%s::text)::uuid, 'MEDIUM', '{{"request": "train a model overnight"}}')
"""
_BULK = """
insert into {} (workload_name, user_id, urgency, metadata)
select 'train', md5((n %% 20)::text)::uuid, 'MEDIUM', '{{"request": "train a model overnight"}}'
from generate_series(1, %s) as n
"""
_FINISHED = """
with w as (
    insert into compute_workloads (workload_name, status, agent_status, agent_completed_at, metadata)
    select 'done', 'queued', 'completed', now(), '{}' from generate_series(1, 100000) returning id
), q as (
    insert into agent.queue (workload_id, user_id, rank, round, arrived, due, state)
    select id, id, 2, 0, now(), now(), 'done' from w returning workload_id, thread_id
)
insert into agent.runs (workload_id, token, thread_id, submission, attempt, owner, outcome, claimed_at, ended_at)
select workload_id, nextval('agent.fence'), thread_id, 1, 1, 'bench', 'queued', now(), now() from q
"""


async def inserts(bench: Bench) -> str:
    url = await bench.database()
    await bench.execute(_BARE, url)

    async def singly(table: str, commit: str) -> float:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute(f"set synchronous_commit = {commit}".encode())
            started = time.perf_counter()
            for number in range(INSERTS):
                await connection.execute(_INSERT.format(table).encode(), (number % USERS,))
            return INSERTS / (time.perf_counter() - started)

    async def at_once(table: str) -> float:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            started = time.perf_counter()
            await connection.execute(_BULK.format(table).encode(), (10_000,))
            return 10_000 / (time.perf_counter() - started)

    tables = ("bare", "compute_workloads")
    durable = await interleaved({table: partial(singly, table, "on") for table in tables}, rounds=7)
    unwaited = await interleaved({table: partial(singly, table, "off") for table in tables}, rounds=7)
    bulk = await interleaved({table: partial(at_once, table) for table in tables})
    await bench.drop(url)
    return "\n".join(
        [
            "Rows per second, one client. Bare: the same columns and primary key, no triggers, no other index.",
            "",
            "| | bare | compute_workloads | ratio |",
            "|---|---|---|---|",
            *(
                f"| {name} | {found.median('bare'):,.0f} | {found.median('compute_workloads'):,.0f} |"
                f" {found.ratio('compute_workloads', 'bare'):.2f}{target} |"
                for name, found, target in (
                    (f"one row a statement, {USERS} users", durable, " (target: ≥ 0.7)"),
                    ("the same, synchronous_commit off: processor alone", unwaited, ""),
                    ("10,000 rows in one statement", bulk, ""),
                )
            ),
        ]
    )


async def status(bench: Bench) -> str:
    url = await bench.database()
    await bench.execute(_FINISHED, url)
    await bench.execute(_BULK.format("compute_workloads").replace("%s", "100000").replace("%%", "%"), url)
    times: dict[str, list[float]] = {}
    async with open_postgres_store(url, max_connections=1) as store:
        for name in ("before the first vacuum", "vacuumed"):
            for _ in range(5):
                started = time.perf_counter()
                await store.operations.status()
                times.setdefault(name, []).append(time.perf_counter() - started)
            await bench.execute("vacuum analyze", url)
    await bench.drop(url)
    return "`status` with 100,000 pending and 100,000 finished (target: ≤ 1 s): " + "; ".join(
        f"{name} median {quantile(found, 0.5):.2f} s, most {max(found):.2f} s" for name, found in times.items()
    )
