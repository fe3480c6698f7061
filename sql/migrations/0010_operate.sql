-- What the command line and the graph ask: submit, read, catalogue, commitments, requeue, status, history; the shared
-- source cache; the threads whose checkpoints may go.

-- Rows as objects with the columns' names. A row that is already there (a re-send) is left alone. Ids in given order.
create or replace function public.submit_workloads(p_rows jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    r jsonb;
    c text;
    names text;
    unknown text;
    v_id uuid;
    ids uuid[] := '{}';
begin
    for r in select value from jsonb_array_elements(p_rows) loop
        v_id := coalesce((r ->> 'id')::uuid, gen_random_uuid());
        r := (r - 'status' - 'agent_status') || jsonb_build_object('id', v_id, 'status', 'pending', 'agent_status', 'pending');
        select string_agg(k, ', ') into unknown from jsonb_object_keys(r) as k
        where not exists (
            select from pg_catalog.pg_attribute as a
            where a.attrelid = 'public.compute_workloads'::regclass and a.attname = k and a.attnum > 0
            and not a.attisdropped
        );
        if unknown is not null then
            raise exception 'compute_workloads has no column %', unknown using errcode = '42703';
        end if;
        select string_agg(format('%I', k), ', ') into names from jsonb_object_keys(r) as k;
        execute format(
            'insert into public.compute_workloads (%1$s) select %1$s '
            'from jsonb_populate_record(null::public.compute_workloads, $1) on conflict (id) do nothing', names
        ) using r;
        ids := ids || v_id;
    end loop;
    return to_jsonb(ids);
end
$$;

create or replace function public.read_workload(p_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select to_jsonb(w) from public.compute_workloads as w where w.id = p_id
$$;

-- Active assets whose region is known. The region may be the row's id or NESO's number, as deployments have it.
create or replace function public.compute_catalogue()
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'asset_id', a.id, 'asset_name', a.asset_name, 'asset_type', a.asset_type,
        'region_number', u.region_id, 'region_id', u.id,
        'grid_zone_id', coalesce(
            (select z.id from public.grid_zones as z where z.id::text = a.grid_zone_id::text),
            agent.grid_zone_of(u.region_id)
        ),
        'rated_power_kw', a.rated_power_kw, 'max_deferral_hours', a.max_deferral_hours,
        'min_renewable_threshold_pct', a.min_renewable_threshold_pct,
        'carbon_intensity_cap_gco2_kwh', a.carbon_intensity_cap_gco2_kwh, 'metadata', a.metadata
    ) order by u.region_id, a.asset_name, a.id), '[]')
    from public.compute_assets as a
    inner join public.uk_regions as u
        on u.id::text = a.region_id::text or u.region_id::text = a.region_id::text
    where a.is_active is not false
$$;

-- Power promised to placed workloads that overlaps [p_start, p_end): one entry per stretch of a paused run.
create or replace function public.power_commitments(p_start timestamptz, p_end timestamptz)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_agg(jsonb_build_object(
        'workload_id', w.id, 'asset_id', w.recommended_asset_id, 'start', s.starts, 'end', s.ends,
        'power_kw', (w.metadata #>> '{provenance,power_kw}')::numeric
    ) order by s.starts, w.id), '[]')
    from public.compute_workloads as w
    cross join lateral (
        select (g.value ->> 'start')::timestamptz as starts, (g.value ->> 'end')::timestamptz as ends
        from jsonb_array_elements(
            case jsonb_typeof(w.metadata #> '{provenance,segments}')
                when 'array' then w.metadata #> '{provenance,segments}'
                else jsonb_build_array(jsonb_build_object(
                    'start', w.recommended_time_window_start, 'end', w.recommended_time_window_end
                ))
            end
        ) as g
    ) as s
    where w.recommended_asset_id is not null
    and w.recommended_time_window_end > p_start
    and w.recommended_time_window_start < p_end
    and w.agent_status = 'completed'
    and w.status in ('queued', 'scheduled', 'running')
    and jsonb_typeof(w.metadata #> '{provenance,power_kw}') = 'number'
    and s.starts < p_end and s.ends > p_start
$$;

-- `gridwise retry`. A failed workload resumes on its last thread, or (fresh) is submitted again; one that waits for
-- its next attempt is due at once; one that somebody works on is left alone. Returns the ids it took.
create or replace function public.requeue_workloads(p_ids uuid[], p_fresh boolean)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    waiting uuid[];
    given uuid[];
    taken uuid[];
begin
    if p_fresh then
        delete from agent.leases as l where l.workload_id = any(p_ids) and l.owner is null;
        with again as (
            update public.compute_workloads as w set status = 'pending', agent_status = 'pending'
            where w.id = any(p_ids)
            and not exists (select from agent.leases as l where l.workload_id = w.id)
            and (w.status in ('failed', 'processing') or (w.status = 'queued' and w.agent_status = 'completed'))
            returning w.id
        )
        select array_agg(a.id) into taken from again as a;
    else
        with due as (
            update agent.leases as l set until = clock_timestamp()
            where l.workload_id = any(p_ids) and l.owner is null returning l.workload_id
        )
        select array_agg(d.workload_id) into waiting from due as d;
        with made as (
            insert into agent.leases (workload_id, thread_id, token, owner, attempt, until)
            select
                w.id,
                coalesce(
                    (
                        select r.thread_id from agent.runs as r
                        where r.workload_id = w.id and not r.checkpoints_pruned order by r.token desc limit 1
                    ),
                    gen_random_uuid()
                ),
                nextval('agent.fence'), null, 0, clock_timestamp()
            from public.compute_workloads as w
            where w.id = any(p_ids) and w.status = 'failed'
            on conflict do nothing
            returning workload_id
        )
        select array_agg(m.workload_id) into given from made as m;
        with again as (
            update public.compute_workloads as w
            set status = 'processing', agent_status = 'processing', agent_error = null, agent_completed_at = null,
                agent_started_at = coalesce(w.agent_started_at, clock_timestamp()),
                metadata = agent.without_answer(w.metadata)
            where w.id = any(given) and w.status = 'failed'
            returning w.id
        )
        select array_agg(a.id) into taken from again as a;
        delete from agent.leases as l
        where l.workload_id = any(given) and not l.workload_id = any(coalesce(taken, '{}'));
        taken := coalesce(waiting, '{}') || coalesce(taken, '{}');
    end if;
    perform pg_catalog.pg_notify('compute_workloads', '');
    return coalesce(to_jsonb(taken), '[]');
end
$$;

-- Cheap: for a metrics endpoint that is asked every few seconds. Indexes only.
create or replace function public.queue_depth()
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object(
        'pending', (
            select count(*) from public.compute_workloads as w
            where w.status = 'pending' or (w.status = 'queued' and w.agent_status = 'pending')
        ),
        'oldest_pending_seconds', (
            select extract(epoch from now() - min(w.submitted_at)) from public.compute_workloads as w
            where w.status = 'pending' or (w.status = 'queued' and w.agent_status = 'pending')
        ),
        'in_flight', (select count(*) from agent.leases as l where l.owner is not null),
        'waiting_for_retry', (select count(*) from agent.leases as l where l.owner is null),
        'overdue', (select count(*) from agent.leases as l where l.until < clock_timestamp())
    )
$$;

-- Everything `gridwise status` shows. Reads the whole table once for the counts.
create or replace function public.queue_status()
returns jsonb
language sql
stable
set search_path = ''
as $$
    select public.queue_depth() || jsonb_build_object(
        'counts', (
            select coalesce(jsonb_agg(jsonb_build_object(
                'status', c.status, 'agent_status', c.agent_status, 'count', c.n
            ) order by c.status, c.agent_status), '[]')
            from (
                select w.status, w.agent_status, count(*) as n from public.compute_workloads as w
                group by w.status, w.agent_status
            ) as c
        ),
        'oldest_pending', (
            select jsonb_build_object('id', w.id, 'workload_name', left(w.workload_name, 200), 'submitted_at', w.submitted_at)
            from public.compute_workloads as w
            where w.status = 'pending' or (w.status = 'queued' and w.agent_status = 'pending')
            order by w.submitted_at limit 1
        ),
        'leases', (
            select coalesce(jsonb_agg(x.lease order by x.claimed_at), '[]')
            from (
                select l.claimed_at, jsonb_build_object(
                    'workload_id', l.workload_id, 'workload_name', left(w.workload_name, 200),
                    'thread_id', l.thread_id, 'owner', l.owner, 'attempt', l.attempt, 'claimed_at', l.claimed_at,
                    'age_seconds', extract(epoch from clock_timestamp() - l.claimed_at), 'until', l.until,
                    'last_error', l.last_error
                ) as lease
                from agent.leases as l
                left join public.compute_workloads as w on w.id = l.workload_id
                order by l.claimed_at limit 200
            ) as x
        ),
        'failures', (
            select coalesce(jsonb_agg(x.failure order by x.ended_at desc), '[]')
            from (
                select r.ended_at, jsonb_build_object(
                    'workload_id', r.workload_id, 'workload_name', left(w.workload_name, 200), 'attempt', r.attempt,
                    'ended_at', r.ended_at, 'error', coalesce(w.agent_error, r.error)
                ) as failure
                from agent.runs as r
                left join public.compute_workloads as w on w.id = r.workload_id
                where r.outcome = 'failed'
                order by r.ended_at desc limit 20
            ) as x
        ),
        'last_hour', (
            select jsonb_build_object(
                'queued', count(*) filter (where r.outcome = 'queued'),
                'failed', count(*) filter (where r.outcome = 'failed'),
                'retry', count(*) filter (where r.outcome = 'retry'),
                'lost', count(*) filter (where r.outcome = 'lost'),
                'released', count(*) filter (where r.outcome = 'released'),
                'cancelled', count(*) filter (where r.outcome = 'cancelled'),
                'median_seconds', percentile_cont(0.5) within group (
                    order by extract(epoch from r.ended_at - r.claimed_at)
                ) filter (where r.outcome = 'queued')
            )
            from agent.runs as r where r.ended_at > now() - interval '1 hour'
        ),
        -- a snapshot that somebody holds open makes every claim slower
        'oldest_transaction_seconds', (
            select extract(epoch from clock_timestamp() - min(a.xact_start)) from pg_catalog.pg_stat_activity as a
            where a.datname = current_database() and a.pid <> pg_backend_pid() and a.state <> 'idle'
        )
    )
$$;

-- Attempts, oldest first; the one under way or waited for last, with `outcome` running or waiting.
create or replace function public.workload_history(p_id uuid)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_agg(x.entry order by x.token), '[]')
    from (
        select r.token, jsonb_build_object(
            'workload_id', r.workload_id, 'thread_id', r.thread_id, 'token', r.token, 'attempt', r.attempt,
            'owner', r.owner, 'outcome', r.outcome, 'claimed_at', r.claimed_at, 'ended_at', r.ended_at,
            'seconds', extract(epoch from r.ended_at - r.claimed_at), 'error', r.error
        ) as entry
        from agent.runs as r where r.workload_id = p_id
        union all
        select l.token, jsonb_build_object(
            'workload_id', l.workload_id, 'thread_id', l.thread_id, 'token', l.token, 'attempt', l.attempt,
            'owner', l.owner, 'outcome', case when l.owner is null then 'waiting' else 'running' end,
            'claimed_at', l.claimed_at, 'ended_at', null, 'due_at', case when l.owner is null then l.until end,
            'seconds', extract(epoch from clock_timestamp() - l.claimed_at), 'error', l.last_error
        )
        from agent.leases as l where l.workload_id = p_id
    ) as x
$$;

-- Threads that ended before the retention time and that no lease will resume; then: they are gone.
create or replace function public.prunable_threads(p_retention_seconds double precision, p_limit integer)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select coalesce(jsonb_agg(distinct x.thread_id), '[]')
    from (
        select r.thread_id from agent.runs as r
        where not r.checkpoints_pruned
        and r.ended_at < now() - make_interval(secs => p_retention_seconds)
        and not exists (
            select from agent.leases as l where l.workload_id = r.workload_id and l.thread_id = r.thread_id
        )
        order by r.ended_at limit p_limit
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
    )
    select to_jsonb(count(*)) from marked
$$;

create or replace function public.source_cache_get(p_key text)
returns jsonb
language sql
stable
set search_path = ''
as $$
    select jsonb_build_object('payload', c.payload, 'fetched_at', c.fetched_at)
    from agent.source_cache as c where c.key = p_key and c.fetched_at is not null
$$;

create or replace function public.source_cache_put(p_key text, p_payload jsonb)
returns jsonb
language sql
set search_path = ''
as $$
    insert into agent.source_cache as c (key, payload, fetched_at)
    values (p_key, p_payload, clock_timestamp())
    on conflict (key) do update set payload = excluded.payload, fetched_at = excluded.fetched_at
    returning to_jsonb(c.fetched_at)
$$;

-- True: the caller fetches, until it unlocks or the time is over. A lease and not an advisory lock, because a fetch
-- must not occupy a connection, and through PostgREST there is no session to hold one.
create or replace function public.source_cache_lock(p_key text, p_holder uuid, p_seconds double precision)
returns jsonb
language sql
set search_path = ''
as $$
    with locked as (
        insert into agent.source_cache as c (key, locked_by, locked_until)
        values (p_key, p_holder, clock_timestamp() + make_interval(secs => p_seconds))
        on conflict (key) do update set locked_by = excluded.locked_by, locked_until = excluded.locked_until
        where c.locked_by is null or c.locked_by = p_holder or c.locked_until < clock_timestamp()
        returning 1
    )
    select to_jsonb(exists (select from locked))
$$;

create or replace function public.source_cache_unlock(p_key text, p_holder uuid)
returns jsonb
language sql
set search_path = ''
as $$
    with unlocked as (
        update agent.source_cache as c set locked_by = null, locked_until = null
        where c.key = p_key and c.locked_by = p_holder
        returning 1
    )
    select to_jsonb(exists (select from unlocked))
$$;

select agent.only_service_role(array[
    'public.submit_workloads(jsonb)',
    'public.read_workload(uuid)',
    'public.compute_catalogue()',
    'public.power_commitments(timestamptz, timestamptz)',
    'public.requeue_workloads(uuid[], boolean)',
    'public.queue_depth()',
    'public.queue_status()',
    'public.workload_history(uuid)',
    'public.prunable_threads(double precision, integer)',
    'public.mark_threads_pruned(uuid[], double precision)',
    'public.source_cache_get(text)',
    'public.source_cache_put(text, jsonb)',
    'public.source_cache_lock(text, uuid, double precision)',
    'public.source_cache_unlock(text, uuid)'
]);

insert into agent.migrations (name) values ('0010_operate') on conflict (name) do nothing;
