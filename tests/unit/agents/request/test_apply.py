"""Words make limits stricter, never looser; wishes give way."""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.constraints import (
    WEEKDAYS,
    CarbonIntensity,
    CarbonTotal,
    Constraint,
    CostTotal,
    Finish,
    Hardware,
    Hours,
    Pausing,
    Preference,
    PricePerKwh,
    ReadConstraint,
    Region,
    RenewableShare,
    Saving,
    Site,
    Start,
)
from agents.request.apply import apply, occurrences
from agents.request.reader import read
from graph.problem import problem_from
from persistence.workload import Workload
from tests.unit.conftest import NOW
from tools.market import Market
from tools.placement import Asset, Limits, Problem, Segment
from tools.slots import UK
from tools.solver.baseline import counterfactual
from tools.solver.search import search
from tools.sources.recorded import RecordedSource


@cache
def _market() -> Market:
    return asyncio.run(RecordedSource().market(NOW))


@pytest.fixture
def market() -> Market:
    return _market()


Make = Callable[..., Problem]
Rows = Callable[..., Workload]


@pytest.fixture
def applied(problem: Make, workload: Rows, market: Market) -> Callable[..., tuple[Problem, tuple[ReadConstraint, ...]]]:
    def apply_words(text: str, **row: Any) -> tuple[Problem, tuple[ReadConstraint, ...]]:
        before = problem(**row)
        found = read(text, before.now, [asset.name for asset in before.assets]).constraints
        words = [ReadConstraint(constraint=item, read_by="rules") for item in found]
        return apply(before, words, workload(**row), market)

    return apply_words


Words = Callable[..., tuple[Problem, tuple[ReadConstraint, ...]]]


def test_words_tighten_limits(applied: Words) -> None:
    tightened, read = applied(
        "Must stay in Scotland, by tomorrow noon, under £3 and at least 5% renewable. Can be paused."
    )
    assert tightened.limits.required_regions == (1, 2)
    assert tightened.limits.latest_finish == NOW.replace(day=25, hour=12, minute=0)
    assert tightened.limits.max_cost_gbp == 3
    assert tightened.limits.min_renewable_pct == 5
    assert tightened.job.pausable
    assert [item.outcome for item in read] == ["applied"] * 5


def test_words_never_loosen_a_column(applied: Words, problem: Make) -> None:
    row = {
        "max_price_gbp": 2.0,
        "carbon_cap_gco2": 100,
        "max_carbon_intensity_gco2_kwh": 50.0,
        "min_renewable_pct": 80.0,
        "earliest_start": NOW + timedelta(hours=5),
        "finish_by": NOW + timedelta(hours=9),
    }
    text = (
        "Budget of £500. At most 900 kg of CO2, below 900 g/kWh, at least 1% renewable. "
        "Not before 11:00. Finish by next Friday."
    )
    tightened, read = applied(text, **row)
    assert tightened.limits == problem(**row).limits
    assert [(item.outcome, item.reason) for item in read] == [("applied", "the row asks for as much already")] * 6


def test_wishes_move_the_documented_weights(applied: Words) -> None:
    def of(text: str) -> Problem:
        return applied(text)[0]

    assert of("as green as possible").carbon_price_gbp_per_tonne == 5000
    assert of("cheapest please").carbon_price_gbp_per_tonne == 200
    assert of("I don't care about carbon").carbon_price_gbp_per_tonne == 0
    assert of("asap").min_saving == pytest.approx(0.2)
    assert of("I'd prefer wind power").renewable_bonus_gbp_per_kwh == pytest.approx(0.05)
    assert of("Only shift it if that saves at least 30 %.").min_saving == pytest.approx(0.3)


def test_a_wish_that_leaves_no_placement_is_given_up_and_a_later_one_that_does_is_kept(applied: Words) -> None:
    text = "Ideally finish by 11am tomorrow. Preferably in Wales. Ideally finish within one minute."
    tightened, read = applied(text)
    assert [item.outcome for item in read] == ["applied", "applied", "given_up"]
    assert tightened.limits.required_regions == (6, 7)
    assert "no placement" in read[2].reason


def test_words_alone_do_not_fail_a_row_that_dropping_a_wish_would_place(applied: Words, market: Market) -> None:
    text = "Please train my model overnight; it can wait until tomorrow."
    tightened, read = applied(text, is_deferrable=True, deferral_window_mins=60)
    assert search(tightened, market)
    assert [item.outcome for item in read] == ["given_up"]


def test_a_demand_that_cannot_be_kept_stays_and_leaves_no_placement(applied: Words, market: Market) -> None:
    tightened, read = applied("It must finish within one minute.")
    assert not search(tightened, market)
    assert [item.outcome for item in read] == ["applied"]


def test_what_has_passed_or_does_not_exist_is_refused_with_the_reason(problem: Make) -> None:
    before = problem()
    words = [
        ReadConstraint(constraint=Finish(quote="q", time=NOW - timedelta(days=1)), read_by="model"),
        ReadConstraint(constraint=Site(quote="q", sites=("Nowhere Hall",), allowed=True), read_by="model"),
        ReadConstraint(constraint=Hardware(quote="q", gpu_model="H100", allowed=True), read_by="model"),
    ]
    hosts = tuple(asset.model_copy(update={"hardware": ""}) for asset in before.assets)
    after, read = apply(before.model_copy(update={"assets": hosts}), words, _row(), _market())
    assert after.limits == before.limits
    assert [item.outcome for item in read] == ["refused", "refused", "unsupported"]
    assert all(item.reason for item in read)


def test_any_of_several_gpus_will_do() -> None:
    before = _problem()
    hosts = tuple(
        asset.model_copy(update={"hardware": hardware})
        for asset, hardware in zip(before.assets, ("A100", "H100"), strict=True)
    )
    words = [
        ReadConstraint(constraint=Hardware(quote="q", gpu_model=model, allowed=True), read_by="rules")
        for model in ("H100", "H200")
    ]
    after, read = apply(before.model_copy(update={"assets": hosts}), words, _row(), _market())
    assert after.limits.required_sites == ("B",)
    assert [item.outcome for item in read] == ["applied", "applied"]


def test_hours_become_forbidden_times_by_the_clock_of_the_uk() -> None:
    summer = datetime(2026, 7, 1, 8, tzinfo=UTC)
    hours = Hours(quote="q", allowed=False, start=time(16), end=time(19))
    found = list(occurrences(hours, summer, summer + timedelta(days=1)))
    assert found == [Segment(start=summer.replace(hour=15), end=summer.replace(hour=18))]


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 120).map(lambda hours: datetime(2026, 3, 26, tzinfo=UTC) + timedelta(hours=hours))
    | st.integers(0, 120).map(lambda hours: datetime(2026, 10, 22, tzinfo=UTC) + timedelta(hours=hours)),
    st.none() | st.times(),
    st.none() | st.times(),
    st.frozensets(st.sampled_from(WEEKDAYS)),
)
def test_hours_hold_at_every_minute_across_clock_changes(
    begin: datetime, first: time | None, last: time | None, days: frozenset[Any]
) -> None:
    """Each quarter of an hour is looked up by its own UK clock."""
    start = begin
    first, last = (
        clock and clock.replace(second=0, microsecond=0, minute=clock.minute // 15 * 15) for clock in (first, last)
    )
    hours = Hours(quote="q", allowed=False, start=first, end=last, weekdays=tuple(sorted(days)))
    taken = list(occurrences(hours, start, start + timedelta(days=2)))
    for quarter in range(2 * 96):
        instant = start + timedelta(minutes=15 * quarter)
        local = instant.astimezone(UK)
        if local.utcoffset() != (instant + timedelta(hours=2)).astimezone(UK).utcoffset() or local.fold:
            continue  # the hour that comes twice or never is either's
        if local.utcoffset() != (instant - timedelta(hours=2)).astimezone(UK).utcoffset():
            continue
        is_in = any(segment.start <= instant < segment.end for segment in taken)
        assert is_in == _holds(hours, local), local


def _holds(hours: Hours, local: datetime) -> bool:
    first, last, clock = hours.start or time(), hours.end or time(), local.time()
    today = not hours.weekdays or WEEKDAYS[local.weekday()] in hours.weekdays
    yesterday = not hours.weekdays or WEEKDAYS[local.weekday() - 1] in hours.weekdays
    if last > first:
        return today and first <= clock < last
    return (today and clock >= first) or (yesterday and clock < last)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("Run it between 2am and 6am.", NOW.replace(day=25, hour=2, minute=0), NOW.replace(day=25, hour=6, minute=0)),
        (
            "Run it tonight between 1am and 6am.",
            NOW.replace(day=25, hour=1, minute=0),
            NOW.replace(day=25, hour=6, minute=0),
        ),
        ("Run it between 10pm and 6am.", NOW.replace(hour=22, minute=0), NOW.replace(day=25, hour=6, minute=0)),
    ],
)
def test_a_window_asked_for_leaves_only_its_next_occurrence(
    applied: Words, market: Market, text: str, start: datetime, end: datetime
) -> None:
    tightened, _ = applied(text)
    chosen = search(tightened, market)
    assert chosen
    assert all(start <= segment.start and segment.end <= end for option in chosen for segment in option.segments)


def test_every_night_is_allowed_where_only_nights_are(applied: Words) -> None:
    tightened, _ = applied("Only between 10pm and 6am.")
    open_at = [NOW + timedelta(hours=hour) for hour in range(44)]
    free = [t for t in open_at if not any(s.start <= t < s.end for s in tightened.limits.forbidden)]
    assert {instant.date().day for instant in free} == {24, 25, 26}


def test_the_facts_of_the_job_count_where_the_columns_are_silent(applied: Words) -> None:
    silent, read = applied(
        "It takes about 3 hours and needs 40 kWh.",
        estimated_duration_hours=None,
        estimated_energy_kwh=None,
        required_gpu_mins=None,
    )
    assert (silent.job.duration_minutes, silent.job.energy_kwh) == (180, 40)
    assert {item.outcome for item in read} == {"applied"}
    stated, read = applied("It takes about 3 hours.", estimated_duration_hours=2.0)
    assert stated.job.duration_minutes == 120
    assert read[0].reason


@pytest.mark.parametrize("unit", ["g", "gbp"])
def test_it_moves_only_for_the_saving_that_was_asked_for(problem: Make, market: Market, unit: Any) -> None:
    before = problem()
    now = counterfactual(before, market)
    assert now is not None
    for amount in (0.0, 0.01, 10.0, 1e9):
        saving = Saving(quote="q", amount=amount, unit=unit)
        after, _ = apply(before, [ReadConstraint(constraint=saving, read_by="rules")], _row(), market)
        best = search(after, market)[0]
        spent, base = (best.carbon_g, now.carbon_g) if unit == "g" else (best.cost_gbp or 0, now.cost_gbp or 0)
        assert base - spent >= amount - 1e-9 or (best.asset, best.start) == (now.asset, now.start)


_QUOTE = {"quote": "q"}
_MOMENTS = st.integers(-600, 6000).map(lambda minutes: NOW + timedelta(minutes=minutes))
_AMOUNTS = st.floats(0, 1e4)
_REGIONS = st.frozensets(st.integers(1, 14), min_size=1).map(tuple)
_STRENGTHS = st.sampled_from(["must", "should"])
_LIMITS = st.one_of(
    st.builds(Region, quote=st.just("q"), strength=_STRENGTHS, regions=_REGIONS, allowed=st.booleans()),
    st.builds(
        Site,
        quote=st.just("q"),
        strength=_STRENGTHS,
        sites=st.sampled_from([("A",), ("B",), ("A", "B")]),
        allowed=st.booleans(),
    ),
    st.builds(Hardware, quote=st.just("q"), gpu_model=st.sampled_from(["H100", "A100"]), allowed=st.booleans()),
    st.builds(
        Start,
        quote=st.just("q"),
        strength=_STRENGTHS,
        bound=st.sampled_from(["earliest", "latest", "exact"]),
        time=_MOMENTS,
    ),
    st.builds(Finish, quote=st.just("q"), strength=_STRENGTHS, time=_MOMENTS),
    st.builds(
        Hours,
        quote=st.just("q"),
        strength=_STRENGTHS,
        allowed=st.booleans(),
        start=st.times(),
        end=st.times(),
        recurs=st.booleans(),
        weekdays=st.frozensets(st.sampled_from(WEEKDAYS)).map(tuple),
        dates=st.lists(st.dates(date(2026, 11, 24), date(2026, 11, 27)), max_size=2).map(tuple),
    ),
    st.builds(CarbonTotal, quote=st.just("q"), strength=_STRENGTHS, max_g=_AMOUNTS),
    st.builds(CarbonIntensity, quote=st.just("q"), max_g_per_kwh=_AMOUNTS),
    st.builds(RenewableShare, quote=st.just("q"), min_pct=st.floats(0, 100)),
    st.builds(CostTotal, quote=st.just("q"), strength=_STRENGTHS, max_gbp=_AMOUNTS),
    st.builds(PricePerKwh, quote=st.just("q"), max_gbp_per_kwh=_AMOUNTS, basis=st.sampled_from(["each", "mean"])),
    st.builds(Pausing, quote=st.just("q"), allowed=st.just(False)),
    st.builds(Saving, quote=st.just("q"), amount=st.floats(0, 50), unit=st.sampled_from(["pct", "g", "gbp"])),
    st.builds(
        Preference, quote=st.just("q"), first=st.sampled_from(["carbon", "cost", "cost_only", "soon", "renewables"])
    ),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_LIMITS, max_size=6))
def test_whatever_is_read_every_limit_only_narrows(constraints: list[Constraint]) -> None:
    """Step by step and over every field of `Limits`, so that none of a list undoes what another one set."""
    before = _problem()
    for constraint in constraints:
        words = [ReadConstraint(constraint=constraint, read_by="model")]
        after, _ = apply(before, words, _row(), _market())
        assert list(_loosened(before.limits, after.limits)) == []
        assert after.assets == before.assets
        assert after.job.pausable <= before.job.pausable
        before = after


def _loosened(old: Limits, new: Limits) -> list[str]:
    upper = ("latest_start", "latest_finish", "carbon_cap_g", "max_intensity_g_per_kwh", "max_cost_gbp")
    upper += ("max_price_gbp_per_kwh", "max_mean_price_gbp_per_kwh")
    narrowed = {name: _is_at_most(getattr(new, name), getattr(old, name)) for name in upper}
    narrowed["earliest_start"] = new.earliest_start >= old.earliest_start
    narrowed["min_renewable_pct"] = (new.min_renewable_pct or 0) >= (old.min_renewable_pct or 0)
    for name in ("required_regions", "required_sites"):
        before, after = getattr(old, name), getattr(new, name)
        narrowed[name] = before is None or (after is not None and set(after) <= set(before))
    for name in ("excluded_regions", "excluded_sites", "forbidden"):
        narrowed[name] = set(getattr(new, name)) >= set(getattr(old, name))
    assert set(narrowed) == set(Limits.model_fields)
    return [name for name, holds in narrowed.items() if not holds]


def _is_at_most(new: Any, old: Any) -> bool:
    return old is None or (new is not None and new <= old)


@settings(max_examples=60, deadline=None)
@given(st.lists(_REGIONS, min_size=1, max_size=4), st.lists(_REGIONS, max_size=4))
def test_regions_of_several_sentences_intersect_and_add_up(
    allowed: list[tuple[int, ...]], excluded: list[tuple[int, ...]]
) -> None:
    constraints = [Region(**_QUOTE, regions=r, allowed=True) for r in allowed]
    constraints += [Region(**_QUOTE, regions=r, allowed=False) for r in excluded]
    words = [ReadConstraint(constraint=item, read_by="rules") for item in constraints]
    limits = apply(_problem(), words, _row(), _market())[0].limits
    assert set(limits.required_regions or ()) == set.intersection(*map(set, allowed))
    assert set(limits.excluded_regions) == set().union(*map(set, excluded))


def _row() -> Workload:
    return Workload(
        id="00000000-0000-0000-0000-000000000007",
        workload_name="w",
        is_deferrable=True,
        submitted_at=NOW,
        estimated_duration_hours=1,
        estimated_energy_kwh=5,
    )


def _problem() -> Problem:
    assets = [
        Asset(asset_id=None, name=name, region=region, pue=1.2, hardware="H100")
        for name, region in (("A", 1), ("B", 13))
    ]
    return problem_from(_row(), assets=assets, commitments=(), now=NOW)
