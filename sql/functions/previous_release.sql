-- A call that was under way with the body of the release before is told to come again, and finds the new one.
create or replace function agent.leases_have_moved()
returns trigger language plpgsql set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'leases have moved to agent.queue while this call was under way; send it again'
        using errcode = '40001';
end
$$;

-- Takes over, once and in the transaction that replaces its functions, what the release before has: leases with their
-- reservations, and rows that wait. Power that it promised is rebuilt from our own history: a row counts as long as it is
-- still the very version that our completion wrote (same transaction, same moment), whatever its user may have written
-- before or since.
do $$
declare
    t timestamptz := clock_timestamp();
begin
    if exists (select from pg_catalog.pg_trigger where tgname = 'leases_have_moved') then
        return;
    end if;
    perform set_config('timezone', 'UTC', true);
    perform set_config('lock_timeout', '400ms', true);
    insert into agent.queue as q (
        workload_id, submission, user_id, rank, round, arrived, due, state, thread_id, attempt, token, owner, until,
        claimed_at, started_at, request, last_error, inputs
    )
    select l.workload_id, 1, agent.user_of(w.user_id), agent.queue_rank(w.urgency, w.deadline, w.latest_completion), 0,
        l.claimed_at, l.claimed_at, case when l.owner is null then 'retry' else 'running' end, l.thread_id, l.attempt,
        l.token, l.owner, l.until, l.claimed_at, w.agent_started_at, l.request, l.last_error, i.hash
    from agent.leases as l
    inner join public.compute_workloads as w on w.id = l.workload_id and w.status = 'processing'
    inner join agent.inputs as i on i.id = w.id
    on conflict (workload_id) do update
    set submission = q.submission + 1, state = excluded.state, thread_id = excluded.thread_id,
        attempt = excluded.attempt, token = excluded.token, owner = excluded.owner, until = excluded.until,
        claimed_at = excluded.claimed_at, started_at = excluded.started_at, request = excluded.request,
        last_error = excluded.last_error, inputs = excluded.inputs, project = null;
    insert into agent.power (workload_id, submission, asset_id, starts, ends, power_kw)
    select l.workload_id, q.submission, p.asset_id, p.start, max(p."end"), sum(p.power_kw)
    from agent.leases as l
    inner join agent.queue as q on q.workload_id = l.workload_id
    cross join lateral jsonb_to_recordset(l.reserved) as p (
        asset_id uuid, start timestamptz, "end" timestamptz, power_kw numeric
    )
    where isfinite(p.start) and isfinite(p."end") and p."end" > p.start and p.power_kw >= 0 and p.power_kw < 1e9
    group by l.workload_id, q.submission, p.asset_id, p.start
    on conflict do nothing;
    delete from agent.leases;

    insert into agent.queue (
        workload_id, user_id, rank, round, arrived, due, state, thread_id, attempt, token, claimed_at, started_at
    )
    select r.workload_id, agent.user_of(w.user_id), 2, 0, r.claimed_at, r.claimed_at, 'done', r.thread_id, r.attempt,
        r.token, r.claimed_at, r.claimed_at
    from agent.runs as r
    inner join public.compute_workloads as w on w.id = r.workload_id
    where r.outcome = 'queued' and r.ended_at > now() - interval '30 days' and w.xmin = r.xmin
    and w.agent_completed_at = r.ended_at
    and not exists (  -- restored in one transaction: then equal transactions prove nothing
        select from agent.runs as o where o.xmin = r.xmin and o.ended_at <> r.ended_at
    )
    on conflict do nothing;
    insert into agent.power (workload_id, submission, asset_id, starts, ends, power_kw)
    select q.workload_id, q.submission, p.asset_id, p.starts, p.ends, p.power_kw
    from agent.queue as q
    inner join agent.runs as r on r.workload_id = q.workload_id and r.token = q.token and r.outcome = 'queued'
    inner join public.compute_workloads as w on w.id = q.workload_id and w.xmin = r.xmin
    cross join lateral agent.power_of(jsonb_build_object('metadata', w.metadata, 'options', jsonb_build_array(
        jsonb_build_object('asset_id', w.recommended_asset_id, 'start', w.recommended_time_window_start,
            'end', w.recommended_time_window_end)
    ))) as p
    where q.state = 'done' and w.recommended_asset_id is not null and p.ends > now()
    on conflict do nothing;

    -- in the order in which a user's rows came as far as one can tell; users in turn
    perform agent.enter(array(
        select w.id
        from public.compute_workloads as w
        left join agent.queue as q on q.workload_id = w.id
        where (w.status = 'pending' or (w.status = 'queued' and w.agent_status = 'pending'))
        and not coalesce(q.state in ('waiting', 'running', 'retry') or q.project is not null, false)
        order by least(w.submitted_at, now()), w.id
    ));
end
$$;

select agent.ensure_trigger('leases_have_moved', 'before insert or update or delete on agent.leases
    for each statement execute function agent.leases_have_moved()');

-- what only the functions of the release before read
drop index if exists public.compute_workloads_queue_idx;
drop index if exists public.compute_workloads_promised_idx;
