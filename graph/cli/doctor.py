"""`gridwise doctor`: check every configured part and say what to fix."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Literal, TypeAlias

import typer
from langchain_core.messages import HumanMessage
from psycopg.conninfo import conninfo_to_dict
from pydantic import JsonValue

from agents.model.ask import ask
from agents.model.errors import ModelError
from graph.app.database import database_server, store_at
from graph.app.runtime import open_models, open_source
from graph.app.settings import Settings, load_settings, unknown_settings
from graph.catalogue import StoredCatalogue
from graph.cli.options import AsJson
from graph.cli.output import Output
from persistence.connections.pool import encryption
from persistence.connections.pooler import is_transaction_pooled
from persistence.errors import StoreError
from persistence.migrate import pending
from persistence.store.open import Store
from tools.market import SourceNote
from tools.placement import Asset

_MARKS = {"ok": "ok  ", "warning": "WARN", "failed": "FAIL"}


def doctor(as_json: AsJson = False) -> None:
    """Check database, migrations, catalogue, model and sources. Exit code 1 if anything fails."""
    settings = load_settings()
    output = Output(as_json=as_json)
    findings = asyncio.run(examine(settings))
    output.records((finding.record() for finding in findings), lines=[_line(finding) for finding in findings])
    if any(finding.state == "failed" for finding in findings):
        raise typer.Exit(1)


State: TypeAlias = Literal["ok", "warning", "failed"]

_LONG_TRANSACTION_SECONDS = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One part, what was found, and what to do about it."""

    part: str
    state: State
    found: str
    fix: str = ""

    def record(self) -> dict[str, JsonValue]:
        return asdict(self)


async def examine(settings: Settings) -> list[Finding]:
    """Every part that the settings name; a part that depends on a broken one is left out."""
    return [finding async for finding in _findings(settings)]


async def _findings(settings: Settings) -> AsyncIterator[Finding]:
    for unknown in unknown_settings():
        yield Finding(part="settings", state="warning", found=unknown, fix="rename or remove it")
    yield _checkpoints(settings)
    try:
        async with database_server(settings) as url:
            if not settings.is_embedded and await is_transaction_pooled(url):
                yield _pooler(settings)
            yield await _migrations(settings, url)
            async with store_at(settings, url, max_connections=2) as store:
                async for finding in _store(settings, store):
                    yield finding
                async for finding in _sources(settings, store):
                    yield finding
    except StoreError as error:
        yield Finding(part="database", state="failed", found=str(error), fix="check DATABASE_URL and that it is up")
    yield await _model(settings)


def _checkpoints(settings: Settings) -> Finding:
    if settings.database_url is None:
        where = "embedded PostgreSQL on this machine"
        if settings.supabase_url is None:
            return Finding(part="checkpoints", state="ok", found=where)
        return Finding(
            part="checkpoints",
            state="warning",
            found=f"{where}: another machine cannot resume what this one began",
            fix="set DATABASE_URL to the project's session pooler or direct connection",
        )
    url = settings.database_url.get_secret_value()
    parts = conninfo_to_dict(url)
    is_safe, how = encryption(url)
    where = f"{parts.get('host', 'local socket')}, port {parts.get('port', '5432')}, {how}"
    if is_safe:
        return Finding(part="checkpoints", state="ok", found=where)
    fix = "add ?sslmode=require (better verify-full with sslrootcert) to DATABASE_URL"
    return Finding(part="checkpoints", state="warning", found=where, fix=fix)


def _pooler(settings: Settings) -> Finding:
    """Through REST nothing hears notifications anyway."""
    missing = (
        "migrate refuses it"
        if settings.supabase_url is not None
        else "migrate refuses it, and without notifications a new row waits for the next poll, "
        f"up to {settings.poll_interval_seconds:g} s (WORKLOAD_POLL_INTERVAL)"
    )
    return Finding(
        part="pooler",
        state="warning",
        found=f"DATABASE_URL is a transaction pooler: pollers work through it, but {missing}",
        fix="prefer the direct connection or a session pooler (on Supabase: the same host with port 5432)",
    )


async def _migrations(settings: Settings, url: str) -> Finding:
    scope: Literal["all", "checkpoints"] = (
        "checkpoints" if settings.supabase_url is not None and settings.is_embedded else "all"
    )
    missing = await pending(url, scope=scope)
    if not missing:
        return Finding(part="migrations", state="ok", found="current")
    if settings.is_embedded:
        return Finding(part="migrations", state="ok", found="applied at the first use of the embedded database")
    return Finding(part="migrations", state="failed", found="missing: " + ", ".join(missing), fix="gridwise migrate")


async def _store(settings: Settings, store: Store) -> AsyncIterator[Finding]:
    try:
        status = await store.operations.status()
        assets = await StoredCatalogue(store.catalogue).assets()
    except StoreError as error:
        yield Finding(part="store", state="failed", found=f"{store.name}: {error}", fix="see above")
        return
    yield Finding(part="store", state="ok", found=f"{store.name}, {status['pending']} pending")
    yield _catalogue(settings, assets)
    for row in status["parked_rows"]:
        yield Finding(
            part="rows",
            state="warning",
            found=f"{row['workload_id']} refuses its {row['what']}: {row['reason']}",
            fix="mend the row, or the trigger or constraint of the table; it is tried again by itself",
        )
    held = status["oldest_transaction_seconds"]
    if held is not None and held > _LONG_TRANSACTION_SECONDS:
        yield Finding(
            part="transactions",
            state="warning",
            found=f"one has been open for {held:.0f} s; it makes every claim slower",
            fix="end it: see pg_stat_activity",
        )


def _catalogue(settings: Settings, assets: Sequence[Asset]) -> Finding:
    """What the places are: the catalogue's sites, or the regions."""
    regions = len({asset.region for asset in assets})
    found = f"{len(assets)} active assets in {regions} of 14 regions"
    if assets and settings.places != "regions":
        return Finding(part="catalogue", state="ok", found=found)
    if settings.places == "sites":
        return Finding(
            part="catalogue",
            state="failed",
            found="compute_assets has no active row in one of the 14 regions: nothing can be placed",
            fix="insert your sites, try made-up ones with `gridwise migrate --sample-assets`, or set "
            "GRIDWISE_PLACES=auto to place in regions",
        )
    why = f"{found}, not used with GRIDWISE_PLACES=regions" if assets else "no active asset"
    return Finding(part="catalogue", state="ok", found=f"{why}: the 14 regions are the places")


async def _sources(settings: Settings, store: Store) -> AsyncIterator[Finding]:
    source = open_source(settings, store)
    try:
        market = await source.market(datetime.now(UTC))
    finally:
        await source.aclose()
    yield _figures("carbon intensity", market.carbon, "NESO_BASE_URL")
    yield _figures("prices", market.price, "OCTOPUS_BASE_URL")


def _figures(part: str, note: SourceNote, variable: str) -> Finding:
    found = f"{note.name}, {note.mode}, covers {note.coverage:.0%} of the horizon. {note.detail}".strip()
    if note.mode in {"live", "recorded"}:
        return Finding(part=part, state="ok", found=found)
    state: State = "failed" if note.mode == "none" else "warning"
    return Finding(part=part, state=state, found=found, fix=f"check the network and {variable}")


async def _model(settings: Settings) -> Finding:
    if settings.model_kind == "offline":
        return Finding(part="model", state="ok", found="offline planner; set GEMINI_API_KEY to use Gemini")
    models = open_models(settings)
    for name, model in ((settings.agent_model, models.compute), (settings.head_model, models.head)):
        try:
            await ask(model.chat, [HumanMessage("Answer with the word ready.")])
        except ModelError as error:
            return Finding(part="model", state="failed", found=f"{name}: {error}", fix="check GEMINI_API_KEY")
    return Finding(part="model", state="ok", found=f"{settings.agent_model} and {settings.head_model} answer")


def _line(finding: Finding) -> str:
    fix = f"\n      fix: {finding.fix}" if finding.fix else ""
    return f"{_MARKS[finding.state]}  {finding.part}: {finding.found}{fix}"
