"""From a row to a placement problem."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from graph.problem import CARBON_PRICE_GBP_PER_TONNE, Policy, WorkloadInputError, problem_from
from persistence.workload import Urgency, Workload
from tools.placement import Asset, Problem

Make = Callable[..., Problem]


def test_columns_become_hard_limits(problem: Make, now: datetime) -> None:
    made = problem(
        carbon_cap_gco2=900,
        max_carbon_intensity_gco2_kwh=120.0,
        min_renewable_pct=40.0,
        max_price_gbp=3.5,
        earliest_start=now + timedelta(hours=1),
        finish_by=now + timedelta(hours=20),
    )
    assert made.limits.earliest_start == now + timedelta(hours=1)
    assert made.limits.latest_start == now + timedelta(minutes=1200)
    assert made.limits.latest_finish == now + timedelta(hours=20)
    assert made.limits.carbon_cap_g == 900
    assert made.limits.max_intensity_g_per_kwh == 120
    assert made.limits.min_renewable_pct == 40
    assert made.limits.max_cost_gbp == 3.5
    assert made.preferred_asset == "Sample DC London Docklands"


def test_what_is_not_deferrable_starts_in_the_current_half_hour(problem: Make, now: datetime) -> None:
    limits = problem(is_deferrable=False).limits
    assert (limits.earliest_start, limits.latest_start) == (now, now.replace(minute=59))


def test_in_the_last_minute_of_a_half_hour_now_is_the_next_whole_minute(problem: Make, now: datetime) -> None:
    """Else nothing that may not wait could be placed for one minute in thirty."""
    late = now.replace(minute=59, second=30)
    limits = problem(is_deferrable=False, earliest_start=late).limits
    assert limits.latest_start == late.replace(second=0) + timedelta(minutes=1)


def test_a_window_that_has_run_out_means_now_and_says_so(problem: Make, now: datetime) -> None:
    made = problem(submitted_at=now - timedelta(days=2))
    assert made.limits.latest_start == now.replace(minute=59)
    assert any("deferral window ended" in note for note in made.job.assumptions)


@pytest.mark.parametrize(("urgency", "waits"), [("LOW", True), ("MEDIUM", True), ("HIGH", False), ("CRITICAL", False)])
def test_where_nothing_is_said_urgency_decides_whether_it_may_wait(problem: Make, urgency: str, waits: bool) -> None:
    made = problem(is_deferrable=None, deferral_window_mins=None, urgency=urgency)
    assert (made.limits.latest_start is None) == waits
    assert any("Nothing says whether" in note for note in made.job.assumptions)


def test_the_carbon_price_falls_with_urgency(problem: Make) -> None:
    prices = [problem(urgency=urgency).carbon_price_gbp_per_tonne for urgency in Urgency]
    assert prices == sorted(prices, reverse=True)
    assert prices == list(CARBON_PRICE_GBP_PER_TONNE.values())


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"finish_by": timedelta(hours=-1)}, ["deadline", "has passed"]),
        ({"earliest_start": timedelta(hours=9), "finish_by": timedelta(hours=8)}, ["earliest_start", "deadline"]),
        ({"earliest_start": timedelta(hours=30)}, ["earliest_start", "deferral window"]),
        ({"required_gpu_mins": 600_000}, ["5000 GPUs", "largest has 16"]),
        ({"required_cpu_cores": 4096}, ["4096 CPU cores", "largest has 256"]),
        ({"estimated_duration_hours": 1e6}, ["figures cannot be right"]),
        ({"estimated_energy_kwh": -1.0}, ["figures cannot be right"]),
    ],
)
def test_what_cannot_be_is_refused_by_name(
    problem: Make, now: datetime, columns: dict[str, Any], words: list[str]
) -> None:
    row = {name: now + value if isinstance(value, timedelta) else value for name, value in columns.items()}
    with pytest.raises(WorkloadInputError) as caught:
        problem(**row)
    assert all(word in str(caught.value) for word in words)


def test_an_asset_that_tells_nothing_about_its_hardware_may_host(
    workload: Callable[..., Workload], assets: tuple[Asset, ...], now: datetime
) -> None:
    bare = Asset(asset_id=None, name="Plain", region=4, pue=1.5)
    made = problem_from(workload(), assets=[bare], commitments=(), now=now)
    assert made.assets == (bare,)


def test_without_a_site_the_regions_are_the_places_unless_sites_are_asked_for(
    workload: Callable[..., Workload], now: datetime
) -> None:
    made = problem_from(workload(host_dc="Cardiff"), assets=(), commitments=(), now=now)
    assert [asset.region for asset in made.assets] == list(range(1, 15))
    assert {asset.asset_id for asset in made.assets} == {None}
    assert made.preferred_asset == "South Wales"
    assert any("14 regions" in note for note in made.job.assumptions)
    with pytest.raises(WorkloadInputError, match="no active compute asset"):
        problem_from(workload(), assets=(), commitments=(), now=now, policy=Policy(places="sites"))


def test_regions_can_be_the_places_though_there_are_sites(workload: Callable[..., Workload], now: datetime) -> None:
    site = Asset(asset_id=UUID(int=1), name="The Shed", region=7, pue=1.2)
    policy = Policy(places="regions")
    made = problem_from(workload(host_dc="The Shed"), assets=(site,), commitments=(), now=now, policy=policy)
    assert (len(made.assets), made.preferred_asset) == (14, "South Wales")


@pytest.mark.parametrize(
    ("policy", "urgency", "price", "dirtier"),
    [
        (Policy(), Urgency.MEDIUM, 1000, None),
        (Policy(), Urgency.CRITICAL, 250, 2500),
        (Policy(objective="carbon"), Urgency.CRITICAL, 1250, None),
        (Policy(objective="cost"), Urgency.LOW, 300, 0),
        (Policy(carbon_price_gbp_per_tonne=80), Urgency.LOW, 80, None),
    ],
)
def test_what_comes_first_sets_the_carbon_price_and_whether_more_may_be_emitted(
    workload: Callable[..., Workload],
    now: datetime,
    policy: Policy,
    urgency: Urgency,
    price: float,
    dirtier: float | None,
) -> None:
    made = problem_from(workload(urgency=urgency), assets=(), commitments=(), now=now, policy=policy)
    assert (made.carbon_price_gbp_per_tonne, made.dirtier_from_gbp_per_tonne) == (price, dirtier)


@pytest.mark.parametrize("host_dc", ["london docklands", "Sample DC London Docklands", "London", "EC1A 1BB"])
def test_the_preferred_data_centre_is_found_by_name_or_region(problem: Make, host_dc: str) -> None:
    assert problem(host_dc=host_dc).preferred_asset == "Sample DC London Docklands"


def test_an_unknown_preferred_data_centre_is_said(problem: Make) -> None:
    made = problem(host_dc="Atlantis 7")
    assert made.preferred_asset is None
    assert len(made.notes) == 1
    assert '"Atlantis 7" is not known here' in made.notes[0]
