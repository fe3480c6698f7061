"""What a poller counts, for Prometheus, and the small server that hands it out together with `/healthz`."""

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime
from time import monotonic
from typing import Any
from uuid import UUID

from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages.ai import UsageMetadata
from langchain_core.outputs import LLMResult
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from pydantic import JsonValue

from persistence.store.operations import Depth

_RUN_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900)
_CALL_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5)
_WAIT_SECONDS = (0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30, 60, 300, 1800, 7200)

Health = Callable[[], tuple[bool, Mapping[str, JsonValue]]]


class Metrics:
    """One registry per poller; label values are few and fixed, model names aside."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.queue_depth = Gauge(
            "gridwise_queue_depth", "Workloads in the queue, by state.", ["state"], registry=self.registry
        )
        self.oldest_pending = Gauge(
            "gridwise_oldest_pending_seconds", "Age of the oldest waiting workload.", registry=self.registry
        )
        self.in_flight = Gauge(
            "gridwise_runs_in_flight",
            "Workloads leased by this poller: runs, and results on their way.",
            registry=self.registry,
        )
        self.claim_latency = Histogram(
            "gridwise_claim_seconds", "Duration of a claim call.", buckets=_CALL_SECONDS, registry=self.registry
        )
        self.queue_wait = Histogram(
            "gridwise_queue_wait_seconds",
            "From submission to the first claim.",
            buckets=_WAIT_SECONDS,
            registry=self.registry,
        )
        self.run_duration = Histogram(
            "gridwise_run_seconds",
            "From claim to the written outcome.",
            ["outcome"],
            buckets=_RUN_SECONDS,
            registry=self.registry,
        )
        self.runs_begun = Counter(
            "gridwise_runs_begun",
            "Runs by how they began.",
            ["how"],
            registry=self.registry,
        )
        self.retries = Counter("gridwise_retries", "Runs put back for another attempt.", registry=self.registry)
        self.lease_losses = Counter(
            "gridwise_lease_losses", "Runs whose lease somebody else took.", registry=self.registry
        )
        self.tokens = Counter(
            "gridwise_model_tokens", "Tokens spent, by model and kind.", ["model", "kind"], registry=self.registry
        )

        self.failures = Counter(
            "gridwise_failures", "Runs that ended without a result, by what failed.", ["kind"], registry=self.registry
        )
        self.model_seconds = Histogram(
            "gridwise_model_seconds", "Duration of a model call.", buckets=_RUN_SECONDS, registry=self.registry
        )
        self.model_errors = Counter(
            "gridwise_model_errors", "Model calls that failed, by what was raised.", ["error"], registry=self.registry
        )
        self.source_age = Gauge(
            "gridwise_source_age_seconds", "Age of the figures last decided on.", ["source"], registry=self.registry
        )
        self.source_mode = Gauge(
            "gridwise_source_mode", "1 for how the figures last decided on came.", ["source", "mode"],
            registry=self.registry,
        )  # fmt: skip
        self.carbon_saved = Gauge(
            "gridwise_carbon_saved_grams", "Against running now, since the start.", registry=self.registry
        )
        self.cost_saved = Gauge(
            "gridwise_cost_saved_pounds", "Against running now, since the start.", registry=self.registry
        )
        self.breaker_open = Gauge(
            "gridwise_breaker_open", "1 while claims stop for this cause.", ["cause"], registry=self.registry
        )
        self.poller = Gauge("gridwise_poller_info", "1 per poller alive.", ["owner"], registry=self.registry)
        self.before_render: list[Callable[[], None]] = []
        """What is read when it is asked for."""

    def render(self) -> bytes:
        for update in self.before_render:
            update()
        return generate_latest(self.registry)

    def observe_breakers(self, causes: Iterable[str]) -> None:
        self.breaker_open.clear()
        for cause in causes:
            self.breaker_open.labels(cause).set(1)

    def observe_decision(self, provenance: object) -> None:
        """`metadata.provenance` of a recommendation that was written."""
        if not isinstance(provenance, Mapping):
            return
        for source in ("carbon", "price"):
            note = provenance.get(source)
            if isinstance(note, Mapping):
                self.source_mode.remove_by_labels({"source": source})
                self.source_mode.labels(source, str(note.get("mode"))).set(1)
                if isinstance(age := note.get("age_seconds"), int | float):
                    self.source_age.labels(source).set(age)
        saved = provenance.get("savings")
        if isinstance(saved, Mapping):
            for gauge, figure in ((self.carbon_saved, saved.get("carbon_g")), (self.cost_saved, saved.get("cost_gbp"))):
                if isinstance(figure, int | float):
                    gauge.inc(figure)

    def observe_run(self, outcome: str, seconds: float, begun: str | None, usage: Mapping[str, UsageMetadata]) -> None:
        """`usage` per model name, as LangChain's usage callback collects it."""
        self.run_duration.labels(outcome).observe(seconds)
        if begun:
            self.runs_begun.labels(begun).inc()
        if outcome == "retry":
            self.retries.inc()
        if outcome == "lost":
            self.lease_losses.inc()
        for model, spent in usage.items():
            self.tokens.labels(model, "input").inc(spent["input_tokens"])
            self.tokens.labels(model, "output").inc(spent["output_tokens"])

    def observe_wait(self, submitted_at: str, now: datetime) -> None:
        """`submitted_at` as the row has it, ISO 8601; what is not a time is not counted."""
        with suppress(ValueError, TypeError):
            self.queue_wait.observe(max(0.0, (now - datetime.fromisoformat(submitted_at)).total_seconds()))

    def observe_depth(self, depth: Depth) -> None:
        self.queue_depth.labels("pending").set(depth["pending"])
        self.queue_depth.labels("in_flight").set(depth["in_flight"])
        self.queue_depth.labels("waiting_for_retry").set(depth["waiting_for_retry"])
        self.queue_depth.labels("overdue").set(depth["overdue"])
        self.queue_depth.labels("parked").set(depth["parked"])
        self.oldest_pending.set(depth["oldest_pending_seconds"] or 0)


class TokenUsage(UsageMetadataCallbackHandler):
    """The stock handler, called in place and for models only.

    As it comes, LangChain hands each event of every node to a thread: a hundred thread changes per workload, and a
    fifth of the poller's throughput.
    """

    run_inline = True
    ignore_chain = True
    ignore_agent = True
    ignore_retriever = True
    ignore_custom_event = True

    def __init__(self, metrics: Metrics) -> None:
        super().__init__()
        self._metrics = metrics
        self._started: dict[UUID, float] = {}

    def on_chat_model_start(self, *args: object, run_id: UUID, **kwargs: object) -> None:
        """Without this method LangChain renders every prompt as text to ask again."""
        self._started[run_id] = monotonic()

    def on_llm_end(self, response: LLMResult, **kwargs: Any) -> None:  # noqa: ANN401  the base class's
        self._observe(kwargs["run_id"])
        super().on_llm_end(response, **kwargs)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: object) -> None:
        self._observe(run_id)
        self._metrics.model_errors.labels(type(error).__name__).inc()

    def _observe(self, run_id: UUID) -> None:
        started = self._started.pop(run_id, None)
        if started is not None:
            self._metrics.model_seconds.observe(monotonic() - started)
