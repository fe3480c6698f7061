"""What a poller counts, for Prometheus, and the small server that hands it out together with `/healthz`."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime

from langchain_core.callbacks import UsageMetadataCallbackHandler
from langchain_core.messages.ai import UsageMetadata
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

    def render(self) -> bytes:
        return generate_latest(self.registry)

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
        """`submitted_at` as the row has it, ISO 8601; what a user put there that is no time is not counted."""
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

    def on_chat_model_start(self, *args: object, **kwargs: object) -> None:
        """Nothing to count yet; without this method LangChain renders every prompt as text to ask again."""
