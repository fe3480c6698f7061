"""Guards that are taken out on purpose: with any of them missing, the harness has to find something."""

from typing import Final, Literal, TypeAlias, get_args

import psycopg

import sql

Mutation: TypeAlias = Literal[
    "completion unfenced", "checkpoint unfenced", "heartbeat on the event loop", "expiry by the client's clock"
]
MUTATIONS: Final[tuple[Mutation, ...]] = get_args(Mutation)
BREAKS: Final[dict[Mutation, str]] = {
    "completion unfenced": "I4",
    "checkpoint unfenced": "I8",
    "heartbeat on the event loop": "I11",
    "expiry by the client's clock": "I7",
}
"""The invariant that each guard keeps: a mutant that breaks only others has not been recognised."""

_COMPLETION_UNFENCED = b"""
create or replace function public.complete_workloads(p_items jsonb) returns jsonb language plpgsql as $$
declare i record; done bigint[] := '{}';
begin
    for i in select * from jsonb_to_recordset(p_items) as i (workload_id uuid, token bigint, result jsonb) loop
        with ended as (delete from agent.leases where workload_id = i.workload_id returning *)
        insert into agent.runs (workload_id, token, thread_id, attempt, owner, outcome, claimed_at)
        select workload_id, token, thread_id, attempt, owner, 'queued', claimed_at from ended;
        update public.compute_workloads set status = 'queued', agent_status = 'completed',
            decision_summary = i.result ->> 'decision_summary', agent_completed_at = clock_timestamp()
        where id = i.workload_id;
        done := done || i.token;
    end loop;
    return jsonb_build_object('written', done, 'busy', '{}'::bigint[]);
end $$;
"""

_CHECKPOINT_UNFENCED = b"""
create or replace function agent.check_fence(p_thread text, p_token bigint) returns void language sql as
$$ select $$;
"""


async def apply(mutation: Mutation | None, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    """The part of a mutation that is in the database; `tests.chaos.worker` does the rest."""
    if mutation == "completion unfenced":
        await connection.execute(_COMPLETION_UNFENCED)
    elif mutation == "checkpoint unfenced":
        await connection.execute(_CHECKPOINT_UNFENCED)
    elif mutation == "expiry by the client's clock":
        claim = next(script.text for script in sql.migrations() if script.name == "0008_claim")
        by_client = claim.replace(
            "v_now := clock_timestamp();",
            "v_now := clock_timestamp() + coalesce(current_setting('gridwise.skew', true), '0')::interval;",
        )
        assert by_client != claim, "the claim function no longer reads the clock where this mutation changes it"
        await connection.execute(by_client.encode())
