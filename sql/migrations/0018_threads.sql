-- A workload's threads: a new one where a plan is made anew, and those whose checkpoints may go.

-- A run that must be planned anew gets a new thread under the same lease. Null: the lease is lost.
create or replace function public.start_new_thread(p_id uuid, p_token bigint)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    v_old uuid;
    v_new uuid := gen_random_uuid();
begin
    select l.thread_id into v_old from agent.leases as l
    where l.workload_id = p_id and l.token = p_token and l.owner is not null for update;
    if not found then
        return null;
    end if;
    update agent.leases as l set thread_id = v_new where l.workload_id = p_id;
    insert into agent.left_threads (thread_id, workload_id) values (v_old, p_id) on conflict do nothing;
    return to_jsonb(v_new);
end
$$;

-- Threads that ended, or were left, that long ago, and that no lease will resume.
create or replace function public.prunable_threads(p_retention_seconds double precision, p_limit integer)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_agg(distinct x.thread_id), '[]')
    from (
        (
            select r.thread_id from agent.runs as r
            where not r.checkpoints_pruned
            and r.ended_at < now() - make_interval(secs => p_retention_seconds)
            and not exists (
                select from agent.leases as l where l.workload_id = r.workload_id and l.thread_id = r.thread_id
            )
            and not exists (
                select from agent.runs as n
                where n.workload_id = r.workload_id and n.thread_id = r.thread_id
                and n.ended_at >= now() - make_interval(secs => p_retention_seconds)
            )
            order by r.ended_at limit p_limit
        )
        union all
        (
            select t.thread_id from agent.left_threads as t
            where t.left_at < now() - make_interval(secs => p_retention_seconds)
            limit p_limit
        )
    ) as x
$$;

create or replace function public.mark_threads_pruned(p_threads uuid[], p_retention_seconds double precision)
returns jsonb
language sql
set search_path = ''
as $$
    with marked as (
        update agent.runs as r set checkpoints_pruned = true
        where not r.checkpoints_pruned
        and r.ended_at < now() - make_interval(secs => p_retention_seconds)
        and r.thread_id = any(p_threads)
        returning 1
    ), gone as (
        delete from agent.left_threads as t
        where t.thread_id = any(p_threads) and t.left_at < now() - make_interval(secs => p_retention_seconds)
        returning 1
    )
    select to_jsonb((select count(*) from marked) + (select count(*) from gone))
$$;

select agent.only_service_role(array[
    'public.start_new_thread(uuid, bigint)',
    'public.prunable_threads(double precision, integer)',
    'public.mark_threads_pruned(uuid[], double precision)'
]);

notify pgrst, 'reload schema';

insert into agent.migrations (name) values ('0018_threads') on conflict (name) do nothing;
