"""Random decisions, made quickly: a market full of ties, zeros, negative prices and holes, over a clock change, the
product's own search, options in any order, and limits that the first of them keeps."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import numpy as np

from agents.text.situation import Situation
from tools.market import Market, SourceNote
from tools.placement import Asset, Job, Limits, Option, Problem, Segment
from tools.solver.baseline import counterfactual
from tools.solver.candidates import compute_candidates, energy_candidates

STARTS = (
    datetime(2026, 3, 28, 22, 0, tzinfo=UTC),
    datetime(2026, 10, 24, 22, 0, tzinfo=UTC),
    datetime(2026, 6, 30, 9, 0, tzinfo=UTC),
)
REGIONS = (1, 2, 4, 7, 10, 13)


def situations(problems: int, orders: int) -> Iterator[tuple[Situation, Random]]:
    """`orders` decisions of each of `problems` problems; fewer where fewer options are feasible."""
    for seed in range(problems):
        random = Random(seed)
        problem, market = _problem(random)
        options = list(dict.fromkeys([*energy_candidates(problem, market), *compute_candidates(problem, market)]))
        for _ in range(orders if options else 0):
            picked = tuple(random.sample(options, k=min(len(options), random.choice([1, 2, 3, 3, 3]))))
            if len({(option.asset.region, option.start) for option in picked}) < len(picked):
                continue
            limited = _with_limits(problem, picked[0], random)
            yield Situation(limited, market, picked, counterfactual(limited, market)), random


def _problem(random: Random) -> tuple[Problem, Market]:
    start, slots = random.choice(STARTS), random.choice([16, 32])
    shape = (len(REGIONS), slots)
    numbers = np.random.default_rng(random.randrange(2**31))
    intensity = numbers.choice([0.0, 0.0, 3.7, 55.0, 120.0, 333.3], shape) + random.choice([0, 1]) * numbers.random(
        shape
    )
    price = numbers.integers(-9, 45, shape) / 100 + random.choice([0, 0, 0.0001])
    renewable = numbers.random(shape) * 100
    low = np.minimum(100.0, renewable + numbers.random(shape) * 30)
    for layer in (intensity, price, renewable):
        layer[numbers.random(shape) < random.choice([0, 0, 0.02])] = np.nan
    note = SourceNote(name="test", mode="live", fetched_at=start, age_seconds=0.0, coverage=1.0)
    market = Market.pack(
        start=start, regions=REGIONS, intensity=intensity, renewable=renewable, low_carbon=low, price=price,
        price_estimated=numbers.random(shape) < 0.2, carbon=note, price_note=note,
    )  # fmt: skip
    now = start + timedelta(minutes=random.choice([0, 7, 29]))
    job = Job(
        energy_kwh=random.choice([0.02, 1.0, 5.74, 400.0, 9000.0]),
        duration_minutes=random.choice([20, 90, 145]),
        power_kw=1.0,
        reference_pue=1.2,
        pausable=random.random() < 0.3,
        energy_is_stated=random.random() < 0.3,
    )
    assets = tuple(
        Asset(
            asset_id=UUID(int=place), name=f"Site {chr(64 + place)}", region=region, pue=random.choice([1.1, 1.2, 1.5])
        )
        for place, region in enumerate(random.sample([*REGIONS, 10, 13], k=5), 1)
    )
    problem = Problem(
        now=now,
        job=job,
        limits=Limits(earliest_start=now + timedelta(minutes=random.choice([0, 0, 45])), latest_start=None),
        assets=assets,
        preferred_asset=random.choice([None, assets[0].name]),
        carbon_price_gbp_per_tonne=random.choice([0.0, 250.0, 1000.0]),
    )
    return problem, market


def _with_limits(problem: Problem, first: Option, random: Random) -> Problem:
    """Limits that the first option keeps; the search is not asked again."""
    some = lambda value: value if random.random() < 0.3 else None  # noqa: E731
    factor = random.choice([1.0, 1.00001, 1.5, 20.0])
    day = timedelta(days=1)
    limits = problem.limits.model_copy(
        update={
            "latest_start": some(first.start + timedelta(minutes=random.choice([0, 45]))),
            "latest_finish": some(first.end + timedelta(minutes=random.choice([0, 1, 61, 700]))),
            "carbon_cap_g": some(first.carbon_g * factor),
            "max_intensity_g_per_kwh": some(first.intensity_g_per_kwh * factor),
            "min_renewable_pct": None if first.renewable_pct is None else some(first.renewable_pct / factor),
            "max_cost_gbp": None
            if first.cost_gbp is None
            else some(first.cost_gbp + abs(first.cost_gbp) * (factor - 1)),
            "required_regions": some(tuple(sorted({first.asset.region, 2}))),
            "excluded_regions": some(tuple(r for r in (1, 13) if r != first.asset.region)) or (),
            "forbidden": some((Segment(start=first.end + day, end=first.end + day + timedelta(hours=2)),)) or (),
        }
    )
    return problem.model_copy(update={"limits": limits})
