"""The agents' tools: as LangChain declares them to a model, and how a call is answered.

Each returns compact JSON text, the same for the same problem and market, and answers a bad argument with
`{"error": …}` instead of raising. None of them can write anything, and option ids are those of `tools.candidates`.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias, cast

from langchain_core.messages import ToolCall, ToolMessage
from langchain_core.tools import BaseTool, InjectedToolArg, tool
from pydantic import BaseModel, Field, ValidationError

from tools.errors import GridwiseError
from tools.market import Market
from tools.placement import Problem
from tools.regions import find_regions
from tools.toolkit.answers import MOST_ASSETS, MOST_WINDOWS, answer

_WRONG_ARGUMENTS: Final = (
    "Wrong arguments: Error invoking tool '{name}' with kwargs {arguments} with error:\n {faults}\n"
    " Please fix the error and try again."
)
_UNKNOWN_TOOL: Final = "Error: {name} is not a valid tool, try one of [{offered}]."


class Given(NamedTuple):
    """What a tool answers from; no part of it is the model's to say."""

    problem: Problem
    market: Market


Known: TypeAlias = Annotated[Given, InjectedToolArg]

RegionText = Annotated[
    str | None,
    Field(
        description="As people say them: 'Scotland', 'Wales or Yorkshire', a city. All if left out.",
        max_length=200,
    ),
]
Limit = Annotated[int, Field(description="At most this many entries.", ge=1, le=60)]


def find_assets(
    known: Known,
    regions: RegionText = None,
    min_gpus: Annotated[int, Field(description="Only assets with at least this many GPUs.", ge=0)] = 0,
    limit: Limit = MOST_ASSETS,
) -> str:
    """Data centres that can host this workload, each with the soonest feasible placement there.

    An entry's `option` carries its id (c1, c2, …); null: limits or capacity leave none.
    """
    return _answer(known, "find_assets", regions=regions, min_gpus=min_gpus, limit=limit)


def estimate_energy(
    known: Known,
    duration_hours: Annotated[float | None, Field(ge=0)] = None,
    gpu_minutes: Annotated[float | None, Field(ge=0)] = None,
    cpu_cores: Annotated[int | None, Field(ge=0)] = None,
    memory_gb: Annotated[float | None, Field(ge=0)] = None,
    hardware: Annotated[str, Field(description="GPU model.", max_length=80)] = "",
) -> str:
    """Energy (kWh), duration and power of the workload, with the assumptions behind them.

    With arguments: what the energy model gives for those; it does not change the placement.
    """
    return _answer(
        known,
        "estimate_energy",
        duration_hours=duration_hours,
        gpu_minutes=gpu_minutes,
        cpu_cores=cpu_cores,
        memory_gb=memory_gb,
        hardware=hardware,
    )


def carbon_intensity(known: Known, regions: RegionText = None) -> str:
    """Forecast carbon intensity (gCO2/kWh) and mean renewable share (%) per region while this workload may run.

    Per region: the value now, the lowest half-hour and when, and the means of four equal stretches.
    """
    return _answer(known, "carbon_intensity", regions=regions)


def electricity_prices(known: Known, regions: RegionText = None) -> str:
    """Electricity price (GBP per kWh without VAT) per region while this workload may run; `estimated_slots` are not
    published yet."""
    return _answer(known, "electricity_prices", regions=regions)


def find_windows(
    known: Known,
    regions: RegionText = None,
    order_by: Annotated[
        Literal["best", "cleanest", "cheapest", "soonest"],
        Field(description="best: lowest cost plus priced carbon."),
    ] = "best",
    finish_by: Annotated[datetime | None, Field(description="Only windows that end by then (ISO 8601).")] = None,
    limit: Limit = MOST_WINDOWS,
) -> str:
    """Feasible run windows from the exact search, with their ids (e1, e2, …); e1 is the exact optimum.

    Arguments filter and order the list; ids stay the same. Where nothing is feasible, the answer says what binds.
    """
    until = finish_by.replace(tzinfo=finish_by.tzinfo or UTC) if finish_by else None
    return _answer(known, "find_windows", regions=regions, order_by=order_by, finish_by=until, limit=limit)


def compare_options(
    known: Known,
    option_ids: Annotated[
        list[str],
        Field(description="All ids you were given.", min_length=1, max_length=12),
    ],
) -> str:
    """Compares options with running now at the preferred data centre.

    Per option: figures, savings against running now, the confidence that it beats it, whether it is on the Pareto
    front of carbon, cost and finish, and whether the shift saves enough (`worth_shifting`).
    """
    return _answer(known, "compare_options", option_ids=option_ids)


_FUNCTIONS: Final[Mapping[str, Callable[..., str]]] = {
    one.__name__: one
    for one in (find_assets, estimate_energy, carbon_intensity, electricity_prices, find_windows, compare_options)
}
TOOLS: Final[Mapping[str, BaseTool]] = {name: tool(function) for name, function in _FUNCTIONS.items()}
_ARGUMENTS: Final = {name: cast("type[BaseModel]", one.tool_call_schema) for name, one in TOOLS.items()}


def call_tool(call: ToolCall, given: Given, offered: Sequence[str]) -> ToolMessage:
    """What a call is answered with. A tool that was not offered, or arguments of a wrong type, give an error that says
    what is wrong; both are the model's to mend."""
    name, arguments = call["name"], call["args"]
    if name not in offered:
        return _refusal(call, _UNKNOWN_TOOL.format(name=name, offered=", ".join(offered)))
    try:
        said = _ARGUMENTS[name].model_validate(arguments)
    except ValidationError as error:
        faults = "\n".join(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        return _refusal(call, _WRONG_ARGUMENTS.format(name=name, arguments=arguments, faults=faults))
    text = _FUNCTIONS[name](given, **{field: getattr(said, field) for field in said.model_fields_set})
    return ToolMessage(text, name=name, tool_call_id=call["id"])


def _refusal(call: ToolCall, text: str) -> ToolMessage:
    return ToolMessage(text, name=call["name"], tool_call_id=call["id"], status="error")


def _answer(known: Given, name: str, *, regions: str | None = None, **arguments: Any) -> str:  # noqa: ANN401
    try:
        within = {"regions": found} if (found := _regions(regions)) else {}
    except GridwiseError as error:
        return json.dumps({"error": str(error)}, ensure_ascii=False, separators=(",", ":"))
    return answer(name, known.problem, known.market, {**arguments, **within})


def _regions(text: str | None) -> Sequence[int] | None:
    if text is None or not text.strip():
        return None
    found = find_regions(text)
    if not found:
        msg = f"no region of Great Britain is called {text!r}; try 'London', 'Scotland', 'the north' or a city"
        raise GridwiseError(msg)
    return found
