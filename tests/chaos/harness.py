"""One run: a calm start, a storm of faults, healing, then the invariants."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import psycopg

from tests.chaos.arena import Arena, make_ids, open_arena
from tests.chaos.invariants import Finding, check
from tests.chaos.mutations import BREAKS, Mutation, times_exercised
from tests.chaos.nemesis import WEIGHTS, Nemesis
from tests.conftest import temporary_folder


@dataclass(frozen=True, kw_only=True)
class Plan:
    seed: int
    workloads: int = 420
    faults: int = 32
    restarts: int = 3
    pollers: int = 4
    lease_seconds: int = 3
    max_attempts: int = 40
    mean_pause_seconds: float = 1.0
    blocking: int = 2
    """How many more workloads of the calm start block the event loop for longer than a lease."""
    patience_seconds: float = 120
    """How long healing may take."""
    mutation: Mutation | None = None
    supabase: bool = False
    """The pollers' store is Supabase's REST API instead of the database."""
    weights: Mapping[str, int] = field(default_factory=lambda: WEIGHTS)


def plan_for(mutation: Mutation, *, seed: int) -> Plan:
    """Small, and with the faults that the missing guard guards against."""
    if mutation in ("heartbeat on the event loop", "expiry by the client's clock"):
        return Plan(seed=seed, mutation=mutation, workloads=80, faults=0, restarts=0, patience_seconds=10)
    weights = {
        "completion unfenced": {"late completion": 1},
        "checkpoint unfenced": {"long pause": 1},
        "edits unseen": {"edit": 1},
        "groups stand or fall together": {"poison": 1},
        "power from the shared table": {"forgery": 1},
        "order by the user's date": {"flood": 1},
        "no breaker": {"refusal": 1},
    }[mutation]
    return Plan(
        seed=seed,
        mutation=mutation,
        workloads=200,
        faults=3 if mutation == "order by the user's date" else 8,
        restarts=0,
        mean_pause_seconds=2,
        weights=weights,
        patience_seconds=20 if mutation == "groups stand or fall together" else 120,
    )


@dataclass(frozen=True, kw_only=True)
class Result:
    plan: Plan
    findings: list[Finding]
    faults: Counter[str]
    takeovers: int
    exit_codes: list[int]
    seconds: float
    exercised: int = 0
    """How often the mutation made a difference."""

    @property
    def violations(self) -> int:
        return sum(len(finding.wrong) for finding in self.findings)

    @property
    def is_noticed(self) -> bool:
        """Whether the guard was missed at all, and the invariant broke that it keeps."""
        invariant = BREAKS[self.plan.mutation] if self.plan.mutation else None
        return self.exercised > 0 and any(
            finding.wrong for finding in self.findings if finding.name.split()[0] == invariant
        )


async def run(plan: Plan, *, keep: Path | None = None) -> Result:
    """`keep`: a folder for logs and database that stays."""
    started = time.monotonic()
    with temporary_folder() if keep is None else nullcontext(keep) as folder:
        folder.chmod(0o755)
        async with open_arena(
            folder,
            pollers=plan.pollers,
            lease_seconds=plan.lease_seconds,
            max_attempts=plan.max_attempts,
            mutation=plan.mutation,
            supabase=plan.supabase,
            with_old="old client" in plan.weights,
        ) as arena:
            return await _fight(arena, plan, started)


async def _fight(arena: Arena, plan: Plan, started: float) -> Result:
    random = Random(plan.seed)
    for seat in arena.seats:
        seat.pid = await arena.start_poller(seat)
    calm = plan.workloads // 10
    await arena.insert(make_ids(random, calm, blocking=plan.blocking))
    await arena.until_terminal(plan.patience_seconds)
    storm_began_at = datetime.now(UTC)
    nemesis = Nemesis(arena, random, plan.weights)
    if plan.faults:
        inserting = asyncio.create_task(
            _keep_inserting(arena, random, plan.workloads - len(arena.inserted), plan.faults * plan.mean_pause_seconds)
        )
        await nemesis.rage(faults=plan.faults, restarts=plan.restarts, mean_pause_seconds=plan.mean_pause_seconds)
        await inserting
    await arena.until_terminal(plan.patience_seconds)
    await asyncio.sleep(plan.lease_seconds + 1)  # a zombie, if there is one, speaks now
    exit_codes = await _stop(arena)
    findings = await check(
        arena.url,
        inserted=arena.inserted,
        calls_file=arena.calls_file,
        max_attempts=plan.max_attempts,
        storm_began_at=storm_began_at,
    )
    return Result(
        plan=plan,
        findings=[*findings, _ended_well(exit_codes)],
        faults=nemesis.counts,
        takeovers=_takeovers(arena.url),
        exit_codes=exit_codes,
        seconds=time.monotonic() - started,
        exercised=times_exercised(arena.folder, arena.url),
    )


async def _keep_inserting(arena: Arena, random: Random, count: int, seconds: float) -> None:
    ids = make_ids(random, count)
    while ids:
        size = random.randint(1, 8)
        batch, ids = ids[:size], ids[size:]
        await arena.insert(batch)
        await asyncio.sleep(seconds * len(batch) / count * 0.8)


async def _stop(arena: Arena) -> list[int]:
    pids = [seat.pid for seat in arena.seats if seat.pid is not None]
    for pid in pids:
        arena.signal(pid, signal.SIGTERM)
    return [await arena.wait_end(pid, 30) for pid in pids]


def _ended_well(exit_codes: list[int]) -> Finding:
    wrong = tuple(f"exit code {code}" for code in exit_codes if code)
    return Finding(name="every poller ends by itself on SIGTERM", looked_at=len(exit_codes), wrong=wrong)


def _takeovers(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("select count(*) from agent.runs where outcome = 'lost'").fetchone()
    return int(row[0]) if row else 0
