"""Runs handed to a LangGraph Server: the same thread, joined and written back under the same lease.

A poller that dies is followed by one whose lease names the same thread: it joins the run that is under way, or reads
what it left. A server that dies has its checkpoints in the same database: the run is begun again from the last one.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import httpx
from langgraph_sdk.client import LangGraphClient
from langgraph_sdk.errors import APIConnectionError, APIStatusError, ConflictError, InternalServerError, NotFoundError
from pydantic import ValidationError

from graph.worker.executor import ExecutorConfig, classify, is_too_late
from graph.worker.outcome import Begun, Failed, Outcome, Recommended, Report, Retry
from persistence.retry import Fault
from persistence.store.queue import Claim, Lease
from persistence.workload import Recommendation

ASSISTANT: Final = "placement"
RETRYABLE_ERROR: Final = "RetryableRunFailed"
"""As the server's graph calls what another attempt may mend; its other errors of that kind are final."""
FINAL_ERROR: Final = "RunFailed"
PLAN_ANEW: Final = "PlanAnew"
"""Where the thread cannot be continued: a new one is begun, once."""
_UNDER_WAY: Final = frozenset({"pending", "running"})
_PAUSE_SECONDS: Final = 1.0
_PATIENCE_SECONDS: Final = 5.0
"""For a connection that was cut. A server that is away longer is the breaker's affair."""


class ServerAway(Exception):  # noqa: N818  says what happened
    """The server cannot be reached or is at fault; the run, if there is one, continues without us."""

    retryable = True
    cause: str | None = "langgraph_server"
    is_certain = True

    def __init__(self, reason: str) -> None:
        super().__init__(f"The LangGraph Server cannot be used: {reason}")


@dataclass(frozen=True)
class Server:
    """A LangGraph Server that serves our graph on the same database."""

    client: LangGraphClient

    @classmethod
    @asynccontextmanager
    async def at(cls, url: str, key: str | None) -> "AsyncIterator[Server]":
        """No key but the given one is sent, whatever the environment has."""
        # the SDK's own client tries for 8 s to connect, each time: what is patient here is `HandedOver`
        http = httpx.AsyncClient(
            base_url=url,
            transport=httpx.AsyncHTTPTransport(),
            timeout=httpx.Timeout(connect=10, read=None, write=30, pool=30),
            headers={"x-api-key": key} if key else {},
        )
        async with LangGraphClient(http) as client:
            yield cls(client)


class HandedOver:
    """Brings one claimed workload to its outcome on a server. Call `run` once."""

    def __init__(self, claim: Claim, config: ExecutorConfig, server: Server) -> None:
        self._lease: Lease = claim.lease
        self._row = claim.row
        self._config = config
        self._client = server.client
        self._begun: Begun | None = None
        """How the run began; set once its state on the server is known."""
        self._fault: Fault | None = None
        """Set where the server was away for too long; both are read for the report."""
        self._away_since: float | None = None
        """By the loop's clock; None while the server answers."""

    async def run(self) -> Report:
        """Raises nothing but cancellation; then the run goes on, and the next holder of the lease joins it."""
        seconds = self._config.max_run_seconds
        try:
            async with asyncio.timeout(seconds):
                outcome = await self._patiently()
        except TimeoutError:
            outcome = Retry(error=f"The run took longer than {seconds:.0f} s.")
        return Report(lease=self._lease, outcome=outcome, begun=self._begun, fault=self._fault)

    async def _patiently(self) -> Outcome:
        loop = asyncio.get_running_loop()
        while True:
            try:
                return await self._to_outcome()
            except ServerAway as error:
                self._away_since = self._away_since or loop.time()
                if loop.time() - self._away_since >= _PATIENCE_SECONDS:
                    self._fault = error
                    return Retry(error=str(error), kind="langgraph_server")
                await asyncio.sleep(_PAUSE_SECONDS)
            except Exception as error:
                return classify(error, self._row)

    async def _to_outcome(self) -> Outcome:
        values = await self._values()
        if _error(values)[0] == PLAN_ANEW or (self._begun != "started" and self._is_too_late(values)):
            self._lease = await self._config.new_thread(self._lease)
            values = await self._values()
        return self._outcome(values)

    async def _values(self) -> Mapping[str, Any]:
        try:
            return await self._joined(str(self._lease.thread_id))
        except (APIConnectionError, InternalServerError, NotFoundError, httpx.TransportError) as error:
            raise ServerAway(str(error) or type(error).__name__) from error
        except APIStatusError as error:
            msg = f"it refused the run: {error}"
            raise ServerAway(msg) from error

    async def _joined(self, thread: str) -> Mapping[str, Any]:
        """The final values of the thread's run, whoever began it; `__error__` in them where it failed."""
        labels = {"workload_id": str(self._lease.workload_id)}
        await self._client.threads.create(thread_id=thread, if_exists="do_nothing", graph_id=ASSISTANT, metadata=labels)
        self._away_since = None
        run = await self._last_run(thread)
        if run is not None and run["status"] in _UNDER_WAY:
            self._begun = self._begun or "resumed"
        elif run is not None and run["status"] == "success":
            self._begun = self._begun or "read back"
        else:
            run = await self._create(thread, labels)
        await self._client.runs.join(thread, run["run_id"])
        return await self._left_by(thread, run["run_id"])

    async def _left_by(self, thread: str, run_id: str) -> Mapping[str, Any]:
        status = (await self._client.runs.get(thread, run_id))["status"]
        if status in _UNDER_WAY:
            msg = "the connection ended before the run did"
            raise ServerAway(msg)
        state = await self._client.threads.get_state(thread)
        values = state["values"] if isinstance(state["values"], Mapping) else {}
        if status == "success":
            return values
        found = await self._client.threads.get(thread)
        return {**values, "__error__": found.get("error") or {"error": status, "message": f"the run ended as {status}"}}

    async def _last_run(self, thread: str) -> Mapping[str, Any] | None:
        runs = await self._client.runs.list(thread, limit=1)
        return runs[0] if runs else None

    async def _create(self, thread: str, labels: Mapping[str, str]) -> Mapping[str, Any]:
        """Begun, or resumed from what is stored. Of two that come at the same time one creates and both join."""
        state = await self._client.threads.get_state(thread)
        given = None if state["next"] else self._input()
        self._begun = self._begun or ("started" if given else "resumed")
        try:
            return await self._client.runs.create(
                thread,
                ASSISTANT,
                input=given,
                metadata=labels,
                config={"recursion_limit": self._config.recursion_limit},
                multitask_strategy="reject",
                durability="sync",
            )
        except ConflictError:
            run = await self._last_run(thread)
            if run is None:
                raise
            return run

    def _input(self) -> dict[str, Any]:
        """Raises `InvalidWorkload` before the server is troubled."""
        given = self._config.input_for(self._row, self._config.clock())
        return {**given, "clock": given["clock"].isoformat()}

    def _is_too_late(self, values: Mapping[str, Any]) -> bool:
        clock = values.get("clock")
        known = {"clock": datetime.fromisoformat(str(clock))} if clock else {}
        found = _recommendation(values)
        return is_too_late({**known, **({"recommendation": found} if found else {})}, self._config.clock())

    def _outcome(self, values: Mapping[str, Any]) -> Outcome:
        name, message = _error(values)
        if name == FINAL_ERROR:
            return Failed(error=message)
        if name:
            is_ours = name in (RETRYABLE_ERROR, PLAN_ANEW)
            return Retry(error=message if is_ours else f"The LangGraph Server: {name}: {message}")
        found = _recommendation(values)
        if found is None:
            return Failed(error="Internal error: the run ended without a recommendation.")
        return Recommended(recommendation=found)


def _recommendation(values: Mapping[str, Any]) -> Recommendation | None:
    """As JSON again after its way through the server; None where there is none."""
    try:
        return Recommendation.model_validate(values["recommendation"]) if values.get("recommendation") else None
    except ValidationError as error:
        msg = f"the server's recommendation cannot be read: {error.errors()[0]['msg']}"
        raise ServerAway(msg) from error


def _error(values: Mapping[str, Any]) -> tuple[str, str]:
    """Class and message of what ended the run, in whichever of the server's forms: an object, or the exception's repr.
    Empty where nothing did."""
    error = values.get("__error__")
    if error is None:
        return "", ""
    if isinstance(error, Mapping):
        return str(error.get("error", "Error")), str(error.get("message", "no message"))
    name, _, rest = str(error).partition("(")
    return name, rest.rstrip(")").strip("'\"") or name
