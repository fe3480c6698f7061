"""What tells options apart: figures, never what arithmetic leaves of them."""

from datetime import timedelta
from itertools import permutations

from hypothesis import given, settings
from hypothesis import strategies as st

from agents.text.situation import Situation
from agents.text.summary import fitting_reason
from tests.thorough import tries
from tests.unit.tools.instances import START, market_of, problem_of
from tools.placement import Option
from tools.solver.candidates import energy_candidates
from tools.solver.instance import Criterion
from tools.solver.options import rounded, sort_key
from tools.solver.ranking import Shortlist

QUICK = settings(max_examples=tries(60, 500), deadline=None, derandomize=True, database=None)


def summed(value: float, parts: int) -> float:
    """The same figure as a sum over a run's half-hours leaves it."""
    return sum(value / parts for _ in range(parts))


@QUICK
@given(st.integers(1, 10**9), st.integers(2, 96))
def test_a_sum_is_the_figure_that_it_was_made_of(thousandths: int, parts: int) -> None:
    value = thousandths / 1000
    assert rounded(summed(value, parts)) == rounded(value)
    assert rounded(value) < rounded(value + 1e-6 * max(1.0, value / 1000))


def twins(parts: int) -> list[Option]:
    """The same run at three times, its figures summed up in different ways."""
    market = market_of([[100] * 24], [[0.1] * 24])
    first = energy_candidates(problem_of(market), market)[0]
    figures = ("objective_gbp", "cost_gbp", "carbon_g", "renewable_pct", "intensity_g_per_kwh")
    found = []
    for hours, count in enumerate((1, parts, parts + 1)):
        noisy = {name: None if (v := getattr(first, name)) is None else summed(v, count) for name in figures}
        moved = tuple(
            one.model_copy(
                update={"start": one.start + timedelta(hours=hours), "end": one.end + timedelta(hours=hours)}
            )
            for one in first.segments
        )
        found.append(first.model_copy(update={"segments": moved, "option_id": f"e{hours + 1}", **noisy}))
    return found


def test_the_earlier_of_equal_options_comes_first_under_every_criterion() -> None:
    for parts in range(2, 40):
        options = twins(parts)
        for criterion in Criterion:
            for order in permutations(options):
                assert sorted(order, key=lambda option: sort_key(option, criterion)) == options


def test_no_keyword_praises_a_difference_that_is_none() -> None:
    market = market_of([[100] * 24], [[0.1] * 24])
    for parts in range(2, 40):
        options = tuple(twins(parts))
        about = Situation(problem_of(market), market, options, None, None)
        assert [fitting_reason(None, option, about) for option in options] == ["availability"] * 3


def test_a_first_choice_as_good_as_the_policys_may_stay() -> None:
    market = market_of([[100] * 24], [[0.1] * 24])
    shortlist = Shortlist(problem_of(market, now=START), market, ())
    noisy = shortlist.winner.model_copy(update={"objective_gbp": summed(shortlist.winner.objective_gbp, 7)})
    assert not shortlist.is_worse(noisy)
