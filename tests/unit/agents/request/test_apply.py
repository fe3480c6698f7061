"""Words make limits stricter, never looser."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.request.apply import tighten
from agents.request.reader import Wish, read_wishes
from agents.request.verify import FoundLimit, confirm
from graph.problem import problem_from
from persistence.workload import Workload
from tests.unit.conftest import NOW
from tools.placement import Asset, Problem

Make = Callable[..., Problem]


def test_words_tighten_limits_and_the_findings_say_how(problem: Make) -> None:
    text = "Must stay in Scotland, by tomorrow noon, under £3 and at least 50% renewable. Can be paused."
    tightened, findings = tighten(problem(), read_wishes(text, NOW))
    assert tightened.limits.required_regions == (1, 2)
    assert tightened.limits.latest_finish == NOW.replace(day=25, hour=12, minute=0)
    assert tightened.limits.max_cost_gbp == 3
    assert tightened.limits.min_renewable_pct == 50
    assert tightened.job.pausable
    assert len(findings) == 5
    assert all(finding.quote in text for finding in findings)


def test_words_never_loosen_a_column(problem: Make) -> None:
    given_problem = problem(
        max_price_gbp=2.0,
        carbon_cap_gco2=100,
        max_carbon_intensity_gco2_kwh=50.0,
        min_renewable_pct=80.0,
        earliest_start=NOW + timedelta(hours=5),
        finish_by=NOW + timedelta(hours=9),
    )
    text = (
        "Budget of £500. At most 900 kg of CO2, below 900 g/kWh, at least 1% renewable. "
        "Not before 11:00. Finish by next Friday."
    )
    tightened, findings = tighten(given_problem, read_wishes(text, NOW))
    assert tightened.limits == given_problem.limits
    assert len(findings) == 6
    assert all(finding.effect.startswith("nothing") for finding in findings)


def test_wishes_move_the_two_documented_knobs(problem: Make) -> None:
    base = problem()
    green, _ = tighten(base, read_wishes("as green as possible", NOW))
    cheap, _ = tighten(base, read_wishes("cheapest please", NOW))
    money_only, _ = tighten(base, read_wishes("I don't care about carbon", NOW))
    soon, _ = tighten(base, read_wishes("asap", NOW))
    assert (green.carbon_price_gbp_per_tonne, cheap.carbon_price_gbp_per_tonne) == (5000, 200)
    assert money_only.carbon_price_gbp_per_tonne == 0
    assert soon.min_saving == pytest.approx(0.2)


_WISHES = st.one_of(
    st.builds(
        Wish,
        kind=st.sampled_from(["required_regions", "excluded_regions"]),
        quote=st.just("q"),
        regions=st.frozensets(st.integers(1, 14), min_size=1),
    ),
    st.builds(
        Wish,
        kind=st.sampled_from(["not_before", "start_by", "finish_by"]),
        quote=st.just("q"),
        instant=st.integers(-3000, 6000).map(lambda minutes: NOW + timedelta(minutes=minutes)),
    ),
    st.builds(
        Wish,
        kind=st.sampled_from(["max_cost_gbp", "max_carbon_g", "max_intensity_g_per_kwh", "min_renewable_pct"]),
        quote=st.just("q"),
        amount=st.floats(0, 1e6),
    ),
)


@settings(max_examples=300, deadline=None)
@given(st.lists(_WISHES, max_size=8))
def test_whatever_is_read_the_feasible_set_only_shrinks(wishes: list[Wish]) -> None:
    row = Workload(
        id="00000000-0000-0000-0000-000000000007",
        workload_name="w",
        is_deferrable=True,
        deferral_window_mins=600,
        submitted_at=NOW,
        max_price_gbp=5,
        min_renewable_pct=20,
    )
    asset = Asset(asset_id=None, name="A", region=1, pue=1.2)
    before = problem_from(row, assets=[asset], commitments=(), now=NOW)
    after, _ = tighten(before, wishes)
    old, new = before.limits, after.limits
    assert new.earliest_start >= old.earliest_start
    assert new.latest_start is not None
    assert old.latest_start is not None
    assert new.latest_start <= old.latest_start
    assert new.max_cost_gbp is not None
    assert old.max_cost_gbp is not None
    assert new.max_cost_gbp <= old.max_cost_gbp
    assert (new.min_renewable_pct or 0) >= (old.min_renewable_pct or 0)
    assert set(new.excluded_regions) >= set(old.excluded_regions)
    assert after.assets == before.assets


def found(kind: str, quote: str) -> FoundLimit:
    return FoundLimit.model_validate({"kind": kind, "quote": quote})


def test_a_model_that_reads_more_than_the_rules_is_believed_where_code_finds_the_value_in_its_quote() -> None:
    text = "Our auditors insist on Welsh soil: Cardiff it is. The board meets at 17:30 and wants the figures."
    wishes, refused = confirm(
        [found("required_regions", "Cardiff it is"), found("finish_by", "The board meets at 17:30")], text, NOW
    )
    assert [(wish.kind, wish.regions or wish.instant) for wish in wishes] == [
        ("required_regions", {7}),
        ("finish_by", NOW.replace(hour=17, minute=30)),
    ]
    assert refused == ()


@pytest.mark.parametrize(
    ("kind", "quote", "why"),
    [
        ("required_regions", "must stay in Wales", "not in the request"),
        ("required_regions", "it must be quick", "no region"),
        ("finish_by", "it must be quick", "no time"),
        ("max_cost_gbp", "costs 5 g", "no amount"),
        ("pausable", "cannot be paused", "not_pausable"),
        ("required_regions", "in Wales", "hopes"),
    ],
)
def test_what_the_quoted_words_do_not_say_is_refused(kind: str, quote: str, why: str) -> None:
    text = "it must be quick, costs 5 g, cannot be paused, our London office. Ideally it runs in Wales."
    _, refused = confirm([found(kind, quote)], text, NOW)
    assert len(refused) == 1
    assert why in refused[0][1]


def test_what_a_text_says_outright_counts_though_the_model_overlooked_it() -> None:
    wishes, refused = confirm([], "It must stay in Scotland.", NOW)
    assert [wish.kind for wish in wishes] == ["required_regions"]
    assert refused == ()
