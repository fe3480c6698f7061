"""Other people's queues, each drained of no-op jobs the way its documentation shows. Runs in an environment of its own
(`peers.txt`), since their dependencies are none of ours: `python peers.py PEER URL JOBS CONCURRENCY` prints seconds.
"""

import asyncio
import os
import sys
import time


async def procrastinate(url: str, jobs: int, concurrency: int) -> float:
    from procrastinate import App, PsycopgConnector

    app = App(connector=PsycopgConnector(conninfo=url, max_size=concurrency + 5))

    @app.task(name="noop")
    async def noop() -> None:
        return None

    async with app.open_async():
        if not await app.check_connection_async():
            await app.schema_manager.apply_schema_async()
        await noop.batch_defer_async(*[{}] * jobs)
        started = time.perf_counter()
        await app.run_worker_async(
            concurrency=concurrency, wait=False, listen_notify=False, install_signal_handlers=False
        )
        seconds = time.perf_counter() - started
        counts = await app.job_manager.list_queues_async()
        assert sum(queue["todo"] + queue["doing"] + queue["failed"] for queue in counts) == 0, counts
        return seconds


async def pgqueuer(url: str, jobs: int, concurrency: int) -> float:
    import asyncpg
    from pgqueuer import AsyncpgDriver, PgQueuer, Queries
    from pgqueuer.types import QueueExecutionMode

    connection = await asyncpg.connect(url)
    driver = AsyncpgDriver(connection)
    queries = Queries(driver)
    if not await connection.fetchval("select to_regclass('pgqueuer') is not null"):
        await queries.install()
    await queries.enqueue(["noop"] * jobs, [None] * jobs, [0] * jobs)
    worker = PgQueuer(driver)

    @worker.entrypoint("noop")
    async def noop(job: object) -> None:
        return None

    started = time.perf_counter()
    await worker.qm.run(batch_size=concurrency, mode=QueueExecutionMode.drain, max_concurrent_tasks=2 * concurrency)
    seconds = time.perf_counter() - started
    assert await connection.fetchval("select count(*) from pgqueuer") == 0
    await connection.close()
    return seconds


def dbos(url: str, jobs: int, concurrency: int) -> float:
    import logging

    import psycopg
    from dbos import DBOS, DBOSClient

    address = url.replace("postgresql://", "postgresql+psycopg://")
    DBOS(config={"name": "bench", "system_database_url": address, "run_admin_server": False, "log_level": "ERROR"})
    logging.getLogger("dbos").setLevel(logging.ERROR)

    @DBOS.workflow(name="noop")
    def noop() -> None:
        return None

    DBOS.launch()
    client = DBOSClient(system_database_url=address)
    name = f"bench {time.time()}"
    for _ in range(jobs):
        client.enqueue({"queue_name": name, "workflow_name": "noop"})
    query = (
        "select count(*) filter (where status = 'SUCCESS'), min(started_at_epoch_ms) / 1000.0"
        " from dbos.workflow_status where queue_name = %s"
    )
    DBOS.register_queue(name, polling_interval_sec=0.01, worker_concurrency=concurrency)
    with psycopg.connect(url, autocommit=True) as connection:
        while True:
            done, first = connection.execute(query, (name,)).fetchone()
            if done == jobs:  # from the first start: it notices a new queue only after a second
                return time.time() - float(first)
            time.sleep(0.01)


def main() -> None:
    peer, url, jobs, concurrency = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    if peer == "dbos":
        print(dbos(url, jobs, concurrency), flush=True)
        os._exit(0)  # its threads do not all end
    drain = {"procrastinate": procrastinate, "pgqueuer": pgqueuer}[peer]
    print(asyncio.run(drain(url, jobs, concurrency)))


if __name__ == "__main__":
    main()
