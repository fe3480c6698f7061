"""A local HTTP server that speaks the wire format of NESO and Octopus, or misbehaves as told. Test equipment."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache, cached_property
from urllib.parse import parse_qs, urlsplit

from tools.regions import REGIONS

FUELS = ("biomass", "coal", "imports", "gas", "nuclear", "other", "hydro", "solar", "wind")
HALF_HOUR = timedelta(minutes=30)


@dataclass(frozen=True)
class Reply:
    """What is sent for one request. `hang`: headers and the first half of the body, then nothing."""

    body: object = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    hang: bool = False
    drop: bool = False

    @cached_property
    def sent(self) -> bytes:
        return self.raw if self.raw is not None else json.dumps(self.body).encode()


Handler = Callable[[str, dict[str, str]], Reply]


@dataclass
class SourceServer:
    """`handle` may be exchanged at any time; `requests` holds every target that was asked for."""

    base_url: str
    handle: Handler
    requests: list[str] = field(default_factory=list)


@asynccontextmanager
async def serving(handle: Handler) -> AsyncIterator[SourceServer]:
    holder: list[SourceServer] = []
    tasks: set[asyncio.Task] = set()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.add(asyncio.current_task())
        try:
            while line := await reader.readline():
                while (await reader.readline()).strip():
                    pass
                target = line.split()[1].decode()
                holder[0].requests.append(target)
                parts = urlsplit(target)
                reply = holder[0].handle(parts.path, {k: v[0] for k, v in parse_qs(parts.query).items()})
                if reply.drop:
                    break
                await send(writer, reply)
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    holder.append(SourceServer(f"http://127.0.0.1:{port}", handle))
    try:
        yield holder[0]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await server.wait_closed()


async def send(writer: asyncio.StreamWriter, reply: Reply) -> None:
    body = reply.sent
    headers = {"content-type": "application/json", "content-length": str(len(body)), **reply.headers}
    head = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
    writer.write(f"HTTP/1.1 {reply.status} X\r\n{head}\r\n".encode())
    writer.write(body[: len(body) // 2] if reply.hang else body)
    await writer.drain()
    if reply.hang:
        await asyncio.Event().wait()


def stamp(time: datetime) -> str:
    return f"{time:%Y-%m-%dT%H:%MZ}"


def neso_entry(region: int, forecast: object, wind: float = 40.0) -> dict:
    mix = dict.fromkeys(FUELS, 0.0) | {"wind": wind, "nuclear": 15.0, "gas": 85.0 - wind}
    return {
        "regionid": region,
        "dnoregion": "x",
        "shortname": "x",
        "intensity": {"forecast": forecast, "index": "low"},
        "generationmix": [{"fuel": fuel, "perc": perc} for fuel, perc in mix.items()],
    }


def neso_body(start: datetime, slots: int, value=lambda slot, region: 10 * region + slot) -> dict:
    """All 18 regions by period, as `/regional/intensity/{from}/fw48h` answers."""
    return {
        "data": [
            {
                "from": stamp(start + i * HALF_HOUR),
                "to": stamp(start + (i + 1) * HALF_HOUR),
                "regions": [neso_entry(region, value(i, region)) for region in range(1, 19)],
            }
            for i in range(slots)
        ]
    }


def asked_slot(path: str) -> datetime:
    """NESO answers from the slot whose END equals `from`, so a call at an edge starts one slot early."""
    asked = datetime.strptime(path.split("/")[3], "%Y-%m-%dT%H:%MZ").replace(tzinfo=UTC)
    edge = asked.replace(minute=asked.minute // 30 * 30)
    return edge - HALF_HOUR if asked == edge else edge


def healthy_neso(path: str, _query: dict[str, str]) -> Reply:
    return _healthy_carbon(asked_slot(path))


@cache
def _healthy_carbon(slot: datetime) -> Reply:
    return Reply(neso_body(slot, 97))


@cache
def _healthy_rates(letter: str, since: datetime, until: datetime) -> Reply:
    return Reply(rates_body(letter, since, until))


def rate(time: datetime, letter: str) -> float:
    """A price that tells slot and region apart, p/kWh without VAT."""
    return round(10 + time.hour + time.minute / 100 + (ord(letter) - 65) / 1000, 4)


def rates_body(letter: str, since: datetime, until: datetime, value=rate) -> dict:
    count = (until - since) // HALF_HOUR
    times = [since + i * HALF_HOUR for i in range(count)]
    return {
        "count": count,
        "next": None,
        "previous": None,
        "results": [
            {
                "value_exc_vat": value(t, letter),
                "value_inc_vat": round(value(t, letter) * 1.05, 4),
                "valid_from": f"{t:%Y-%m-%dT%H:%M:%SZ}",
                "valid_to": f"{t + HALF_HOUR:%Y-%m-%dT%H:%M:%SZ}",
                "payment_method": None,
            }
            for t in reversed(times)
        ],
    }


def products_body() -> dict:
    def product(code: str, since: str, until: str | None, direction: str = "IMPORT") -> dict:
        return {"code": code, "direction": direction, "available_from": since, "available_to": until}

    return {
        "count": 5,
        "next": None,
        "results": [
            product("AGILE-18-02-21", "2017-01-01T00:00:00Z", "2023-01-01T00:00:00Z"),
            product("AGILE-OUTGOING-19-05-13", "2024-12-01T00:00:00Z", None, "EXPORT"),
            product("AGILE-24-10-01", "2024-10-01T00:00:00+01:00", None),
            product("AGILE-99-01-01", "2099-01-01T00:00:00Z", None),
            product("VAR-22-11-01", "2024-11-01T00:00:00Z", None),
        ],
    }


def healthy_octopus(published_until: datetime, since: datetime) -> Handler:
    def handle(path: str, _query: dict[str, str]) -> Reply:
        if path == "/products/":
            return Reply(products_body())
        assert path.startswith("/products/AGILE-24-10-01/electricity-tariffs/E-1R-AGILE-24-10-01-"), path
        return _healthy_rates(path.split("/")[4][-1], since, published_until)

    return handle


LETTERS = {region.region_id: region.agile_letter for region in REGIONS}
