"""One line per workload as its result is written: what `gridwise run --until-empty` prints."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from graph.views.answer import answered_row
from persistence.store.queue import Claim, FailOutcome, Lease, Queue
from persistence.transports.rpc import Rpc
from persistence.workload import Recommendation, Row

Report = Callable[[Row], None]


class ReportingQueue(Queue):
    """The same queue; calls `report` with each row that got its answer or failed for good, once the database has it."""

    def __init__(self, rpc: Rpc, report: Report) -> None:
        super().__init__(rpc)
        self._report = report
        self._rows: dict[UUID, Row] = {}
        """As claimed; taken out when it is reported."""

    async def claim(self, *, owner: str, limit: int, lease_seconds: float, max_attempts: int) -> list[Claim]:
        claims = await super().claim(owner=owner, limit=limit, lease_seconds=lease_seconds, max_attempts=max_attempts)
        self._rows |= {claim.lease.workload_id: claim.row for claim in claims}
        return claims

    async def complete_all(self, results: Sequence[tuple[Lease, Recommendation]]) -> Any:  # noqa: ANN401
        done = await super().complete_all(results)
        for lease, recommendation in results:
            if lease.token in done.written and (row := self._rows.pop(lease.workload_id, None)) is not None:
                self._report(answered_row(row, recommendation))
        return done

    async def fail(self, lease: Lease, error: str, **options: Any) -> FailOutcome:  # noqa: ANN401
        outcome = await super().fail(lease, error, **options)
        if outcome == "failed" and (row := self._rows.pop(lease.workload_id, None)) is not None:
            self._report({**row, "status": "failed", "agent_status": "failed", "agent_error": error})
        return outcome
