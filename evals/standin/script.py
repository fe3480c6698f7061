"""What the stand-in answers: honestly, by the offline planner's rules, or as a script makes it misbehave."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from agents.offline.planner import respond
from evals.standin.wire import Body, GenerateRequest, Json, answer_body, error_body, usage, write_answer


@dataclass(frozen=True)
class Reply:
    """One HTTP answer."""

    body: Body | bytes
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0


Step: TypeAlias = Callable[[GenerateRequest], Reply]
"""From a request to its answer."""
Script: TypeAlias = Callable[[GenerateRequest, int], Step]
"""From a request and its number, counted from 0 over the server's life, to the step that answers it."""


def honest(request: GenerateRequest) -> Reply:
    """As the offline planner would."""
    return Reply(write_answer(respond(request.messages, tools=request.tools, schema=request.schema), request))


def always_honest(_request: GenerateRequest, _number: int) -> Step:
    return honest


def edited(edit: Callable[[Json], Any]) -> Step:
    """An honest schema answer after `edit` has changed it in place, or returned another one."""

    def step(request: GenerateRequest) -> Reply:
        answer = json.loads(respond(request.messages, tools=(), schema=request.schema).text)
        changed = edit(answer)
        return says(json.dumps(answer if changed is None else changed, ensure_ascii=False))(request)

    return step


def says(text: str, *, finish_reason: str = "STOP") -> Step:
    """That text, whatever was asked."""

    def step(request: GenerateRequest) -> Reply:
        return Reply(answer_body([{"text": text}] if text else [], request, finish_reason=finish_reason))

    return step


def finishes(finish_reason: str) -> Step:
    """No parts, only a reason."""
    return says("", finish_reason=finish_reason)


def calls(*tools: tuple[str, Json]) -> Step:
    """Those function calls."""

    def step(request: GenerateRequest) -> Reply:
        parts: list[Json] = [{"functionCall": {"name": name, "args": args}} for name, args in tools]
        return Reply(answer_body(parts, request, finish_reason="STOP"))

    return step


def blocks(block_reason: str) -> Step:
    """A blocked prompt: no candidates at all."""

    def step(request: GenerateRequest) -> Reply:
        feedback: Json = {"blockReason": block_reason}
        return Reply({"promptFeedback": feedback, "usageMetadata": usage(request, 0), "modelVersion": request.model})

    return step


def fails(code: int, status: str, message: str = "no", details: tuple[Json, ...] = ()) -> Step:
    """An error body."""
    return lambda _request: Reply(error_body(code, status, message, details), status=code)


def rate_limited(retry_delay: str, quota_id: str = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier") -> Step:
    """A 429 as Gemini words it."""
    return fails(
        429,
        "RESOURCE_EXHAUSTED",
        "You exceeded your current quota, please check your plan.",
        (
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [{"quotaId": quota_id}]},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": retry_delay},
        ),
    )


def raw(text: str, *, status: int = 200, content_type: str = "text/html") -> Step:
    """Bytes that are not Gemini's, as a gateway sends them."""
    return lambda _request: Reply(text.encode(), status=status, headers={"content-type": content_type})
