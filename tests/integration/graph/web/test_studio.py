"""`langgraph dev` in a checkout with nothing set, driven through its API as Studio drives it."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk import get_client
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import APIStatusError

from tests.integration.graph.command import OURS, gridwise

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[4]
SAMPLES = {"sample-training", "sample-scotland", "sample-infeasible"}


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with TemporaryDirectory(prefix="gridwise-studio-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.fixture(scope="module")
def url(folder: Path) -> Iterator[str]:
    """A server that was told nothing but where the embedded database keeps its data."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [Path(sys.executable).parent / "langgraph", "dev", "--no-browser", "--no-reload", "--port", str(port)],
            cwd=ROOT,
            env={**environment, "HOME": str(folder), "GRIDWISE_DATA_DIR": str(folder / "data")},
            stdout=log,
            stderr=log,
        )
        try:
            _wait_until_up(server, f"http://127.0.0.1:{port}/ok", folder / "server.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(60)
    deadline = time.monotonic() + 30
    while list(folder.glob("data/**/postmaster.pid")):
        assert time.monotonic() < deadline, "the embedded database outlives the server"
        time.sleep(0.1)


def _wait_until_up(server: subprocess.Popen[Any], address: str, log: Path) -> None:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert server.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, TimeoutError):
            time.sleep(0.1)
    pytest.fail(log.read_text())


@pytest.fixture
async def client(url: str) -> AsyncIterator[LangGraphClient]:
    async with get_client(url=url, api_key=None) as opened:
        yield opened


async def placed(client: LangGraphClient, given: Any, graph: str = "placement", thread: str | None = None) -> Any:
    thread = thread or (await client.threads.create())["thread_id"]
    return await client.runs.wait(thread, graph, input=given, raise_error=False)


async def test_a_row_is_placed_without_id_time_or_clock_and_every_step_is_seen(client: LangGraphClient) -> None:
    found = await placed(client, {"row": {"workload_name": "night", "required_gpu_mins": 60}})
    assert found["recommendation"]["decision_summary"]
    assert 1 <= len(found["recommendation"]["options"]) <= 3
    (assistant,) = await client.assistants.search(graph_id="placement")
    graph = await client.assistants.get_graph(assistant["assistant_id"], xray=True)
    nodes = {str(node["id"]) for node in graph["nodes"]}
    for agent in ("compute", "energy", "head"):
        assert {f"{agent}:model", f"{agent}:answer"} <= nodes  # a tool is called by the step that goes on from it


async def test_the_form_has_every_column_with_type_unit_and_example(client: LangGraphClient) -> None:
    (assistant,) = await client.assistants.search(graph_id="placement")
    schemas = await client.assistants.get_schemas(assistant["assistant_id"])
    schema = schemas["input_schema"]
    form = schema["$defs"]["WorkloadForm"]
    assert form["required"] == ["workload_name"]
    assert {"id", "submitted_at", "deadline", "required_gpu_mins", "max_price_gbp", "metadata"} <= set(
        form["properties"]
    )
    assert all(column.get("description") and "examples" in column for column in form["properties"].values())
    assert "MEDIUM" in str(schema["$defs"]["Urgency"]["enum"])
    assert "recommendation" in schemas["output_schema"]["properties"]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({}, "workload_name: is missing."),
        ({"row": {}}, "workload_name: is missing."),
        ({"row": {"workload_name": "x", "required_gpu_mins": -4}}, "required_gpu_mins: -4 is negative"),
        ({"row": {"workload_name": "x", "urgency": "SOON"}}, "urgency: “SOON” is not known"),
        ({"row": 7}, "row: must be an object"),
        ({"row": {"workload_name": "x"}, "clock": "soon"}, "clock: “soon” is not a date"),
    ],
)
async def test_what_is_wrong_is_said_in_the_pollers_words(client: LangGraphClient, given: Any, sentence: str) -> None:
    assert sentence in (await placed(client, given))["__error__"]["message"]


async def test_the_samples_need_no_input_and_are_described(client: LangGraphClient) -> None:
    described = {found["graph_id"]: found["description"] for found in await client.assistants.search()}
    assert set(described) == {"placement", *SAMPLES}
    assert all(described.values())
    for sample in SAMPLES - {"sample-infeasible"}:
        assert (await placed(client, {}, sample))["recommendation"]["decision_summary"]
    assert "deadline" in (await placed(client, {}, "sample-infeasible"))["__error__"]["message"]


async def test_an_edited_state_keeps_its_types_or_is_refused(client: LangGraphClient) -> None:
    thread = (await client.threads.create())["thread_id"]
    await placed(client, {"row": {"workload_name": "night"}}, thread=thread)
    problem = (await client.threads.get_state(thread))["values"]["problem"]
    await client.threads.update_state(thread, {"problem": {**problem, "min_saving": 0.5}}, as_node="prepare")
    assert (await placed(client, None, thread=thread))["recommendation"]["decision_summary"]
    before = await client.threads.get_state(thread)
    assert before["values"]["problem"]["min_saving"] == 0.5
    for edit in ({"problem": {"now": "noon"}}, {"no_such_channel": 1}):
        with pytest.raises(APIStatusError):
            await client.threads.update_state(thread, edit)
    assert (await client.threads.get_state(thread))["checkpoint"] == before["checkpoint"]


@pytest.mark.parametrize("strategy", ["rollback", "interrupt", "enqueue"])
async def test_a_second_run_on_a_busy_thread_ends_as_its_strategy_says(client: LangGraphClient, strategy: Any) -> None:
    thread = (await client.threads.create())["thread_id"]
    await client.runs.create(thread, "placement", input={"row": {"workload_name": "one"}})
    second = await client.runs.create(
        thread, "placement", input={"row": {"workload_name": "two"}}, multitask_strategy=strategy
    )
    await client.runs.join(thread, second["run_id"])
    state = await client.threads.get_state(thread)
    assert state["values"]["row"]["workload_name"] == "two"
    assert state["values"]["recommendation"]
    names = {
        checkpoint["values"]["row"]["workload_name"]
        for checkpoint in await client.threads.get_history(thread, limit=100)
        if "row" in checkpoint["values"]
    }
    assert "two" in names
    if strategy == "rollback":
        assert names == {"two"}


async def test_a_pollers_thread_can_be_read_and_copied_and_not_changed(client: LangGraphClient, folder: Path) -> None:
    machine = {"cwd": folder, "GRIDWISE_DATA_DIR": str(folder / "data"), "GRIDWISE_SOURCES": "recorded"}
    name = f"theirs {uuid4()}"
    assert (await gridwise("submit", name, "--json", **machine)).code == 0
    assert (await gridwise("run", "--until-empty", **machine)).code == 0
    thread = (await gridwise("history", name, "--json", **machine)).records[0]["thread_id"]
    await client.threads.create(thread_id=thread, if_exists="do_nothing", graph_id="placement")
    state = await client.threads.get_state(thread)
    assert state["values"]["row"]["workload_name"] == name
    with pytest.raises(APIStatusError):
        await client.threads.update_state(thread, {"clock": "2026-01-31T12:00:00+00:00"})
    assert (await client.threads.get_state(thread))["checkpoint"] == state["checkpoint"]
    error = (await placed(client, {"row": {"workload_name": "mine"}}, thread=thread))["__error__"]["message"]
    assert "belongs to a poller" in error
    copy = await client.threads.copy(thread)
    async with asyncio.timeout(60):
        assert (await placed(client, {"row": {"workload_name": "mine"}}, thread=copy["thread_id"]))["recommendation"]
