"""The stand-in refuses what Gemini refuses, so that a request that passes here is well-formed."""

from typing import Any

import pytest
from langchain_core.messages import AIMessage, HumanMessage, SystemMessage, ToolMessage

from evals.standin.wire import read_request, write_answer

USER = {"role": "user", "parts": [{"text": "hello"}]}
CALL = {"role": "model", "parts": [{"functionCall": {"name": "a", "args": {}}}, {"functionCall": {"name": "b"}}]}
TOOLS = [{"functionDeclarations": [{"name": "a"}, {"name": "b"}]}]
SCHEMA = {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}}


def result(name: str) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": {"output": "done"}}}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ({}, "contents"),
        ({"contents": []}, "contents"),
        ({"contents": [USER], "tools": TOOLS, "generationConfig": SCHEMA}, "unsupported"),
        ({"contents": [USER], "generationConfig": {**SCHEMA, "responseMimeType": "text/plain"}}, "responseMimeType"),
        ({"contents": [USER, {"role": "model", "parts": [{"text": "hi"}]}]}, "last content"),
        ({"contents": [USER, CALL, {"role": "user", "parts": [result("a")]}]}, "number of function response"),
    ],
)
def test_what_gemini_refuses_is_refused(body: dict[str, Any], why: str) -> None:
    with pytest.raises(ValueError, match=why):
        read_request("m", body)


def test_a_conversation_is_read_in_order() -> None:
    body = {
        "systemInstruction": {"parts": [{"text": "be brief"}]},
        "contents": [USER, CALL, {"role": "user", "parts": [result("a"), result("b")]}, USER],
        "tools": TOOLS,
    }
    request = read_request("m", body)
    kinds = [SystemMessage, HumanMessage, AIMessage, ToolMessage, ToolMessage, HumanMessage]
    assert [type(message) for message in request.messages] == kinds
    assert [message.name for message in request.messages if isinstance(message, ToolMessage)] == ["a", "b"]
    assert request.tools == ("a", "b")


def test_tokens_are_estimated_from_bytes() -> None:
    request = read_request("m", {"contents": [USER]})
    longer = read_request("m", {"contents": [{"role": "user", "parts": [{"text": "hello" * 100}]}]})
    answer: Any = write_answer(AIMessage("x" * 400), request)
    assert answer["usageMetadata"]["promptTokenCount"] == request.input_bytes // 4
    assert longer.input_bytes - request.input_bytes == 495
    assert answer["usageMetadata"]["candidatesTokenCount"] >= 100
