"""Guards that are taken out on purpose: with any of them missing, the harness has to find something."""

from typing import Final, Literal, TypeAlias, get_args

import psycopg

import sql

Mutation: TypeAlias = Literal[
    "completion unfenced",
    "checkpoint unfenced",
    "heartbeat on the event loop",
    "expiry by the client's clock",
    "edits unseen",
    "groups stand or fall together",
]
MUTATIONS: Final[tuple[Mutation, ...]] = get_args(Mutation)
BREAKS: Final[dict[Mutation, str]] = {
    "completion unfenced": "I4",
    "checkpoint unfenced": "I8",
    "heartbeat on the event loop": "I13",
    "expiry by the client's clock": "I7",
    "edits unseen": "I12",
    "groups stand or fall together": "I2",
}
"""The invariant that each guard keeps: a mutant that breaks only others has not been recognised."""

_COMPLETION_UNFENCED = b"""
create or replace function public.complete_workloads(p_items jsonb) returns jsonb language plpgsql as $$
declare i record; done bigint[] := '{}';
begin
    perform set_config('gridwise.writing', 'on', true);
    for i in select * from jsonb_to_recordset(p_items) as i (workload_id uuid, token bigint, result jsonb) loop
        perform agent.note(array[i.workload_id], 'queued', null);
        update agent.queue set state = 'done', until = null, project = null where workload_id = i.workload_id;
        update public.compute_workloads set status = 'queued', agent_status = 'completed',
            decision_summary = i.result ->> 'decision_summary', agent_completed_at = clock_timestamp(),
            metadata = agent.merged(metadata, i.result -> 'metadata')
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


_NOW: Final = "    t := clock_timestamp()"
_SKEW: Final = " + coalesce(current_setting('gridwise.skew', true), '0')::interval"
_AND: Final = ";\n    v := agent.turns()"
_FALL_BACK: Final = "            if {} then\n                raise;"
_REPLACED: Final[dict[Mutation, tuple[str, str]]] = {
    "expiry by the client's clock": (_NOW + _AND, _NOW + _SKEW + _AND),
    "edits unseen": ("q.inputs is null or w.xmin = q.version", "true or w.xmin = q.version"),
    "groups stand or fall together": (_FALL_BACK.format("go = 2"), _FALL_BACK.format("true")),
}


async def apply(mutation: Mutation | None, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
    """The part of a mutation that is in the database; `tests.chaos.worker` does the rest."""
    if mutation == "completion unfenced":
        await connection.execute(_COMPLETION_UNFENCED)
    elif mutation == "checkpoint unfenced":
        await connection.execute(_CHECKPOINT_UNFENCED)
    elif mutation is not None and mutation in _REPLACED:
        functions = "".join(one.text for one in sql.functions())
        old, new = _REPLACED[mutation]
        assert old in functions, f"the functions no longer say {old!r}, which this mutation changes"
        if mutation == "edits unseen":
            await connection.execute("alter table compute_workloads disable trigger gridwise_queue_update")
        await connection.execute(functions.replace(old, new).encode())
