"""The compute agent: what the workload needs, what its words ask for, and which assets could run it."""

from typing import Annotated, TypeAlias, get_args

from pydantic import BaseModel, BeforeValidator, Field, TypeAdapter, ValidationError, WithJsonSchema

from agents.constraints import Constraint, ReadBy, reading_record
from agents.model.agent import Agent, InvalidAnswerError, LoopOutput, LoopState, prompt, unknown_options
from agents.offline.rules import OFFLINE_NAME
from agents.request.apply import apply
from agents.request.reader import read
from agents.request.text import request_text
from agents.request.verify import verified
from agents.schema import one_object
from agents.state import ComputeAnalysis
from agents.text.brief import render
from agents.text.claims import AnalysisClaims
from agents.text.situation import Situation
from agents.text.summary import needs
from tools.energy import asset_power_kw
from tools.errors import Infeasible
from tools.placement import Option
from tools.regions import REGIONS
from tools.solver.baseline import counterfactual
from tools.solver.candidates import compute_candidates
from tools.solver.search import optimum

MAX_OPTIONS = 3
MAX_CONSTRAINTS = 24
ROUNDS = 3

_IDS = ", ".join(f"{region.region_id} {region.name}" for region in REGIONS)
PROMPT = prompt("compute")
READING = prompt("reading").strip().replace("{regions}", _IDS)
"""Asked for with the answer, and only where there is a request to read."""

_CONSTRAINT: TypeAdapter[Constraint] = TypeAdapter(Annotated[Constraint, Field(discriminator="kind")])


def _of_its_kind(value: object) -> object:
    """Judged by its own kind alone: a union would list the faults of all."""
    if not isinstance(value, dict):
        return value
    try:
        return _CONSTRAINT.validate_python({name: said for name, said in value.items() if said is not None})
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        field = ".".join(str(part) for part in detail["loc"][1:]) or "kind"
        msg = f"{value.get('kind')!r}: {field}: {detail['msg']}"
        raise ValueError(msg) from None


_Stated: TypeAlias = Annotated[
    Constraint, BeforeValidator(_of_its_kind), WithJsonSchema(one_object(get_args(Constraint)))
]


class HostsAnswer(BaseModel):
    """What the compute agent says where there is no request to read."""

    option_ids: list[str] = Field(
        description="One to three ids of find_assets, such as c1.", min_length=1, max_length=6
    )
    claims: AnalysisClaims = Field(description="How the options differ.")


class ComputeAnswer(HostsAnswer):
    """What the compute agent says."""

    constraints: list[_Stated] = Field(
        description="Limits and wishes found in the request; empty if none.", max_length=MAX_CONSTRAINTS
    )


def _conclude(answer: HostsAnswer, state: LoopState, model: str, is_last: bool) -> LoopOutput:
    problem, market = state["problem"], state["market"]
    text = request_text(state["workload"])
    reading = read(text, problem.now, [asset.name for asset in problem.assets])
    by: ReadBy = "rules" if model == OFFLINE_NAME else "model"
    claimed = answer.constraints if isinstance(answer, ComputeAnswer) else ()
    found = verified(claimed, reading, text, problem.now, read_by=by)
    known = {option.option_id for option in compute_candidates(problem, market)}
    faults = [*found.faults, *unknown_options("option_ids", answer.option_ids, sorted(known), "find_assets gave")]
    tightened, constraints = apply(problem, found.read, state["workload"], market)
    try:
        optimum(tightened, market)
    except Infeasible as error:
        error.request_reading = reading_record(constraints, found.not_understood)
        raise
    if faults and not is_last:
        raise InvalidAnswerError(faults)
    options = _settled(answer.option_ids, compute_candidates(tightened, market))
    job = tightened.job
    about = Situation(tightened, market, tuple(options), counterfactual(tightened, market))
    compute = ComputeAnalysis(
        energy_kwh=options[0].energy_kwh,
        duration_minutes=job.duration_minutes,
        power_kw=asset_power_kw(tightened, options[0].asset),
        assumptions=job.assumptions,
        constraints=constraints,
        not_understood=found.not_understood,
        option_ids=tuple(option.option_id for option in options),
        analysis_summary=needs(about, answer.claims),
        model=model,
    )
    return {"problem": tightened, "compute": compute}


def _settled(chosen: list[str], feasible: tuple[Option, ...]) -> list[Option]:
    """The chosen ones that the tightened limits allow, filled up with the soonest of the rest."""
    by_id = {option.option_id: option for option in feasible}
    picked = [by_id[option_id] for option_id in dict.fromkeys(chosen) if option_id in by_id]
    rest = sorted(
        (option for option in feasible if option not in picked), key=lambda option: (option.start, option.objective_gbp)
    )
    return [*picked, *rest][:MAX_OPTIONS]


COMPUTE: Agent[HostsAnswer] = Agent(
    name="compute",
    prompt=PROMPT,
    tools=("find_assets", "estimate_energy"),
    answer=ComputeAnswer,
    rounds=ROUNDS,
    asks=lambda state: (ComputeAnswer, READING) if request_text(state["workload"]) else (HostsAnswer, ""),
    brief=lambda state: render(state["workload"], state["problem"]),
    conclude=_conclude,
)
"""Reads `workload`, `problem`, `market`; writes `compute` and the tightened `problem`."""
