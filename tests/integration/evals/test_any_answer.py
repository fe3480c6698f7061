"""Whatever the head agent answers the second time, what is stored is ranked rightly, apart and grounded."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agents import head
from agents.head import ChoiceAnswer, HeadAnswer
from agents.model.clients import Models
from evals.cases.decisions import DECISIONS
from evals.runner.execute import Outcome, run_case
from evals.runner.scores import score
from graph.recommend import recommend
from tests.thorough import tries

CASE = next(case for case in DECISIONS if case.name == "medium urgency")
WORDS = [
    "Run", "in", "South Scotland", "London", "Norway", "the West Midlands", "Eval Edinburgh", "at", "£0.75", "£9.99",
    "21.2 g/kWh", "0 g/kWh", "99 %", "94.8 % less", "twice", "from", "14:00", "03:17", "tomorrow", "Friday",
    "2 hours", "e1", "e9", "c1", "cost", "carbon", "than", "now", "while", ".", "\n", ",", "https://x.example",
    "<b>", "12 kg", "I", "less", "more", "cheaper", "saves", "94.8 %", "running now", "North Scotland",
    "it", "later", "by",
]  # fmt: skip
TEXTS = st.lists(st.sampled_from(WORDS), min_size=1, max_size=14).map(" ".join)
IDS = st.sampled_from(["e1", "e2", "e3", "c1", "c2", "c3", "c6", "c8", "e77", "now", "x"])
ANSWERS = st.builds(
    HeadAnswer,
    choices=st.lists(
        st.builds(ChoiceAnswer, option_id=IDS, reason=st.sampled_from(["low_carbon", "energy"]), reasoning=TEXTS),
        min_size=1,
        max_size=6,
    ),
    decision_summary=TEXTS,
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
    wanted = {"limits hold", "limits only tightened", "figures", "regret", "diversity", "order", "grounding", "leaks"}
    scores = {found.name: found for found in score(CASE, changed) if found.name in wanted}
    assert scores.keys() == wanted
    assert not [found for found in scores.values() if not found.passed]
