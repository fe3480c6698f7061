"""What the three agents read and leave behind. Every class here is stored in checkpoints: never move or rename one."""

from typing import Annotated, Literal, TypeAlias, TypedDict

from agents.constraints import ReadConstraint
from persistence.workload import Reason, Workload
from tools.market import Market
from tools.placement import Problem, Value

AgentName: TypeAlias = Literal["compute", "energy", "head"]


class Finding(Value):
    """A constraint or wish found in the free text of a request, as runs before 0.2 stored it."""

    kind: str
    quote: str
    """The words it was found in, as they stand in the request."""
    effect: str
    """What it changed, in plain words; says so when it changed nothing because a column is already stricter."""


class ComputeAnalysis(Value):
    """What the workload needs, and where it could run."""

    energy_kwh: float
    """What the data centre takes for the run at the first of the options, cooling included."""
    duration_minutes: int
    power_kw: float
    assumptions: tuple[str, ...] = ()
    constraints: tuple[ReadConstraint, ...] = ()
    """What was read in the request, and what became of each."""
    not_understood: tuple[str, ...] = ()
    """Clauses of the request that bear a limit's marks and were not read: nothing was done about them."""
    findings: tuple[Finding, ...] = ()
    unread: tuple[str, ...] = ()
    """Words in which the model saw a limit that code could not confirm; they had no effect."""
    option_ids: tuple[str, ...]
    analysis_summary: str
    is_templated: bool = False
    """The model's own words were not grounded, so that a template's stand here."""
    model: str
    """Who answered: a Gemini model or the offline planner."""


class EnergyAnalysis(Value):
    """When and where the grid is clean and cheap enough."""

    option_ids: tuple[str, ...]
    analysis_summary: str
    is_templated: bool = False
    model: str


class RankedChoice(Value):
    """One option of the decision, with why it stands where it stands."""

    option_id: str
    reason: Reason
    reasoning: str
    is_templated: bool = False


class Decision(Value):
    """The ranking that is recommended. Ids only: every figure is looked up from problem and market."""

    choices: tuple[RankedChoice, ...]
    """One to three, the winner first."""
    decision_summary: str
    is_templated: bool = False
    is_reordered: bool = False
    """The model ranked a materially worse option first twice; the order is the objective's."""
    certainty: float | None = None
    """What the model says of its own certainty, 0-1: metadata only, never the confidence."""
    model: str


class Usage(Value):
    """What one agent's model calls took in one run."""

    calls: int
    input_tokens: int
    output_tokens: int


def merge_usage(before: dict[str, Usage], after: dict[str, Usage]) -> dict[str, Usage]:
    """Per agent the latest count: an agent counts all its calls each time, so that a repeated write changes nothing."""
    return {**before, **after}


class AgentsState(TypedDict, total=False):
    """The channels that the agents share."""

    workload: Workload
    """The row, checked."""
    problem: Problem
    """Made from the row; tightened by the compute agent."""
    market: Market
    """The snapshot that the run decides on."""
    compute: ComputeAnalysis
    energy: EnergyAnalysis
    decision: Decision
    usage: Annotated[dict[AgentName, Usage], merge_usage]
    """Per agent."""
