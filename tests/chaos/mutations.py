"""Guards that are taken out on purpose: with any of them missing, the harness has to find something.

Each is taken out by what replaces it, never by a change of its text, and counts how often that made a difference: a
mutation that never came into play proves nothing.
"""

from pathlib import Path
from typing import Any, Final, Literal, TypeAlias, get_args

import psycopg

Mutation: TypeAlias = Literal[
    "completion unfenced",
    "checkpoint unfenced",
    "heartbeat on the event loop",
    "expiry by the client's clock",
    "edits unseen",
    "groups stand or fall together",
    "power from the shared table",
    "order by the user's date",
    "no breaker",
]
MUTATIONS: Final[tuple[Mutation, ...]] = get_args(Mutation)
BREAKS: Final[dict[Mutation, str]] = {
    "completion unfenced": "I4",
    "checkpoint unfenced": "I8",
    "heartbeat on the event loop": "I13",
    "expiry by the client's clock": "I7",
    "edits unseen": "I12",
    "groups stand or fall together": "I2",
    "power from the shared table": "I11",
    "order by the user's date": "I14",
    "no breaker": "I15",
}
"""The invariant that each guard keeps: a mutant that breaks only others has not been recognised."""
IN_THE_POLLER: Final = ("heartbeat on the event loop", "no breaker")
"""Done by `tests.chaos.worker`; they leave their trace in a file."""

_SQL: Final[dict[Mutation, str]] = {
    "completion unfenced": """
create or replace function public.complete_workloads(p_items jsonb) returns jsonb language plpgsql as $$
declare i record; done bigint[] := '{}';
begin
    perform set_config('gridwise.writing', 'on', true);
    for i in select * from jsonb_to_recordset(p_items) as i (workload_id uuid, token bigint, result jsonb) loop
        if not exists (select from agent.queue as q where q.workload_id = i.workload_id and q.token = i.token) then
            perform nextval('chaos.exercised');
        end if;
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
""",
    "checkpoint unfenced": """
create or replace function agent.check_fence(p_thread text, p_token bigint) returns void language plpgsql as $$
begin
    perform from agent.thread_fence where thread_id = p_thread and token = p_token;
    if not found then
        perform nextval('chaos.exercised');
    end if;
end $$;
""",
    "expiry by the client's clock": """
create function chaos.clock_timestamp() returns timestamptz language sql volatile as $$
    select pg_catalog.clock_timestamp() + coalesce(current_setting('gridwise.skew', true), '0')::interval
        * sign(nextval('chaos.exercised'))
$$;
alter function public.claim_workloads(text, integer, double precision, integer, uuid, boolean)
    set search_path = chaos, pg_catalog;
""",
    "edits unseen": """
create or replace view agent.inputs with (security_invoker = true) as
select w.id, w.status, w.agent_status, agent.inputs_of(w) as inputs,
    '00000000-0000-0000-0000-000000000000'::uuid as hash, w.xmin as version
from public.compute_workloads as w;
create or replace function agent.on_update() returns trigger language plpgsql security definer as $$
begin
    perform nextval('chaos.exercised') from new_rows as n inner join old_rows as o using (id)
    where n.priority is distinct from o.priority;
    return null;
end $$;
""",
    "groups stand or fall together": """
alter function public.claim_workloads(text, integer, double precision, integer, uuid, boolean) rename to claim_each;
create function public.claim_workloads(
    p_owner text, p_limit integer, p_lease_seconds double precision, p_max_attempts integer,
    p_request uuid default null, p_resend boolean default false
) returns jsonb language plpgsql as $$
declare
    answer jsonb := public.claim_each(p_owner, p_limit, p_lease_seconds, p_max_attempts, p_request, p_resend);
begin
    if exists (
        select from jsonb_to_recordset(answer) as i (workload_id uuid, token bigint)
        inner join agent.queue as q using (workload_id, token) where q.project = 'processing'
    ) then
        perform nextval('chaos.exercised');
        raise exception 'one row of the group refuses';
    end if;
    return answer;
end $$;
""",
    "power from the shared table": """
create or replace function agent.power_promises(p_start timestamptz, p_end timestamptz)
returns table (workload_id uuid, asset_id uuid, starts timestamptz, ends timestamptz, power_kw numeric)
language sql as $$
    select w.id, w.recommended_asset_id, w.recommended_time_window_start, w.recommended_time_window_end,
        (w.metadata #>> '{provenance,power_kw}')::numeric * sign(nextval('chaos.exercised'))
    from public.compute_workloads as w
    where w.status = 'queued' and jsonb_typeof(w.metadata #> '{provenance,power_kw}') = 'number'
$$;
""",
    "order by the user's date": """
create function chaos.order_by_date() returns trigger language plpgsql as $$
declare
    given constant timestamptz := (
        select w.submitted_at from public.compute_workloads as w where w.id = new.workload_id
    );
begin
    if given < now() - interval '1 day' then
        perform nextval('chaos.exercised');
        new.round := (agent.turns())[new.rank + 1];
        new.due := given;
    end if;
    return new;
end $$;
create trigger chaos_order before insert on agent.queue for each row execute function chaos.order_by_date();
""",
}


async def apply(mutation: Mutation | None, connection: psycopg.AsyncConnection[Any]) -> None:
    """The part of a mutation that is in the database; `tests.chaos.worker` does the rest."""
    if mutation is not None and mutation not in IN_THE_POLLER:
        await connection.execute(_SQL[mutation].encode())


def leave_trace(folder: Path) -> None:
    """A mutation of the poller came into play."""
    with (folder / "exercised").open("a") as file:
        file.write("once\n")


def times_exercised(folder: Path, url: str) -> int:
    """How often a mutation made a difference."""
    traces = folder / "exercised"
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "select case when is_called then last_value else 0 end from chaos.exercised"
        ).fetchone()
    return int(row[0] if row else 0) + (len(traces.read_text().splitlines()) if traces.exists() else 0)
