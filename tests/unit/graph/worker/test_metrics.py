"""Tokens are counted per model, in the loop's own thread."""

import threading

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda

from graph.worker.metrics import Metrics, TokenUsage

pytestmark = pytest.mark.anyio


def reply(tokens: int) -> AIMessage:
    usage = {"input_tokens": tokens, "output_tokens": 1, "total_tokens": tokens + 1}
    return AIMessage("ok", usage_metadata=usage, response_metadata={"model_name": "flash"})


class Watched(TokenUsage):
    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()

    def on_llm_end(self, *args: object, **kwargs: object) -> None:
        self.threads.add(threading.get_ident())
        super().on_llm_end(*args, **kwargs)


async def test_calls_of_one_run_add_up_and_reach_the_metrics() -> None:
    model = GenericFakeChatModel(messages=iter([reply(10), reply(20)]))
    usage = Watched()

    async def node(question: str) -> str:
        await model.ainvoke(question)
        await model.ainvoke(question)
        return "done"

    await RunnableLambda(node).ainvoke("?", {"callbacks": [usage]})
    metrics = Metrics()
    metrics.observe_run("queued", 1.0, "started", usage.usage_metadata)
    value = metrics.registry.get_sample_value
    assert value("gridwise_model_tokens_total", {"model": "flash", "kind": "input"}) == 30
    assert value("gridwise_model_tokens_total", {"model": "flash", "kind": "output"}) == 2
    assert usage.threads == {threading.get_ident()}
