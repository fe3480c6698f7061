"""One judgement, and what several of them look at."""

from dataclasses import dataclass

from evals.runner.execute import Outcome
from tools.placement import Option
from tools.solver.baseline import counterfactual
from tools.solver.candidates import option_by_id


@dataclass(frozen=True)
class Score:
    """One judgement."""

    name: str
    passed: bool
    detail: str = ""
    value: float | None = None


def chosen(outcome: Outcome) -> list[Option]:
    """The recommended options with their figures."""
    state = outcome.state
    return [option_by_id(state["problem"], state["market"], choice.option_id) for choice in state["decision"].choices]


def now_of(outcome: Outcome) -> Option | None:
    """The counterfactual."""
    return counterfactual(outcome.state["problem"], outcome.state["market"])
