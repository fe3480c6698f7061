"""Which model each agent asks: Gemini, or the offline planner. Chosen by name; one never stands in for the other."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Self

from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage
from langchain_core.rate_limiters import BaseRateLimiter, InMemoryRateLimiter
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from pydantic import BaseModel, SecretStr

from agents.offline.planner import OfflinePlanner
from agents.offline.rules import OFFLINE_NAME
from agents.schema import json_schema

if TYPE_CHECKING:
    from ssl import SSLContext

    from langchain_google_genai import ChatGoogleGenerativeAI

AGENT_MODEL = "gemini-3.5-flash-lite"
HEAD_MODEL = "gemini-3.6-flash"
TIMEOUT_SECONDS = 60.0
FIRST_RETRY_SECONDS = 0.5
_MAX_OUTPUT_TOKENS = 16_384
"""Answers take some 600; what a model thinks before it answers counts too."""
_TAKES_TEMPERATURE = re.compile(r"gemini-(?:1|2)[.-]|gemma")
"""Models before Gemini 3; later ones ignore or refuse sampling parameters, and the client warns when one is given."""


@dataclass(frozen=True)
class AgentModel:
    """A chat model and the name that `provenance` gives it."""

    name: str
    chat: BaseChatModel
    first_retry_seconds: float = FIRST_RETRY_SECONDS
    """Wait before a call that failed for a moment is tried again; it doubles."""

    def with_tools(self, tools: Sequence[BaseTool]) -> Runnable[LanguageModelInput, AIMessage]:
        """For the turns in which tools may be called."""
        return self.chat.bind_tools(tools)

    def with_schema(self, answer: type[BaseModel]) -> Runnable[LanguageModelInput, AIMessage]:
        """For the one turn that answers: JSON by schema and no tools (both together is a 400 on Gemini 2.5)."""
        return self.chat.bind(response_mime_type="application/json", response_json_schema=json_schema(answer))

    async def aclose(self) -> None:
        """Close the client's connections."""
        close = getattr(self.chat, "aclose", None)  # Gemini's has it; its class is not imported offline
        if close is not None:
            await close()


@dataclass(frozen=True)
class Models:
    """One model per agent."""

    compute: AgentModel
    energy: AgentModel
    head: AgentModel

    @classmethod
    def offline(cls) -> Self:
        """The rules that need no key and no network; every decision of theirs says so."""
        planner = AgentModel(OFFLINE_NAME, OfflinePlanner())
        return cls(compute=planner, energy=planner, head=planner)

    @classmethod
    def gemini(
        cls,
        *,
        api_key: str,
        base_url: str | None = None,
        agent_model: str = AGENT_MODEL,
        head_model: str = HEAD_MODEL,
        timeout_seconds: float = TIMEOUT_SECONDS,
        requests_per_minute: float | None = None,
        first_retry_seconds: float = FIRST_RETRY_SECONDS,
    ) -> Self:
        """Gemini for all three; `requests_per_minute` is shared by them, since quotas are per project.

        Args:
            base_url: without the version, such as `https://generativelanguage.googleapis.com`.
        """
        limiter = None
        if requests_per_minute is not None:
            limiter = InMemoryRateLimiter(requests_per_second=requests_per_minute / 60, max_bucket_size=1)

        def model(name: str) -> AgentModel:
            chat = _gemini(name, api_key, base_url, timeout_seconds, limiter)
            return AgentModel(name, chat, first_retry_seconds)

        agent = model(agent_model)
        return cls(compute=agent, energy=agent, head=model(head_model))

    async def aclose(self) -> None:
        """Close every client, on the event loop that used it."""
        for model in {id(model.chat): model for model in (self.compute, self.energy, self.head)}.values():
            await model.aclose()


def _gemini(
    name: str, api_key: str, base_url: str | None, timeout_seconds: float, limiter: BaseRateLimiter | None
) -> "ChatGoogleGenerativeAI":
    import httpx
    from langchain_google_genai import ChatGoogleGenerativeAI

    from agents.model.client_errors import raise_error_body

    # the client's own, 100 connections, would hold up runs; MAX_WORKLOADS_PER_CYCLE bounds the calls under way
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    takes_temperature = _TAKES_TEMPERATURE.match(name.removeprefix("models/"))
    return ChatGoogleGenerativeAI(
        model=name,
        google_api_key=SecretStr(api_key),
        base_url=base_url,
        timeout=timeout_seconds,
        max_retries=1,
        max_output_tokens=_MAX_OUTPUT_TOKENS,
        rate_limiter=limiter,
        client_args={
            "event_hooks": {"response": [raise_error_body]},
            "limits": limits,
            "verify": _trusted(),
            "ssl": _trusted(),
        },
        temperature=0.0 if takes_temperature else None,
    )


@cache
def _trusted() -> "SSLContext":
    """The certificates that httpx trusts. The client would read them twice for each model, which takes longer than all
    else in making it."""
    import httpx

    return httpx.create_ssl_context()
