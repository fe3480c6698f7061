"""How the models are chosen and asked."""

import time
from contextlib import aclosing

import pytest
from langchain_core.messages import HumanMessage

from agents.compute import ComputeAnswer
from agents.model.ask import ask
from agents.model.clients import AGENT_MODEL, HEAD_MODEL, Models
from agents.offline.planner import OfflinePlanner
from agents.offline.rules import OFFLINE_NAME
from evals.standin.script import says
from evals.standin.server import StandIn

pytestmark = pytest.mark.anyio


async def test_each_agent_asks_its_own_model_with_the_key_in_a_header() -> None:
    with StandIn(lambda _request, _number: says("{}")) as server:
        async with aclosing(Models.gemini(api_key="k-1", base_url=server.base_url)) as models:
            for model in (models.compute, models.energy, models.head):
                await ask(model.with_schema(ComputeAnswer), [HumanMessage("hello")])
    assert [request.model for request in server.requests] == [AGENT_MODEL, AGENT_MODEL, HEAD_MODEL]
    assert server.keys == ["k-1"] * 3
    assert all("temperature" not in body["generationConfig"] for body in server.bodies), "these models ignore it"


async def test_a_model_that_allows_it_is_asked_at_temperature_0() -> None:
    with StandIn(lambda _request, _number: says("{}")) as server:
        options = {"agent_model": "gemini-2.5-flash", "base_url": f"{server.base_url}/"}
        async with aclosing(Models.gemini(api_key="k", **options)) as models:
            await ask(models.compute.with_schema(ComputeAnswer), [HumanMessage("hello")])
    assert server.bodies[0]["generationConfig"]["temperature"] == 0


async def test_requests_per_minute_are_shared_by_the_agents() -> None:
    with StandIn(lambda _request, _number: says("{}")) as server:
        options = {"base_url": server.base_url, "requests_per_minute": 300.0}
        async with aclosing(Models.gemini(api_key="k", **options)) as models:
            begun = time.monotonic()
            for model in (models.compute, models.energy, models.head):
                await ask(model.with_schema(ComputeAnswer), [HumanMessage("hello")])
    assert time.monotonic() - begun >= 0.4, "three requests at five a second"


def test_the_offline_planner_is_itself_for_all_three() -> None:
    models = Models.offline()
    assert {model.name for model in (models.compute, models.energy, models.head)} == {OFFLINE_NAME}
    assert isinstance(models.head.chat, OfflinePlanner)
