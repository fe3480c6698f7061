"""Whatever the head agent answers, what is stored is ranked rightly, apart, and tells what must be told."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents import head
from agents.head import ChoiceAnswer, HeadAnswer
from agents.model.clients import Models
from agents.text.claims import Claim
from evals.cases.decisions import DECISIONS
from evals.runner.execute import Outcome, run_case
from evals.runner.scores import score
from graph.recommend import recommend
from tests.thorough import tries

CASE = next(case for case in DECISIONS if case.name == "medium urgency")
IDS = st.sampled_from(["e1", "e2", "e3", "c1", "c2", "c3", "c6", "c8", "e77", "now", "x"])
CLAIMS = st.lists(st.from_type(Claim), max_size=8)  # type: ignore[var-annotated]  # a union
ANSWERS = st.builds(
    HeadAnswer,
    choices=st.lists(
        st.builds(
            ChoiceAnswer,
            option_id=IDS,
            reason=st.sampled_from(["low_carbon", "energy", "pricing", "availability"]),
            topics=st.lists(st.sampled_from(["why", "pauses", "mix", "trend", "timing"]), max_size=3),
        ),
        min_size=1,
        max_size=6,
    ),
    claims=CLAIMS,
    certainty=st.floats(0, 1),
)


@pytest.fixture(scope="module")
def outcome() -> Outcome:
    import asyncio

    return asyncio.run(run_case(CASE, Models.offline()))


@settings(max_examples=tries(25, 150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(answer=ANSWERS)
def test_any_answer_is_stored_right(outcome: Outcome, answer: HeadAnswer) -> None:
    concluded = head._conclude(answer, outcome.state, "any model", True)  # type: ignore[arg-type]  # more channels than it reads
    state = {**outcome.state, **concluded}
    state["recommendation"] = recommend(state)  # type: ignore[arg-type]
    changed = Outcome(state=state, calls=outcome.calls, asked=outcome.asked)  # type: ignore[arg-type]
    wanted = {"limits hold", "limits only tightened", "figures", "regret", "diversity", "order", "reasons"}
    wanted |= {"limits told", "options told", "trade-offs told", "request told", "assumptions told"}
    scores = {found.name: found for found in score(CASE, changed) if found.name in wanted}
    assert scores.keys() == wanted
    assert not [found for found in scores.values() if not found.passed]
