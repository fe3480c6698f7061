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
        super().__init__(Metrics())
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


async def test_calls_are_timed_and_failures_counted() -> None:
    metrics = Metrics()

    class Failing(GenericFakeChatModel):
        def _generate(self, *args: object, **kwargs: object) -> object:
            raise ValueError

    await GenericFakeChatModel(messages=iter([reply(10)])).ainvoke("?", {"callbacks": [TokenUsage(metrics)]})
    with pytest.raises(ValueError):  # noqa: PT011  as raised
        await Failing(messages=iter([])).ainvoke("?", {"callbacks": [TokenUsage(metrics)]})
    text = metrics.render().decode()
    assert "gridwise_model_seconds_count 2.0" in text
    assert 'gridwise_model_errors_total{error="ValueError"} 1.0' in text


def test_a_decision_shows_its_sources_and_what_it_saves() -> None:
    metrics = Metrics()
    for mode, grams in (("live", 100.0), ("last_good", -30.0)):
        metrics.observe_decision(
            {
                "carbon": {"mode": mode, "age_seconds": 60},
                "price": {"mode": "live", "age_seconds": None},
                "savings": {"carbon_g": grams, "cost_gbp": None},
            }
        )
    metrics.observe_decision({"savings": None})
    metrics.observe_breakers(["model_access"])
    text = metrics.render().decode()
    assert 'gridwise_source_mode{mode="last_good",source="carbon"} 1.0' in text
    assert 'mode="live",source="carbon"' not in text
    assert 'gridwise_source_age_seconds{source="carbon"} 60.0' in text
    assert "gridwise_carbon_saved_grams 70.0" in text
    assert "gridwise_cost_saved_pounds 0.0" in text
    assert 'gridwise_breaker_open{cause="model_access"} 1.0' in text
