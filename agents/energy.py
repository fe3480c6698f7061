"""The energy agent: when and where the grid is clean and cheap enough for the workload."""

from pydantic import BaseModel, Field

from agents.model.agent import Agent, InvalidAnswerError, LoopOutput, LoopState, prompt, unknown_options
from agents.state import EnergyAnalysis
from agents.text.brief import render
from agents.text.claims import AnalysisClaims
from agents.text.situation import Situation
from agents.text.summary import windows
from tools.placement import Option
from tools.solver.baseline import counterfactual
from tools.solver.candidates import energy_candidates

MAX_OPTIONS = 3
ROUNDS = 3
OPTIMUM = "e1"

PROMPT = prompt("energy")


class EnergyAnswer(BaseModel):
    """What the energy agent says."""

    option_ids: list[str] = Field(
        description="One to three ids of find_windows, such as e1.", min_length=1, max_length=6
    )
    claims: AnalysisClaims = Field(description="The trade-off.")


def _conclude(answer: EnergyAnswer, state: LoopState, model: str, is_last: bool) -> LoopOutput:
    problem, market = state["problem"], state["market"]
    candidates = energy_candidates(problem, market)
    known = {option.option_id: option for option in candidates}
    faults = unknown_options("option_ids", answer.option_ids, known, "find_windows has")
    if OPTIMUM not in answer.option_ids[:MAX_OPTIONS]:
        faults.append(f"option_ids: {OPTIMUM}, the exact optimum, is not among the first {MAX_OPTIONS}")
    if faults and not is_last:
        raise InvalidAnswerError(faults)
    options = _settled(answer.option_ids, known)
    about = Situation(problem, market, tuple(options), counterfactual(problem, market))
    energy = EnergyAnalysis(
        option_ids=tuple(option.option_id for option in options),
        analysis_summary=windows(about, answer.claims),
        model=model,
    )
    return {"energy": energy}


def _settled(chosen: list[str], known: dict[str, Option]) -> list[Option]:
    """The chosen ones, with the exact optimum in front where it was left out."""
    picked = [known[option_id] for option_id in dict.fromkeys(chosen) if option_id in known][:MAX_OPTIONS]
    best = known[OPTIMUM]
    return picked if best in picked else [best, *picked][:MAX_OPTIONS]


ENERGY = Agent(
    name="energy",
    prompt=PROMPT,
    tools=("carbon_intensity", "electricity_prices", "find_windows"),
    answer=EnergyAnswer,
    rounds=ROUNDS,
    brief=lambda state: render(state["workload"], state["problem"]),
    conclude=_conclude,
)
"""Reads `workload`, `problem` (tightened), `market`; writes `energy`."""
