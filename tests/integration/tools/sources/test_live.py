"""One fetch per half-hour serves every poller on every machine: the last good answer lies in Postgres."""

import asyncio
import json
import sys
from datetime import UTC, datetime, timedelta

import pytest

from tests.unit.tools.source_server import Reply, healthy_neso, healthy_octopus, serving

pytestmark = pytest.mark.anyio
NOW = datetime(2026, 1, 5, 12, 13, tzinfo=UTC)
POLLER = """
import asyncio, json, sys
from datetime import datetime
from persistence.store.open import open_postgres_store
from tools.sources.live import live_source

async def main(url, neso, octopus, now):
    async with open_postgres_store(url) as store:
        source = live_source(cache=store.source_cache, neso_base_url=neso, octopus_base_url=octopus)
        markets = await asyncio.gather(*(source.market(datetime.fromisoformat(now)) for _ in range(5)))
        await source.aclose()
    print(json.dumps([[m.carbon.mode, float(m.intensity.sum()), float(m.price_gbp_per_kwh.sum())] for m in markets]))

asyncio.run(main(*sys.argv[1:]))
"""


async def poller(*arguments: str):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", POLLER, *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()[-2000:]
    return json.loads(out)


async def test_three_processes_with_five_runs_each_ask_once(database_url):
    octopus = healthy_octopus(NOW.replace(hour=23, minute=0), NOW.replace(minute=0) - timedelta(days=8))
    async with serving(healthy_neso) as carbon, serving(octopus) as prices:
        arguments = (database_url, carbon.base_url, prices.base_url, NOW.isoformat())
        answers = await asyncio.gather(*(poller(*arguments) for _ in range(3)))
    assert len(carbon.requests) == 1
    assert len(prices.requests) == 15
    assert len({json.dumps(market) for answer in answers for market in answer}) == 1
    assert answers[0][0][0] == "live"


async def test_a_poller_that_starts_during_an_outage_finds_what_another_has_stored(database_url):
    octopus = healthy_octopus(NOW.replace(hour=23, minute=0), NOW.replace(minute=0) - timedelta(days=8))
    async with serving(healthy_neso) as carbon, serving(octopus) as prices:
        arguments = (database_url, carbon.base_url, prices.base_url)
        await poller(*arguments, NOW.isoformat())
        carbon.handle = prices.handle = lambda *_: Reply({}, status=404)
        later = await poller(*arguments, (NOW + timedelta(hours=1)).isoformat())
        asked = len(carbon.requests)
        await poller(*arguments, (NOW + timedelta(hours=1, seconds=30)).isoformat())
    assert later[0][0] == "last_good"
    assert asked == 2
    assert len(carbon.requests) == asked
