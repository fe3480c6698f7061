"""Runs one case through the product and lists what is not right. `README.md` beside this file has the format."""

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid5

import numpy as np
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from agents.model.clients import Models
from graph.build import build_graph
from graph.catalogue import FixedCatalogue
from graph.state import STORED_TYPES, graph_input
from persistence.errors import InvalidWorkload
from persistence.workload import Recommendation
from tests.cases.doubles import Doubles, instant, live
from tests.cases.right import backtest_faults, placed_faults, problem_faults, refused_faults, source_faults
from tests.integration.graph.command import gridwise
from tests.unit.tools.instances import market_of
from tools.errors import GridwiseError
from tools.placement import Asset, Commitment, Job, Limits, Problem
from tools.solver.search import search

IDS = UUID("3f8e2c00-0000-4000-8000-000000000000")


async def faults_of(case: Mapping[str, Any]) -> list[str]:
    """Empty where everything that must hold does."""
    match case["kind"]:
        case "workload":
            return await _workload(case["input"], case["right"])
        case "sources":
            return await _sources(case["input"], case["right"])
        case "problem":
            return problem_faults(*solved(case["input"]), case["right"])
        case "backtest":
            return await _backtest(case["input"], case["right"])
    raise ValueError(case["kind"])


async def placed(given: Mapping[str, Any]) -> Recommendation | Exception:
    """One row through the real graph with the offline planner; an error that its owner would read is returned."""
    doubles = Doubles(instant(given["clock"]))
    async with live(doubles) as source:
        for step in given.get("before", ()):
            await source.market(doubles.at(step))
        now = doubles.at(given)
        row = {
            "id": str(IDS),
            "workload_name": "case",
            "status": "pending",
            "submitted_at": given["clock"],
            **given["row"],
            "metadata": {"user_request": given.get("request")},
        }
        graph = build_graph(models=Models.offline(), source=source, catalogue=FixedCatalogue(_assets(given["assets"])))
        saver = InMemorySaver(serde=JsonPlusSerializer(allowed_msgpack_modules=STORED_TYPES))
        config: RunnableConfig = {"configurable": {"thread_id": "case"}, "recursion_limit": 100}
        try:
            state = await graph.compile(checkpointer=saver).ainvoke(graph_input(row, now), config)
        except (GridwiseError, InvalidWorkload) as error:
            return error
        found = state["recommendation"]
        assert isinstance(found, Recommendation)
        return found


async def _workload(given: Mapping[str, Any], right: Mapping[str, Any]) -> list[str]:
    with _time_zone(given.get("machine_time_zone")):
        found = await placed(given)
    return refused_faults(str(found), right) if isinstance(found, Exception) else placed_faults(found, right)


def _assets(listed: Sequence[Mapping[str, Any]]) -> tuple[Asset, ...]:
    return tuple(Asset.model_validate({"asset_id": uuid5(IDS, one["name"]), "pue": 1.0} | dict(one)) for one in listed)


async def _sources(given: Mapping[str, Any], right: Mapping[str, Any]) -> list[str]:
    doubles = Doubles(instant(given["steps"][0]["clock"]))
    async with live(doubles) as source:
        for step in given["steps"]:
            market = await source.market(doubles.at(step))
    return source_faults(market, right)


async def _backtest(given: Mapping[str, Any], right: Mapping[str, Any]) -> list[str]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "trace.csv"
        values, step, start = given["values"], timedelta(minutes=given["step_minutes"]), instant(given["start"])
        rows = [f"{(start + i * step).isoformat()},{values[i % len(values)]}" for i in range(given["rows"])]
        path.write_text("\n".join([",".join(given["columns"]), *rows]) + "\n", "utf-8")
        arguments = ("backtest", "--trace", str(path), *given["arguments"], "--json")
        answer = await gridwise(*arguments, cwd=Path(folder))
    return backtest_faults(answer.code, answer.records if answer.code == 0 else [], right)


@contextmanager
def _time_zone(name: str | None) -> Iterator[None]:
    """The process as on a machine in another zone."""
    before = os.environ.get("TZ")
    if name is not None:
        os.environ["TZ"] = name
        time.tzset()
    try:
        yield
    finally:
        if name is not None:
            os.environ.pop("TZ")
            if before is not None:
                os.environ["TZ"] = before
            time.tzset()


def solved(given: Mapping[str, Any]) -> tuple[Any, Any]:
    """The best option of a `problem` case (None: nothing is feasible) and the market's start."""
    start = instant(given["start"])

    def at(minute: float | None) -> datetime | None:
        return None if minute is None else start + timedelta(minutes=minute)

    now = at(given["now"])
    job = given["job"]
    assets = _assets(given["assets"])
    ids = {asset.name: asset.asset_id for asset in assets}
    times = {"earliest_start", "latest_start", "latest_finish"}
    limits = {name: at(value) if name in times else value for name, value in given.get("limits", {}).items()}
    problem = Problem.model_validate(
        {
            "now": now,
            "job": Job.model_validate(
                {"power_kw": 60 * job["energy_kwh"] / job["duration_minutes"], "energy_is_stated": True, **job}
            ),
            "limits": Limits.model_validate({"earliest_start": now, **limits}),
            "assets": assets,
            "commitments": [
                Commitment.model_validate(
                    {**one, "asset_id": ids[one["asset"]], "start": at(one["start"]), "end": at(one["end"])}
                )
                for one in given.get("commitments", ())
            ],
            "carbon_price_gbp_per_tonne": given.get("carbon_price_gbp_per_tonne", 0),
        }
    )
    market = market_of(
        np.array(given["intensity_g_per_kwh"], float),
        np.array(given["price_gbp_per_kwh"], float),
        regions=tuple(given["regions"]),
        start=start,
    )
    options = search(problem, market)
    return (options[0] if options else None), start
