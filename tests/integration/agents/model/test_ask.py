"""Everything Gemini can answer, through the real client over HTTP: usable, or a typed failure that says what to do."""

import json
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, ToolMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from agents.compute import ComputeAnswer
from agents.model.ask import ask
from agents.model.clients import AgentModel, Models
from agents.model.errors import ModelError, is_retryable
from evals.standin.script import Reply, Step, blocks, calls, fails, finishes, rate_limited, raw, says
from evals.standin.server import StandIn
from evals.standin.wire import GenerateRequest, Json, answer_body, error_body
from tools.toolkit.tools import TOOLS

pytestmark = pytest.mark.anyio

RECORDED = Path(__file__).parents[3] / "data" / "gemini"
ASK = [HumanMessage("What does the job need?")]


@asynccontextmanager
async def client(base_url: str, **options: Any) -> AsyncIterator[AgentModel]:
    async with aclosing(Models.gemini(api_key="k-not-a-key", base_url=base_url, **options)) as models:
        yield models.compute


async def ask_tools(base_url: str, messages: Sequence[BaseMessage] = ASK, **options: Any) -> AIMessage:
    async with client(base_url, **options) as model:
        return await ask(model.with_tools(list(TOOLS.values())), messages)


async def outcome(step: Step) -> AIMessage:
    with StandIn(lambda _request, _number: step) as server:
        return await ask_tools(server.base_url)


def nameless(call: Json) -> Step:
    """A function call that says not of which function."""
    return lambda request: Reply(answer_body([{"functionCall": {"args": {}, **call}}], request, finish_reason="STOP"))


def waits(code: int, retry_after: str) -> Step:
    headers = {"retry-after": retry_after}
    return lambda _request: Reply(error_body(code, "UNAVAILABLE", "later"), status=code, headers=headers)


def disguised(code: int, status: str) -> Step:
    """An error's body with status 200, as some gateways send it."""
    return lambda _request: Reply(error_body(code, status, "no"))


@pytest.mark.parametrize(
    ("step", "kind", "retryable", "retry_after"),
    [
        (blocks("SAFETY"), "blocked", False, None),
        (blocks("PROHIBITED_CONTENT"), "blocked", False, None),
        (blocks("JAILBREAK"), "blocked", False, None),
        (finishes("SAFETY"), "blocked", False, None),
        (finishes("RECITATION"), "blocked", False, None),
        (finishes("BLOCKLIST"), "blocked", False, None),
        (finishes("PROHIBITED_CONTENT"), "blocked", False, None),
        (finishes("SPII"), "blocked", False, None),
        (finishes("LANGUAGE"), "blocked", False, None),
        (finishes("MAX_TOKENS"), "truncated", False, None),
        (says('{"limits": [', finish_reason="MAX_TOKENS"), "truncated", False, None),
        (finishes("MALFORMED_FUNCTION_CALL"), "malformed_call", True, None),
        (finishes("UNEXPECTED_TOOL_CALL"), "malformed_call", True, None),
        (finishes("TOO_MANY_TOOL_CALLS"), "malformed_call", True, None),
        (finishes("OTHER"), "empty", True, None),
        (finishes("STOP"), "empty", True, None),
        (says("  \n"), "empty", True, None),
        (rate_limited("34.4s"), "rate_limited", True, 34.4),
        (fails(429, "RESOURCE_EXHAUSTED"), "rate_limited", True, None),
        (rate_limited("30s", "GenerateRequestsPerDayPerProjectPerModel-FreeTier"), "quota_exhausted", True, 86_400.0),
        (fails(400, "INVALID_ARGUMENT", "API key not valid."), "unauthenticated", False, None),
        (fails(400, "FAILED_PRECONDITION", "User location is not supported."), "forbidden", False, None),
        (fails(400, "INVALID_ARGUMENT", "Invalid value at 'contents'."), "bad_request", False, None),
        (fails(401, "UNAUTHENTICATED"), "unauthenticated", False, None),
        (fails(403, "PERMISSION_DENIED"), "forbidden", False, None),
        (fails(404, "NOT_FOUND", "models/x is not found"), "unknown_model", False, None),
        (fails(400, "INVALID_ARGUMENT", "input exceeds the maximum number of tokens allowed"), "too_long", False, None),
        (fails(500, "INTERNAL"), "server_error", True, None),
        (fails(503, "UNAVAILABLE", "The model is overloaded."), "server_error", True, None),
        (raw("<html>502 Bad Gateway</html>", status=502), "server_error", True, None),
        (blocks("MODEL_ARMOR"), "blocked", False, None),
        (finishes("MODEL_ARMOR"), "blocked", False, None),
        (says("half a sen", finish_reason="MODEL_ARMOR"), "blocked", False, None),
        (finishes("MALFORMED_RESPONSE"), "malformed_call", True, None),
        (finishes("MISSING_THOUGHT_SIGNATURE"), "malformed_call", True, None),
        (finishes("A_REASON_OF_NEXT_YEAR"), "empty", True, None),
        (blocks("A_REASON_OF_NEXT_YEAR"), "blocked", False, None),
        (nameless({}), "malformed_call", True, None),
        (nameless({"name": ""}), "malformed_call", True, None),
        (fails(409, "ABORTED"), "server_error", True, None),
        (fails(499, "CANCELLED"), "server_error", True, None),
        (waits(503, "7"), "server_error", True, 7.0),
        (waits(429, "12"), "rate_limited", True, 12.0),
        (fails(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), "quota_exhausted", True, 3_600.0),
        (disguised(503, "UNAVAILABLE"), "server_error", True, None),
        (disguised(429, "RESOURCE_EXHAUSTED"), "rate_limited", True, None),
        (disguised(404, "NOT_FOUND"), "unknown_model", False, None),
        (
            raw('[{"error": {"code": 500, "message": "no"}}]', content_type="application/json"),
            "server_error",
            True,
            None,
        ),
        (raw('{"error": {"message": "no code"}}', content_type="application/json"), "server_error", True, None),
    ],
)
@pytest.mark.filterwarnings("ignore:A_REASON_OF_NEXT_YEAR is not a valid")
async def test_what_is_not_usable_is_a_typed_failure(
    step: Step, kind: str, retryable: bool, retry_after: float | None, recwarn: pytest.WarningsRecorder
) -> None:
    with pytest.raises(ModelError) as caught:
        await outcome(step)
    error = caught.value
    assert (error.kind, error.retryable, error.retry_after_seconds) == (kind, retryable, retry_after)
    assert is_retryable(error) == (retryable and retry_after is None)
    assert str(error).startswith("The language model could not be used: ")
    assert "k-not-a-key" not in str(error)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (fails(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), "no credits left"),
        (fails(429, "RESOURCE_EXHAUSTED", "Billing account has no balance."), "no credits left"),
        (rate_limited("3s"), "too many requests for now (HTTP 429, GenerateRequestsPerMinutePerProject"),
        (rate_limited("30s", "GenerateRequestsPerDayPerProjectPerModel-FreeTier"), "its daily quota is used up"),
    ],
)
async def test_a_429_says_whether_credits_or_the_rate_ran_out(step: Step, words: str) -> None:
    with pytest.raises(ModelError) as caught:
        await outcome(step)
    assert words in str(caught.value)


async def test_a_date_to_try_again_counts_from_the_answers_own_clock() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    with pytest.raises(ModelError) as caught:
        await outcome(waits(503, later))
    assert caught.value.retry_after_seconds is not None
    assert 80 <= caught.value.retry_after_seconds <= 91


@pytest.mark.parametrize(
    ("model", "sent"),
    [
        ("gemini-2.5-flash", True),
        ("models/gemini-2.0-flash-lite", True),
        ("gemini-3-flash-preview", False),
        ("gemini-3.5-flash-lite", False),
        ("gemini-4.1-pro", False),
        ("gemini-flash-latest", False),
    ],
)
async def test_no_temperature_goes_to_models_that_refuse_it(model: str, sent: bool) -> None:
    with StandIn(lambda _request, _number: says("{}")) as server:
        await ask_tools(server.base_url, agent_model=model)
    assert ("temperature" in server.bodies[0]["generationConfig"]) == sent


async def test_a_gateway_page_with_status_200_is_a_failure() -> None:
    with pytest.raises(ModelError):
        await outcome(raw("<html>Sign in</html>"))


async def test_a_closed_port_is_unreachable_and_retryable() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ModelError) as caught:
        await ask_tools(f"http://127.0.0.1:{port}")
    assert (caught.value.kind, caught.value.retryable) == ("unreachable", True)


async def test_a_call_that_takes_too_long_times_out() -> None:
    def slow(_request: GenerateRequest) -> Reply:
        return Reply({}, delay_seconds=30)

    with StandIn(lambda _request, _number: slow) as server:
        with pytest.raises(ModelError) as caught:
            await ask_tools(server.base_url, timeout_seconds=0.3)
        assert (caught.value.kind, caught.value.retryable) == ("timeout", True)
        assert len(server.requests) == 1, "the client must not retry: the graph does"


async def test_the_client_asks_once_however_it_fails() -> None:
    with StandIn(lambda _request, _number: fails(503, "UNAVAILABLE")) as server:
        with pytest.raises(ModelError):
            await ask_tools(server.base_url)
        assert len(server.requests) == 1


async def test_parallel_calls_come_as_they_are_and_signatures_survive_a_checkpoint() -> None:
    def step(request: GenerateRequest) -> Reply:
        return calls(("find_assets", {}), ("estimate_energy", {"gpu_minutes": 90}))(request)

    def signed(request: GenerateRequest) -> Reply:
        reply = step(request)
        assert isinstance(reply.body, dict)
        reply.body["candidates"][0]["content"]["parts"][0]["thoughtSignature"] = "c2lnbmVk"  # type: ignore[index, call-overload]
        return reply

    script = [signed, says("Ready.")]
    with StandIn(lambda _request, number: script[number]) as server:
        options = {"agent_model": "gemini-3-flash-preview"}
        first = await ask_tools(server.base_url, **options)
        assert [call["name"] for call in first.tool_calls] == ["find_assets", "estimate_energy"]
        strict = JsonPlusSerializer(allowed_msgpack_modules=None)
        stored = strict.loads_typed(strict.dumps_typed(first))
        assert stored == first
        results = [ToolMessage("{}", tool_call_id=call["id"], name=call["name"]) for call in stored.tool_calls]
        second = await ask_tools(server.base_url, [*ASK, stored, *results], **options)
        assert second.text == "Ready."
        sent = server.bodies[1]["contents"][1]["parts"]
        assert sent[0]["thoughtSignature"] == "c2lnbmVk"
        assert [part["functionCall"]["name"] for part in sent] == ["find_assets", "estimate_energy"]


async def test_list_shaped_content_is_read_as_text() -> None:
    """Gemini 3 gives content blocks instead of a string."""
    with StandIn(lambda _request, _number: says('{"a": 1}')) as server:
        async with client(server.base_url, agent_model="gemini-3-flash-preview") as model:
            reply = await ask(model.with_schema(ComputeAnswer), ASK)
    assert isinstance(reply.content, list)
    assert reply.text == '{"a": 1}'


async def test_the_schema_call_has_no_tools_and_the_tool_call_no_schema() -> None:
    with StandIn(lambda _request, _number: says("{}")) as server:
        async with client(server.base_url) as model:
            await ask(model.with_tools(list(TOOLS.values())), ASK)
            await ask(model.with_schema(ComputeAnswer), ASK)
        tools, schema = server.bodies
    assert "responseJsonSchema" not in tools["generationConfig"]
    assert tools["tools"]
    assert "tools" not in schema
    sent = schema["generationConfig"]["responseJsonSchema"]
    assert sent["properties"].keys() == ComputeAnswer.model_fields.keys()
    assert "$ref" not in json.dumps(sent)


@pytest.fixture(
    params=[
        "evaluation.json",
        "google-tool-call-gemini3.json",
        "test_google_model_max_tokens.0.json",
        "test_model_name_suggestion-google.0.json",
        "google-429-retry-info.json",
        "google-structured-output-with-tools-error.json",
    ]
)
def real(request: pytest.FixtureRequest) -> Iterator[tuple[str, Reply]]:
    body = json.loads((RECORDED / request.param).read_text())
    if "response" in body:
        yield request.param, Reply(body["response"]["body"], status=body["response"]["status"])
    else:
        yield request.param, Reply(body, status=body.get("error", {}).get("code", 200))


async def test_recorded_real_answers_are_read_as_what_they_are(real: tuple[str, Reply]) -> None:
    name, reply = real
    expected = {
        "test_google_model_max_tokens.0.json": "truncated",
        "test_model_name_suggestion-google.0.json": "unknown_model",
        "google-429-retry-info.json": "rate_limited",
        "google-structured-output-with-tools-error.json": "bad_request",
    }
    if name in expected:
        with pytest.raises(ModelError) as caught:
            await outcome(lambda _request: reply)
        assert caught.value.kind == expected[name]
    else:
        message = await outcome(lambda _request: reply)
        assert message.tool_calls or message.text
        assert message.usage_metadata
