"""Rows at random, in every market and at any second: placed rightly, or refused in words."""

from datetime import datetime, timedelta
from random import Random

import pytest

from agents.model.clients import Models
from evals.cases.case import NOW, Case, Row, asks, at
from evals.runner.execute import run_case
from evals.runner.scores import score
from persistence.errors import InvalidWorkload
from tests.thorough import tries

pytestmark = pytest.mark.anyio

TEXTS = (
    "It must stay in Scotland.",
    "Keep out of London, by tomorrow noon.",
    "Can be paused, as green as possible.",
    "asap",
    "Cheapest, at least 30% renewable.",
    "Not before 8pm, finish by tomorrow 6am.",
    "Start within 2 hours, under £2.",
    "I don't care about carbon. It can be paused. It must stay in Wales or Scotland.",
)
MARKETS = ("live", "recorded", "zero in Scotland", "negative prices", "holes", "no prices", "flat", "12 h", "stale")


def any_row(random: Random, now: datetime) -> Row:
    columns: Row = {
        "urgency": random.choice(["LOW", "MEDIUM", "HIGH", "CRITICAL"]),
        "is_deferrable": random.choice([True, True, False, None]),
        "deferral_window_mins": random.choice([None, 0, 30, 120, 600, 1440]),
        "estimated_duration_hours": random.choice([None, 0.1, 0.5, 1, 2.25, 5, 12, 30]),
        "required_gpu_mins": random.choice([None, 1, 60, 960, 5000]),
        "required_cpu_cores": random.choice([None, 1, 16, 64]),
        "host_dc": random.choice([None, "Eval Cardiff", "London", "nowhere"]),
        "max_price_gbp": random.choice([None, None, 0.5, 3]),
        "carbon_cap_gco2": random.choice([None, None, 200, 2000]),
        "min_renewable_pct": random.choice([None, None, 30, 80]),
        "deadline": random.choice([None, None, at(random.uniform(0.2, 40), now)]),
        "earliest_start": random.choice([None, None, at(random.uniform(-5, 20), now)]),
    }
    return {**columns, **(asks(random.choice(TEXTS)) if random.random() < 0.7 else {})}


@pytest.mark.parametrize("seed", range(8))
async def test_any_row_is_placed_rightly_or_refused_in_words(seed: int) -> None:
    random, models, placed = Random(seed), Models.offline(), 0
    for number in range(tries(6, 12)):
        now = NOW + timedelta(minutes=random.randrange(60 * 24 * 300), seconds=random.randrange(60))
        case = Case(f"row {seed}.{number}", "", any_row(random, now), now=now, market=random.choice(MARKETS))
        try:
            outcome = await run_case(case, models)
        except InvalidWorkload:
            continue
        placed += outcome.is_placed
        faults = [found for found in score(case, outcome) if not found.passed and found.name != "outcome"]
        assert not faults, (case.row, case.market, faults)
        assert outcome.is_placed or len(str(outcome.error)) > 30
    assert placed
