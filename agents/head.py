"""The head agent: ranks three options, and picks what is worth telling the user about them."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from agents.model.agent import Agent, InvalidAnswerError, LoopOutput, LoopState, prompt, unknown_options
from agents.offline.rules import OFFLINE_NAME
from agents.state import Decision, RankedChoice
from agents.text.brief import render
from agents.text.claims import Claims, Topic
from agents.text.reading import not_understood, understood
from agents.text.situation import Situation
from agents.text.summary import fitting_reason, reasoning, summary
from persistence.workload import Reason
from tools.solver.ranking import CHOICES, Shortlist

ROUNDS = 2
BY_RULES = "Decided by rules (offline planner)."

PROMPT = prompt("head")


class ChoiceAnswer(BaseModel):
    """One ranked option."""

    option_id: str = Field(description="An id that you were given.")
    reason: Reason
    topics: list[Topic] = Field(default=[], max_length=3)


class HeadAnswer(BaseModel):
    """What the head agent says."""

    choices: list[ChoiceAnswer] = Field(description="Three options, the best first.", min_length=1, max_length=6)
    claims: Claims = Field(description="What to tell the user.")
    certainty: float = Field(description="How sure you are of the ranking, 0 to 1.", ge=0, le=1)


def _shortlist(state: LoopState) -> Shortlist:
    ids = [*state["energy"].option_ids, *state["compute"].option_ids]
    return Shortlist(state["problem"], state["market"], ids)


def _brief(state: LoopState) -> str:
    return "\n".join(
        [
            render(state["workload"], state["problem"]),
            *(f"{text}." for text in (understood(state["compute"]), not_understood(state["compute"])) if text),
            f"options: {', '.join(_shortlist(state).by_id)}",
        ]
    )


def _conclude(answer: HeadAnswer, state: LoopState, model: str, is_last: bool) -> LoopOutput:
    shortlist = _shortlist(state)
    ids = [choice.option_id for choice in answer.choices]
    faults = _rank_faults(ids, shortlist)
    if faults and not is_last:
        raise InvalidAnswerError(faults)
    options = tuple(shortlist.select(ids))
    about = Situation(state["problem"], state["market"], options, shortlist.now, state["compute"])
    is_reordered = options[0].option_id != ids[0]
    text = summary(about, () if is_reordered else answer.claims)
    decision = Decision(
        choices=_ranked(answer, about),
        decision_summary=f"{text} {BY_RULES}" if model == OFFLINE_NAME else text,
        is_reordered=is_reordered,
        certainty=answer.certainty,
        model=model,
    )
    return {"decision": decision}


def _ranked(answer: HeadAnswer, about: Situation) -> tuple[RankedChoice, ...]:
    answers = {choice.option_id: choice for choice in reversed(answer.choices)}
    ranked = [(place, option, answers.get(option.option_id)) for place, option in enumerate(about.options)]
    return tuple(
        RankedChoice(
            option_id=option.option_id,
            reason=fitting_reason(choice.reason if choice else None, option, about),
            reasoning=reasoning(place, about, choice.topics if choice else ()),
        )
        for place, option, choice in ranked
    )


def _rank_faults(ids: Sequence[str], shortlist: Shortlist) -> list[str]:
    faults = unknown_options("choices", ids, shortlist.by_id, "there are")
    known = [i for i in ids if i in shortlist.by_id]
    if known and shortlist.is_worse(shortlist.by_id[known[0]]):
        best = shortlist.winner.option_id
        faults.append(f"choices: {known[0]} must not stand first; {best} is better by cost plus priced carbon")
    settled = [option.option_id for option in shortlist.select(known)]
    if not faults and known[:CHOICES] != settled:
        faults.append(f"choices: the three must differ in region or by two hours; {', '.join(settled)} would")
    return faults


HEAD = Agent(
    name="head",
    prompt=PROMPT,
    tools=("compare_options",),
    answer=HeadAnswer,
    rounds=ROUNDS,
    brief=_brief,
    conclude=_conclude,
)
"""Reads all that the others left; writes `decision`."""
