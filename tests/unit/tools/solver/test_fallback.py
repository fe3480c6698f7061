"""Without any figures: run now where the owner would, and say why; never promise what cannot be checked."""

from datetime import timedelta

import numpy as np
import pytest

from tests.unit.tools.instances import START, asset_of, market_of, problem_of
from tools.errors import Infeasible
from tools.placement import Commitment, Limits
from tools.solver.fallback import is_blind, run_blind


@pytest.fixture
def market():
    empty = market_of(np.full((3, 8), np.nan), np.full((3, 8), np.nan))
    note = empty.carbon.model_copy(update={"mode": "none", "coverage": 0.0, "detail": "no fresh answer: HTTP 503"})
    return empty.model_copy(update={"carbon": note})


def test_it_runs_now_on_the_preferred_asset_and_says_why(market):
    assert is_blind(market)
    placed = run_blind(problem_of(market, preferred_asset="site 2"), market)
    assert (placed.asset.name, placed.start, placed.end) == ("site 2", START, START + timedelta(hours=1))
    assert "HTTP 503" in placed.why


def test_capacity_still_counts(market):
    assets = tuple(asset_of(region, rated_power_kw=3.0) for region in (1, 2))
    full = Commitment(asset_id=assets[0].asset_id, start=START, end=START + timedelta(hours=2), power_kw=3.0)
    placed = run_blind(problem_of(market, assets=assets, commitments=(full,), preferred_asset="site 1"), market)
    assert placed.asset.name == "site 2"


@pytest.mark.parametrize("field", ["carbon_cap_g", "max_intensity_g_per_kwh", "min_renewable_pct", "max_cost_gbp"])
def test_a_limit_that_cannot_be_checked_is_not_promised(market, field):
    with pytest.raises(Infeasible, match="cannot be checked"):
        run_blind(problem_of(market, limits=Limits(earliest_start=START, **{field: 50.0})), market)


def test_a_window_that_is_too_short_stays_too_short(market):
    limits = Limits(earliest_start=START, latest_finish=START + timedelta(minutes=30))
    with pytest.raises(Infeasible, match="no asset is free"):
        run_blind(problem_of(market, limits=limits), market)
