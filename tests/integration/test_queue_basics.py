import pytest

from persistence.rpc import RpcStore

pytestmark = pytest.mark.anyio


async def test_a_submitted_row_is_claimed_once(store: RpcStore) -> None:
    (workload_id,) = await store.submit([{"workload_name": "one"}])
    claims = await store.claim(owner="a", limit=5, lease_seconds=60, max_attempts=5)
    assert [claim.lease.workload_id for claim in claims] == [workload_id]
    assert claims[0].row["status"] == "processing"
    assert await store.claim(owner="b", limit=5, lease_seconds=60, max_attempts=5) == []
