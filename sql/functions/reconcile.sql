-- Rows that came or left without our triggers (switched off, restored, a fault of ours): p_limit rows from where the last
-- call ended, one call at a time. Rows in `processing` that nobody works on enter after p_grace_seconds. Returns how many
-- entered, how many left, and whether the end was reached.
create or replace function agent.reconcile(p_grace_seconds double precision, p_limit integer)
returns jsonb language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    first constant uuid := '00000000-0000-0000-0000-000000000000';
    position uuid;
    last uuid;
    n integer;
    is_end boolean;
    ids uuid[];
    stop uuid[];
begin
    perform set_config('lock_timeout', '200ms', true);  -- it takes many rows of the queue, and gives up, never a user
    if not pg_try_advisory_xact_lock(hashtextextended('gridwise reconcile', 0)) then
        return jsonb_build_object('entered', 0, 'left', 0, 'end', true);
    end if;
    position := coalesce((select s.position from agent.sweep as s where s.what = 'open'), first);
    select (array_agg(x.id order by x.id desc))[1], count(*) into last, n
    from (
        select w.id from public.compute_workloads as w
        where (w.status = 'pending' or (w.status = 'queued' and w.agent_status = 'pending')) and w.id > position
        order by w.id limit p_limit
    ) as x;
    is_end := n < p_limit;
    select array_agg(w.id order by w.id) into ids
    from (
        select w.* from public.compute_workloads as w
        where (w.status = 'pending' or (w.status = 'queued' and w.agent_status = 'pending')) and w.id > position
        and w.id <= last
        union all
        (
            select w.* from public.compute_workloads as w
            where w.status = 'processing'
            and coalesce(w.agent_started_at, '-infinity') < now() - make_interval(secs => p_grace_seconds)
            limit 500
        )
    ) as w
    left join agent.queue as q on q.workload_id = w.id
    where not coalesce(q.state in ('waiting', 'running', 'retry') or q.project is not null, false);
    if ids is not null then
        perform agent.enter(ids);
    end if;
    insert into agent.sweep as s (what, position) values ('open', case when is_end then first else last end)
    on conflict (what) do update set position = excluded.position;

    position := coalesce((select s.position from agent.sweep as s where s.what = 'queue'), first);
    select (array_agg(x.id order by x.id desc))[1], count(*) into last, n
    from (
        select q.workload_id as id from agent.queue as q where q.workload_id > position
        order by q.workload_id limit p_limit
    ) as x;
    select array_agg(q.workload_id) into stop
    from agent.queue as q
    left join public.compute_workloads as w on w.id = q.workload_id
    where q.workload_id > position and q.workload_id <= last
    and (q.state in ('waiting', 'running', 'retry') or q.project is not null)
    and not coalesce(w.status = 'processing' or agent.is_open(w.status, w.agent_status), false);
    if stop is not null then
        perform agent.drop_work(stop, 'the workload left the state processing');
        perform agent.leave(stop, 'gone');
    end if;
    insert into agent.sweep as s (what, position) values ('queue', case when n < p_limit then first else last end)
    on conflict (what) do update set position = excluded.position;
    return jsonb_build_object('entered', coalesce(cardinality(ids), 0), 'left', coalesce(cardinality(stop), 0), 'end', is_end);
end
$$;

-- After a fault of a trigger: what it missed enters or leaves, a piece at a time, at most one a second. What is wrong with
-- the tables is the caller's error, so that it stops and says so; what passes (a lock) is left for the next call.
create or replace function agent.catch_up()
returns void language plpgsql set search_path = pg_catalog, pg_temp
as $$
declare
    t constant timestamptz := clock_timestamp();
begin
    perform from agent.trigger_faults as f
    where f.tried_at is null or f.tried_at < t - interval '1 second' for update skip locked;
    if not found then
        return;
    end if;
    update agent.trigger_faults as f set tried_at = t;
    if agent.reconcile(600, 5000) ->> 'end' = 'true' then
        delete from agent.trigger_faults as f where f.ends > 0;  -- twice: the scan may have begun anywhere
        update agent.trigger_faults as f set ends = 1;
    end if;
exception when others then
    if sqlstate like '42%' or sqlstate like '3F%' then
        raise;
    end if;
end
$$;

-- How many rows nobody knew of.
create or replace function public.adopt_orphans(p_grace_seconds double precision)
returns jsonb language sql set search_path = ''
as $$
    select agent.reconcile(p_grace_seconds, 5000) -> 'entered'
$$;
