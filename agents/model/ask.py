"""The one place that asks a model, and that turns everything that is not a usable reply into a `ModelError`."""

from collections.abc import Sequence

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.runnables import Runnable

from agents.model.errors import FailureKind, ModelError, failure
from agents.model.turns import meanwhile

_FINISH: dict[str, tuple[FailureKind, bool, str]] = {
    "MAX_TOKENS": ("truncated", False, "its answer was cut off at the output limit; shorten the request text"),
    "SAFETY": ("blocked", False, "it stopped for safety reasons; reword the request text"),
    "RECITATION": ("blocked", False, "it stopped because it would have recited a source; reword the request text"),
    "LANGUAGE": ("blocked", False, "the language of the request is not supported; write it in English"),
    "BLOCKLIST": ("blocked", False, "the request holds blocked terms; reword the request text"),
    "PROHIBITED_CONTENT": ("blocked", False, "the request was taken for prohibited content; reword the request text"),
    "SPII": ("blocked", False, "the request seems to hold personal data; remove it"),
    "MALFORMED_FUNCTION_CALL": ("malformed_call", True, "it wrote a tool call that cannot be read"),
    "UNEXPECTED_TOOL_CALL": ("malformed_call", True, "it called a tool where none was offered"),
    "TOO_MANY_TOOL_CALLS": ("malformed_call", True, "it called too many tools in a row"),
    "MALFORMED_RESPONSE": ("malformed_call", True, "it wrote an answer that cannot be read"),
    "MISSING_THOUGHT_SIGNATURE": ("malformed_call", True, "a signature of an earlier turn was lost"),
    "MODEL_ARMOR": (
        "blocked",
        False,
        "the Model Armor policy of the key's project blocked it; reword the request text, or ask who keeps the policy",
    ),
}
_KEPT_METADATA = frozenset({"finish_reason", "model_name", "model_provider", "output_version"})
_USABLE = {"", "STOP", "FINISH_REASON_UNSPECIFIED"}


async def ask(model: Runnable[LanguageModelInput, AIMessage], messages: Sequence[BaseMessage]) -> AIMessage:
    """One model call.

    Returns:
        The message as the client built it: thought signatures and list-shaped content included. Of its metadata
        only plain values are kept, since a checkpoint refuses the client's own enumerations.

    Raises:
        ModelError: for every failure, raised by the client or not.
    """
    try:
        reply = await meanwhile(model.ainvoke(list(messages)))
    except ModelError:
        raise
    except Exception as error:
        from agents.model.client_errors import translated  # Gemini's client takes 2 s to import; offline never needs it

        known = translated(error)
        if known is None:
            raise
        raise known from error
    check(reply)
    kept = {key: _name(value) for key, value in reply.response_metadata.items() if key in _KEPT_METADATA}
    return reply.model_copy(update={"response_metadata": kept})


def check(reply: AIMessage) -> None:
    """Let a usable reply pass.

    Raises:
        ModelError: prompt blocked, stopped early, tool call that cannot be read, nothing said.
    """
    fault = _fault(reply)
    if fault is not None:
        raise fault


def _fault(reply: AIMessage) -> ModelError | None:
    blocked = (reply.response_metadata.get("prompt_feedback") or {}).get("block_reason")
    if blocked:
        _, _, why = _FINISH.get(_name(blocked), ("", False, "the request was blocked; reword the request text"))
        return failure("blocked", f"{why} ({_name(blocked)})")
    finish = _name(reply.response_metadata.get("finish_reason") or "")
    if finish in _FINISH:
        kind, retryable, text = _FINISH[finish]
        return failure(kind, f"{text} ({finish})", retryable=retryable)
    if finish not in _USABLE:
        return failure("empty", f"it stopped for a reason that is not known here ({finish})", retryable=True)
    if reply.invalid_tool_calls or not all(call["name"] for call in reply.tool_calls):
        return failure("malformed_call", "it wrote a tool call that cannot be read", retryable=True)
    if not reply.tool_calls and not reply.text.strip():
        return failure("empty", "it answered nothing", retryable=True)
    return None


def _name(value: object) -> str:
    return str(getattr(value, "name", value))
