"""(a) The queue alone: jobs per second, claimed and completed, of jobs that do nothing."""

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random

import psycopg

from graph.worker.completer import BatchCompleter
from persistence.retry import Backoff, Outage, Retrier
from persistence.store.open import Store, open_postgres_store
from persistence.store.queue import Claim
from tests.bench.measure import Bench, Rounds, interleaved, run
from tests.graphs import now, recommendation

CONCURRENCIES = (1, 5, 10, 50)
JOBS = {1: 500, 5: 1000, 10: 1500, 50: 2000}

_LAST = "the release before, in groups"
RELEASES = Path("sql/releases.json")
_FILL = "insert into compute_workloads (workload_name) select 'w' from generate_series(1, {})"
PGMQ_LIKE = """
create table q (id bigserial primary key, vt timestamptz not null default now(), read_ct int not null default 0,
    message jsonb);
create table a (like q);
create index on q (vt);
"""
_READ = """
with next as (select id from q where vt <= clock_timestamp() order by id limit %s for update skip locked)
update q set vt = clock_timestamp() + interval '60 s', read_ct = read_ct + 1 from next where q.id = next.id
returning q.id
"""
_ARCHIVE = "with done as (delete from q where id = any(%s) returning *) insert into a select * from done"


class Silent:
    def bind(self, **values: object) -> "Silent":
        return self

    def ignore(self, event: str, **values: object) -> None:
        pass

    debug = info = warning = error = ignore


async def ours(bench: Bench, *, jobs: int, concurrency: int, in_groups: bool) -> float:
    """The store as the poller uses it: claims for the free places, completions in groups (or each alone)."""
    url = await bench.database()
    await bench.execute(_FILL.format(jobs), url)
    await bench.execute("vacuum analyze", url)
    async with open_postgres_store(url, max_connections=8) as store:
        rate = await drain(store, jobs=jobs, concurrency=concurrency, in_groups=in_groups)
    await bench.drop(url)
    return rate


async def drain(store: Store, *, jobs: int, concurrency: int, in_groups: bool) -> float:
    """Jobs per second until the queue is empty. As the poller does it: claims for the free places; a job that is done
    leaves its place to the next while its result is written, and as many results as jobs may be on their way."""
    answer = recommendation(now())
    retry = Retrier(Outage(Silent()), Random(1))
    completer = BatchCompleter(store.queue, retry, max_attempts=5, backoff=Backoff(), random=Random(1))
    complete = completer.write if in_groups else store.queue.complete
    done = 0

    async def settle(claim: Claim) -> None:
        nonlocal done
        is_written = await complete(claim.lease, answer)
        done += is_written

    await store.operations.depth()
    settling: set[asyncio.Task[None]] = set()
    started = time.perf_counter()
    while True:
        free = min(concurrency, 2 * concurrency - len(settling))
        claims = await store.queue.claim(owner="bench", limit=free, lease_seconds=60, max_attempts=5)
        settling |= {asyncio.create_task(settle(claim)) for claim in claims}
        if not settling:
            break
        if len(settling) >= 2 * concurrency or not claims:
            await asyncio.wait(settling, return_when=asyncio.FIRST_COMPLETED)
        settling = {task for task in settling if not task.done()}
    seconds = time.perf_counter() - started
    assert done == jobs
    return jobs / seconds


async def pgmq_like(bench: Bench, *, jobs: int, concurrency: int) -> float:
    """What pgmq's read and archive do, without a fence: whoever reads last archives."""
    url = await bench.database(is_migrated=False)
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(PGMQ_LIKE)
        await connection.execute("insert into q (message) select '{}' from generate_series(1, %s)", (jobs,))
        await connection.execute("vacuum analyze")
        started = time.perf_counter()
        while ids := [row[0] for row in await (await connection.execute(_READ, (concurrency,))).fetchall()]:
            await connection.execute(_ARCHIVE, (ids,))
        seconds = time.perf_counter() - started
    await bench.drop(url)
    return jobs / seconds


async def peer(bench: Bench, python: Path, name: str, *, jobs: int, concurrency: int) -> float:
    url = await bench.database(is_migrated=False)
    script = Path(__file__).with_name("peers.py")
    seconds = float((await run(str(python), str(script), name, url, str(jobs), str(concurrency))).split()[-1])
    await bench.drop(url)
    return jobs / seconds


_BEFORE = """
import asyncio, sys
import tests.bench.queue_alone as q

async def main(url, jobs, concurrency):
    async with q.open_postgres_store(url, max_connections=8) as store:
        print(await q.drain(store, jobs=jobs, concurrency=concurrency, in_groups=True))
asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
"""


@contextmanager
def release_before() -> Iterator[Path]:
    """A worktree of the last release."""
    commit = json.loads(RELEASES.read_text("utf-8"))[-1]["commit"]
    with tempfile.TemporaryDirectory(prefix="gridwise-release-") as folder:
        tree = Path(folder) / "tree"
        subprocess.run(["git", "worktree", "add", "-q", "--detach", tree, commit], check=True)
        try:
            yield tree
        finally:
            subprocess.run(["git", "worktree", "remove", "--force", tree], check=True)


async def before(bench: Bench, tree: Path, *, jobs: int, concurrency: int) -> float:
    """As `ours` in groups, by the code and the functions of the last release."""
    url = await bench.database(is_migrated=False)
    for script in sorted((tree / "sql" / "migrations").glob("*.sql")):
        await bench.execute(script.read_text("utf-8"), url)
    await bench.execute(_FILL.format(jobs), url)
    await bench.execute("vacuum analyze", url)
    out = await run(
        sys.executable,
        "-P",
        "-c",
        _BEFORE,
        url,
        str(jobs),
        str(concurrency),
        PYTHONPATH=str(tree),
        PATH=os.environ["PATH"],
    )
    await bench.drop(url)
    return float(out.split()[-1])


async def commits(bench: Bench, *, clients: int) -> float:
    """What the server can do at all: transactions per second of one insert each."""
    url = await bench.database(is_migrated=False)
    await bench.execute("create table c (id bigserial primary key, at timestamptz default now())", url)
    script = bench.server.data.parent / "commit.sql"
    script.write_text("insert into c default values;\n")
    out = await bench.server.run(
        "pgbench", "-n", "-c", str(clients), "-j", "2", "-T", "3", "-f", str(script), "-d", url
    )
    await bench.drop(url)
    found = re.search(r"tps = ([\d.]+)", out)
    assert found is not None, out
    return float(found.group(1))


async def measure(bench: Bench, peers_python: Path) -> str:
    with release_before() as tree:
        return await _measure(bench, peers_python, tree)


async def _measure(bench: Bench, peers_python: Path, tree: Path) -> str:
    contestants: dict[str, Callable[[], Awaitable[float]]] = {}
    for concurrency in CONCURRENCIES:
        size = {"jobs": JOBS[concurrency], "concurrency": concurrency}
        contestants |= {
            f"gridwise, in groups @{concurrency}": partial(ours, bench, in_groups=True, **size),
            f"{_LAST} @{concurrency}": partial(before, bench, tree, **size),
            f"gridwise, each alone @{concurrency}": partial(ours, bench, in_groups=False, **size),
            f"pgqueuer (asyncpg) @{concurrency}": partial(peer, bench, peers_python, "pgqueuer", **size),
            f"pgmq-style @{concurrency}": partial(pgmq_like, bench, **size),
            f"procrastinate @{concurrency}": partial(peer, bench, peers_python, "procrastinate", **size),
            f"DBOS @{concurrency}": partial(peer, bench, peers_python, "dbos", **size),
        }
    for clients in (1, 8, 16):
        contestants[f"pgbench commits @{clients}"] = partial(commits, bench, clients=clients)
    return _table(await interleaved(contestants))


def _table(found: Rounds) -> str:
    heads = "".join(f" c = {c} |" for c in CONCURRENCIES)
    lines = [
        "Jobs per second, claimed and completed; jobs do nothing. One process each; c = jobs at a time, and batch.",
        "gridwise and pgqueuer claim on while results are being written (at most 2 c jobs), the others do not.",
        "",
        f"| | fenced |{heads}",
        "|---|---|" + "---|" * len(CONCURRENCIES),
    ]
    fenced = {"gridwise, in groups", "gridwise, each alone", _LAST, "DBOS"}
    names = (
        "gridwise, in groups",
        "gridwise, each alone",
        _LAST,
        "pgqueuer (asyncpg)",
        "pgmq-style",
        "procrastinate",
        "DBOS",
    )
    for name in names:
        figures = " | ".join(f"{found.median(f'{name} @{c}'):,.0f}" for c in CONCURRENCIES)
        lines.append(f"| {name} | {'yes' if name in fenced else 'no'} | {figures} |")
    figures = " / ".join(f"{found.median(f'pgbench commits @{c}'):,.0f}" for c in (1, 8, 16))
    lines += ["", f"The server's commits per second (pgbench, one insert each; 1 / 8 / 16 clients): {figures}.", ""]
    lines += [f"| ratio | target |{heads}", "|---|---|" + "---|" * len(CONCURRENCIES)]
    for name, target in ((_LAST, "≥ 0.8"), ("procrastinate", "≥ 1"), ("DBOS", "≥ 1"), ("pgqueuer (asyncpg)", "≥ 0.5")):
        ratios = " | ".join(f"{found.ratio(f'gridwise, in groups @{c}', f'{name} @{c}'):.2f}" for c in CONCURRENCIES)
        lines.append(f"| gridwise / {name} | {target} | {ratios} |")
    return "\n".join(lines)
