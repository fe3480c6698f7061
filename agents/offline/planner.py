"""A chat model made of rules: the same tool calls, the same JSON answers, no key, no network, the same every time."""

from collections.abc import Callable, Sequence
from typing import Any

from langchain_core.callbacks import AsyncCallbackManagerForLLMRun, CallbackManagerForLLMRun
from langchain_core.language_models import BaseChatModel, LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage, ToolCall, ToolMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langchain_core.runnables import Runnable
from langchain_core.tools import BaseTool
from langchain_core.utils.function_calling import convert_to_openai_tool

from agents.offline.rules import OFFLINE_NAME, answer_for, arguments_for


class OfflinePlanner(BaseChatModel):
    """Reads the conversation as Gemini would and answers by rule.

    It never sees the state: what it knows is in the messages, so that it also answers behind an HTTP server.
    """

    @property
    def _llm_type(self) -> str:
        return "gridwise-offline"

    def bind_tools(
        self,
        tools: Sequence[dict[str, Any] | type | Callable[..., Any] | BaseTool],
        *,
        tool_choice: str | None = None,
        **kwargs: Any,  # noqa: ANN401  the base class's signature
    ) -> Runnable[LanguageModelInput, AIMessage]:
        """Offer tools; `tool_choice` makes no difference to rules."""
        return self.bind(tools=[convert_to_openai_tool(tool) for tool in tools], **kwargs)

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401  the base class's signature
    ) -> ChatResult:
        reply = respond(messages, tools=_names(kwargs.get("tools")), schema=kwargs.get("response_json_schema"))
        return ChatResult(generations=[ChatGeneration(message=reply)])

    async def _agenerate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: AsyncCallbackManagerForLLMRun | None = None,
        **kwargs: Any,  # noqa: ANN401  the base class's signature
    ) -> ChatResult:
        return self._generate(messages, stop, None, **kwargs)


def respond(messages: Sequence[BaseMessage], *, tools: Sequence[str], schema: dict[str, Any] | None) -> AIMessage:
    """The next message of a conversation: an answer where a schema is given, else the tool calls still to be made."""
    metadata = {"model_name": OFFLINE_NAME, "finish_reason": "STOP"}
    if schema is not None:
        return AIMessage(answer_for(schema, messages), response_metadata=metadata)
    asked = {message.name for message in messages if isinstance(message, ToolMessage) and _has_answered(message)}
    calls = [
        ToolCall(name=name, args=arguments_for(name, messages), id=f"{name}-1", type="tool_call")
        for name in tools
        if name not in asked
    ]
    return AIMessage("" if calls else "Ready to answer.", tool_calls=calls, response_metadata=metadata)


def _has_answered(message: ToolMessage) -> bool:
    return not message.text.startswith(("Wrong arguments", "Error", '{"error"'))


def _names(tools: Sequence[dict[str, Any]] | None) -> list[str]:
    return [tool["function"]["name"] for tool in tools or ()]
