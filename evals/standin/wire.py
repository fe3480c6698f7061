"""Gemini's wire format, as far as gridwise's client uses it: requests read into messages, messages written as answers.

Shapes: `generateContent` of the v1beta API, as seen in real traffic.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, cast

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage, SystemMessage, ToolCall, ToolMessage
from pydantic import JsonValue

Body: TypeAlias = dict[str, JsonValue]
Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class GenerateRequest:
    """One `generateContent` request."""

    model: str
    messages: tuple[BaseMessage, ...]
    tools: tuple[str, ...]
    schema: Json | None
    input_bytes: int
    """Length of the texts, calls and results that a model would read."""


def read_request(model: str, body: Json) -> GenerateRequest:
    """Raises `ValueError` for what Gemini would refuse with a 400."""
    contents = body.get("contents")
    if not isinstance(contents, list) or not contents:
        msg = "contents is not specified"
        raise ValueError(msg)
    config = body.get("generationConfig") or {}
    schema = config.get("responseJsonSchema")
    declarations = [d for tool in body.get("tools") or () for d in tool.get("functionDeclarations") or ()]
    if schema and declarations:
        msg = "Function calling with a response mime type: 'application/json' is unsupported"
        raise ValueError(msg)
    if schema and config.get("responseMimeType") != "application/json":
        msg = "responseJsonSchema needs responseMimeType 'application/json'"
        raise ValueError(msg)
    if contents[-1].get("role") == "model":
        msg = "the last content must be the user's"
        raise ValueError(msg)
    messages: list[BaseMessage] = []
    if instruction := body.get("systemInstruction"):
        messages.append(SystemMessage(_text(instruction.get("parts") or ())))
    for content in contents:
        messages += _messages(content, messages)
    return GenerateRequest(
        model=model,
        messages=tuple(messages),
        tools=tuple(declaration["name"] for declaration in declarations),
        schema=schema,
        input_bytes=len(_as_sent([body.get("systemInstruction"), contents, body.get("tools"), schema])),
    )


def _as_sent(value: JsonValue) -> bytes:
    """As it is on the wire."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def write_answer(reply: AIMessage, request: GenerateRequest) -> Body:
    """A successful answer. The first call of a turn carries a thought signature, as Gemini 3 sends them."""
    parts: list[Json] = [{"text": reply.text}] if reply.text else []
    for number, call in enumerate(reply.tool_calls):
        part: Json = {"functionCall": {"name": call["name"], "args": call["args"]}}
        if number == 0:
            part["thoughtSignature"] = signature(request)
        parts.append(part)
    return answer_body(parts, request, finish_reason="STOP")


def answer_body(parts: Sequence[Json], request: GenerateRequest, *, finish_reason: str) -> Body:
    """One candidate with these parts. Token counts are bytes / 4: nobody has Gemini's tokenizer here."""
    output_tokens = len(json.dumps(list(parts)).encode()) // 4 if parts else 0
    candidate: Json = {"finishReason": finish_reason, "index": 0}
    if parts:
        candidate["content"] = {"parts": list(parts), "role": "model"}
    return cast(
        "Body",
        {
            "candidates": [candidate],
            "usageMetadata": usage(request, output_tokens),
            "modelVersion": request.model,
            "responseId": "stand-in",
        },
    )


def usage(request: GenerateRequest, output_tokens: int) -> Json:
    tokens = request.input_bytes // 4
    return {
        "promptTokenCount": tokens,
        "candidatesTokenCount": output_tokens,
        "totalTokenCount": tokens + output_tokens,
        "promptTokensDetails": [{"modality": "TEXT", "tokenCount": tokens}],
    }


def error_body(code: int, status: str, message: str, details: Sequence[Json] = ()) -> Body:
    error: Json = {"code": code, "message": message, "status": status}
    if details:
        error["details"] = list(details)
    return cast("Body", {"error": error})


def signature(request: GenerateRequest) -> str:
    """Opaque to the client, which has to send it back unchanged."""
    return base64.b64encode(f"thought {len(request.messages)} of {request.model}".encode()).decode()


def _messages(content: Json, before: Sequence[BaseMessage]) -> list[BaseMessage]:
    parts = content.get("parts") or ()
    if content.get("role") == "model":
        return [_reply(parts, len(before))]
    results = [part["functionResponse"] for part in parts if "functionResponse" in part]
    if results:
        calls = next((m.tool_calls for m in reversed(before) if isinstance(m, AIMessage) and m.tool_calls), [])
        if len(calls) != len(results):
            msg = "the number of function response parts must be equal to the number of function call parts"
            raise ValueError(msg)
        return [
            ToolMessage(_result(result["response"]), tool_call_id=call["id"] or "", name=result["name"])
            for result, call in zip(results, calls, strict=True)
        ]
    return [HumanMessage(_text(parts))]


def _reply(parts: Sequence[Json], place: int) -> AIMessage:
    calls = [
        ToolCall(name=part["functionCall"]["name"], args=part["functionCall"].get("args") or {}, id=f"{place}.{number}")
        for number, part in enumerate(parts)
        if "functionCall" in part
    ]
    return AIMessage(_text(parts), tool_calls=calls)


def _result(response: Json) -> str:
    """The client wraps what is not a JSON object as `{"output": …}`."""
    value = response["output"] if set(response) == {"output"} else response
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _text(parts: Sequence[Json]) -> str:
    return "".join(part.get("text", "") for part in parts if not part.get("thought"))
