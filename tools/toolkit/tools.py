"""The agents' tools: thin LangChain wrappers that read `problem` and `market` from the graph's state.

Each returns compact JSON text, the same for the same state, and answers a bad argument with `{"error": …}` instead of
raising. None of them can write anything, and option ids are those of `tools.candidates`.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Literal, TypeAlias

from langchain_core.tools import BaseTool, tool
from langgraph.prebuilt import ToolRuntime
from pydantic import Field

from tools.errors import GridwiseError
from tools.regions import find_regions
from tools.toolkit.answers import MOST_ASSETS, MOST_WINDOWS, answer

Runtime: TypeAlias = ToolRuntime[Any, Any]  # the graph's state type belongs to rooms that tools must not know

RegionText = Annotated[
    str | None,
    Field(
        description="As people say them: 'Scotland', 'Wales or Yorkshire', a city. All if left out.",
        max_length=200,
    ),
]
Limit = Annotated[int, Field(description="At most this many entries.", ge=1, le=60)]


@tool
async def find_assets(
    runtime: Runtime,
    regions: RegionText = None,
    min_gpus: Annotated[int, Field(description="Only assets with at least this many GPUs.", ge=0)] = 0,
    limit: Limit = MOST_ASSETS,
) -> str:
    """Data centres that can host this workload, each with the soonest feasible placement there.

    An entry's `option` carries its id (c1, c2, …); null: limits or capacity leave none.
    """
    return _answer(runtime, "find_assets", regions=regions, min_gpus=min_gpus, limit=limit)


@tool
async def estimate_energy(
    runtime: Runtime,
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
        runtime,
        "estimate_energy",
        duration_hours=duration_hours,
        gpu_minutes=gpu_minutes,
        cpu_cores=cpu_cores,
        memory_gb=memory_gb,
        hardware=hardware,
    )


@tool
async def carbon_intensity(runtime: Runtime, regions: RegionText = None) -> str:
    """Forecast carbon intensity (gCO2/kWh) and mean renewable share (%) per region while this workload may run.

    Per region: the value now, the lowest half-hour and when, and the means of four equal stretches.
    """
    return _answer(runtime, "carbon_intensity", regions=regions)


@tool
async def electricity_prices(runtime: Runtime, regions: RegionText = None) -> str:
    """Electricity price (GBP per kWh without VAT) per region while this workload may run; `estimated_slots` are not
    published yet."""
    return _answer(runtime, "electricity_prices", regions=regions)


@tool
async def find_windows(
    runtime: Runtime,
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
    return _answer(runtime, "find_windows", regions=regions, order_by=order_by, finish_by=until, limit=limit)


@tool
async def compare_options(
    runtime: Runtime,
    option_ids: Annotated[
        list[str],
        Field(description="All ids you were given.", min_length=1, max_length=12),
    ],
) -> str:
    """Compares options with running now at the preferred data centre.

    Per option: figures, savings against running now, the confidence that it beats it, whether it is on the Pareto
    front of carbon, cost and finish, and whether the shift saves enough (`worth_shifting`).
    """
    return _answer(runtime, "compare_options", option_ids=option_ids)


TOOLS: Final[Mapping[str, BaseTool]] = {
    one.name: one
    for one in (find_assets, estimate_energy, carbon_intensity, electricity_prices, find_windows, compare_options)
}


def _answer(runtime: Runtime, name: str, *, regions: str | None = None, **arguments: Any) -> str:  # noqa: ANN401
    try:
        within = {"regions": found} if (found := _regions(regions)) else {}
    except GridwiseError as error:
        return json.dumps({"error": str(error)}, ensure_ascii=False, separators=(",", ":"))
    return answer(name, runtime.state["problem"], runtime.state["market"], {**arguments, **within})


def _regions(text: str | None) -> Sequence[int] | None:
    if text is None or not text.strip():
        return None
    found = find_regions(text)
    if not found:
        msg = f"no region of Great Britain is called {text!r}; try 'London', 'Scotland', 'the north' or a city"
        raise GridwiseError(msg)
    return found
